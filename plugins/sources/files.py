"""A source whose annotations and images are files under the data root."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import ClassVar, Generic, TypeVar

import numpy as np

from harness.contracts.plugin import NoOptions
from harness.contracts.source import Sample, Source
from harness.errors import HarnessError
from harness.imaging.frame import Box
from harness.text import plain
from plugins.clinical.annotations import MISSING, AnnotationRow, RowFault, covering

PHYSIONET = "PhysioNet (credentialed access)"
CREDENTIALED = "PhysioNet Credentialed Health Data License: for credentialed users, not to be passed on"


ImageId = TypeVar("ImageId")
_NAMED = 12  # faults that a note names; it counts the others
_LONGEST = 300  # characters of a finding's or an image's name


@dataclass
class Group(Generic[ImageId]):
    """The rows that make one sample: its attribute, its image, its boxes, and what is wrong with those rows."""

    attribute: str
    image: ImageId | None = None
    boxes: list[Box] = field(default_factory=list)
    faults: list[RowFault] = field(default_factory=list)


class FileSource(Source):
    """Base of the clinical sources. ``sample.image`` is a path relative to the data root, with forward slashes.

    The first of ``data`` is the annotation file. Rows of it that cannot be read never stop a source: they are left out
    by name. A sample some of whose rows are odd keeps its number, as one whose image is missing does, but has no boxes,
    since a truth with a hole in it is none; asked for its image, it says why.
    """

    editor: ClassVar[str | None] = "radedit"

    def __init__(self, options: NoOptions | None = None, data_root: Path | None = None) -> None:
        super().__init__(options, data_root)
        self._odd: dict[int, str] = {}
        self._named: list[str] = []

    def begin(self) -> None:
        """Forget what an earlier walk left behind; the first thing that ``samples`` does."""
        for left in (self.unreadable, self.left_out, self.remarks, self._odd, self._named):
            left.clear()  # type: ignore[attr-defined]

    def leave_out(self, error: RowFault) -> None:
        """Remember that a row is left out."""
        self.left_out.append(plain(str(error)))
        self._named.append(plain(error.where.removeprefix(f"{self.annotations}, ")))

    def by_finding(
        self, table: Iterable[AnnotationRow], image: str, finding: str, file: Callable[[AnnotationRow], str],
        box: Callable[[AnnotationRow], Box], called: str = "finding",
    ) -> dict[tuple[str, str], Group[str]]:  # fmt: skip
        """The rows of a table that has one for each box, by image and finding, in the order of these as text.

        ``image``, ``finding``: the columns; ``file``, ``box``: what a row says, or its ``RowFault``;
        ``called``: what the table calls a finding.
        """
        groups: dict[tuple[str, str], Group[str]] = {}
        for row in table:
            key = row.get(image), row.get(finding)
            if key[0] in MISSING or key[1] in MISSING:
                self.leave_out(row.fault(row.odd or f"it names no image or no {called}"))
                continue
            group = groups.setdefault(key, Group(key[1]))
            try:
                row.check()
                group.image = file(row)
                group.boxes.append(box(row))
            except RowFault as error:
                group.faults.append(error)
        return dict(sorted(groups.items(), key=lambda item: item[0]))

    def sample(self, index: int, image: str, group: Group[ImageId], boxes: Iterable[Box] | None = None) -> Sample:
        """The sample of a group of rows. ``image``: its path; ``boxes``: in native pixels, the group's where None."""
        for error in group.faults:
            self.leave_out(error)
        if group.faults:
            self._odd[index] = plain(str(group.faults[0]))
            name = plain(image, _LONGEST) or self._named[-1]
            return Sample(self.name, index, name, plain(group.attribute, _LONGEST) or "?", ())
        return Sample(self.name, index, image, group.attribute, covering(group.boxes if boxes is None else boxes))

    def notes(self) -> list[str]:
        """Those of every source, and which rows were left out."""
        if not self.left_out:
            return super().notes()
        others = self._named[1 : _NAMED + 1]
        more = len(self._named) - 1 - len(others)
        return [
            *super().notes(),
            f"{self.name}: annotations that cannot be read, left out: {len(self.left_out)}. Samples that they belong "
            f"to keep their numbers, have no boxes and fail. The first: {self.left_out[0]}"
            + (f" The others: {'; '.join(others)}{f'; and {more} more' if more else ''}." if others else ""),
        ]

    @property
    def root(self) -> Path:
        """The data root. Raises ``HarnessError`` where none was given or it is no folder."""
        if self.data_root is None:
            raise HarnessError(
                f"The source {self.name!r} needs the folder that holds the data sets; give it by --data-root."
            )
        if not self.data_root.is_dir():
            raise HarnessError(f"The data root {self.data_root} is no folder; give another by --data-root.")
        return self.data_root

    @property
    def annotations(self) -> Path:
        """The annotation file. Raises ``HarnessError`` with where to get it where it is missing."""
        file = self.data[0]
        path = self.root / file.path
        if not path.exists():
            raise HarnessError(
                f"The annotations of {self.name!r} are missing: {path} does not exist. Get them from "
                f"{file.origin}, {file.url}, and see `harness sources check --data-root {self.root}`."
            )
        return path

    def image_path(self, sample: Sample) -> Path | None:
        """The sample's file; None where its rows cannot be read. ``HarnessError`` for one outside the data root."""
        if sample.index in self._odd:
            return None
        parts = PurePosixPath(sample.image).parts
        if not parts or sample.image.startswith("/") or ".." in parts or set(sample.image) & set("\\:\0"):
            raise HarnessError(f"The image {sample.image!r} is not under the data root; it is not read.")
        return self.root.joinpath(*parts)

    def image(self, sample: Sample) -> np.ndarray:
        """The sample's image in native pixels, uint8 [height, width, 3], where the file stores them (no EXIF turn)."""
        from harness.reading.image import read_image

        path = self.image_path(sample)
        if path is None:
            raise HarnessError(f"The sample has no truth: {self._odd[sample.index]}")
        return read_image(path)
