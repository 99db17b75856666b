"""CheXlocalize: radiologists' segmentations of findings on images of CheXpert, which are true masks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.contracts.plugin import NoOptions
from harness.contracts.source import DataPath, Sample, Source
from harness.errors import HarnessError
from harness.hookspecs import hookimpl
from plugins.clinical.annotations import RowFault, fault, read_json, shown
from plugins.clinical.segmentation import boxes_of_runs, mask_of_runs, run_lengths
from plugins.sources.files import FileSource, Group

AIMI = "Stanford AIMI (free, after registration)"
URL = "https://stanfordaimi.azurewebsites.net/datasets/23c56a0d-15de-405b-87c8-99c30138950c"
_IMAGE = re.compile(r"(patient\d{1,9})_(study\d{1,6})_(view\d{1,6}_(?:frontal|lateral))", re.ASCII)


def _paths(split: str) -> tuple[DataPath, ...]:
    return (
        DataPath(f"chexlocalize/CheXlocalize/gt_segmentations_{split}.json", "segmentations", AIMI, URL),
        DataPath(f"chexlocalize/CheXpert/{split}", "images (JPEG)", AIMI, URL),
    )


class CheXlocalize(FileSource):
    """CheXlocalize, test set: one sample an image and finding that is segmented on it; the segmentation is its mask.

    Each part of a segmentation gives a box, half-open, in native pixels; parts that touch at a corner are one. Findings
    whose segmentation is empty are no samples. The order is by image, then by finding, as text, by code point.
    """

    name: ClassVar[str] = "chexlocalize"
    licence: ClassVar[str] = "Stanford University Dataset Research Use Agreement: not to be passed on"
    data: ClassVar[tuple[DataPath, ...]] = _paths("test")

    def __init__(self, options: NoOptions | None = None, data_root: Path | None = None) -> None:
        super().__init__(options, data_root)
        self._runs: dict[int, tuple[np.ndarray, int, int]] = {}

    def samples(self) -> Iterator[Sample]:
        """All samples. Raises ``HarnessError`` where the file as a whole cannot be read."""
        self.begin()
        self._runs.clear()
        path = self.annotations
        held = read_json(path)
        if not isinstance(held, dict):
            raise HarnessError(f"The file {path} should hold an object of images; download it again.")
        index = 0
        for image in sorted(held):
            for finding, segmentation in self._findings(path, image, held[image]):
                where = f"{path}, {shown(image)}"
                group: Group[str] = Group(finding)
                try:
                    group.image = self._file(where, image)
                    runs = run_lengths(where, finding, segmentation)
                    group.boxes = boxes_of_runs(runs[0], runs[1])
                    if not group.boxes:
                        continue
                    self._runs[index] = runs
                except RowFault as error:
                    group.faults.append(error)
                yield self.sample(index, group.image or "", group)
                index += 1

    def _findings(self, path: Path, image: str, findings: Any) -> list[tuple[str, Any]]:
        if isinstance(findings, dict):
            return sorted(findings.items(), key=lambda item: item[0])
        what = f"should be an object, it is {shown(findings)}; download the file again."
        self.leave_out(RowFault(f"{path}, {shown(image)}", what))
        return []

    def _file(self, where: str, image: str) -> str:
        found = _IMAGE.fullmatch(image)
        if found is None:
            raise fault(where, "its name", "should be patientN_studyN_viewN_frontal, or _lateral")
        return f"{self.data[1].path}/{'/'.join(found.groups())}.jpg"

    def image(self, sample: Sample) -> np.ndarray:
        """The sample's image. Raises ``HarnessError`` where its size is not that of the segmentation."""
        pixels = super().image(sample)
        _, height, width = self._runs.get(sample.index, (None, *pixels.shape[:2]))
        if (height, width) != pixels.shape[:2]:
            raise HarnessError(
                f"The image {self.image_path(sample)} is {pixels.shape[1]} x {pixels.shape[0]} pixels, and the field "
                f"'size' of its segmentation says {width} x {height}; get the images that came with the segmentations."
            )
        return pixels

    def mask(self, sample: Sample) -> np.ndarray | None:
        """The segmented pixels, bool [height, width]."""
        if not self._runs:
            for _ in self.samples():
                pass
        runs = self._runs.get(sample.index)
        return None if runs is None else mask_of_runs(*runs)


class CheXlocalizeVal(CheXlocalize):
    """CheXlocalize, validation set: like the test set, fewer images."""

    name: ClassVar[str] = "chexlocalize-val"
    data: ClassVar[tuple[DataPath, ...]] = _paths("val")


@hookimpl
def sources() -> Sequence[type[Source]]:
    """The sources of this plugin."""
    return [CheXlocalize, CheXlocalizeVal]
