"""PadChest-GR: findings of grounded reports, images as 16-bit PNG."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from harness.contracts.source import DataPath, Sample, Source
from harness.errors import HarnessError
from harness.hookspecs import hookimpl
from harness.imaging.frame import Box
from plugins.clinical.annotations import covering, fault, file_name, four_numbers, shown, whole_pixels
from plugins.sources.files import FileSource

BIMCV = "BIMCV (research use agreement)"
URL = "https://bimcv.cipf.es/bimcv-projects/padchest-gr/"
IMAGES = "PadChest_GR"
STUDIES = 2000


class BoxedFinding(NamedTuple):
    """A finding that is to become a sample: its attribute, and its boxes in shares of the image's size."""

    attribute: str
    boxes: list[Box]


class PadChestGR(FileSource):
    """PadChest-GR, the first 2000 studies: one sample an abnormal finding with boxes.

    The order is that of MedGround-Bench: the studies in the order of filtered_studies.json, and of each the
    findings that are abnormal and have ``boxes`` or ``extra_boxes`` (both are used). Boxes are native pixels,
    the relative coordinates times the image's size, rounded as in the release.

    The release left out all findings of a study whose image it could not read, and so does this source, which
    decodes every image to learn its size: the numbers of all later samples depend on it. But an image that is
    *not there* is no such case, since the release had it: its findings keep their numbers, have no boxes, and
    cannot be read, so a copy with some of the images is good for those, and all others fail by name.

    The release cut off fractions of grey levels; here they are rounded, so that a pixel may be one level brighter.

    Not verified for want of the data: how filtered_studies.json derives from the published
    grounded_reports_20240819.json, and which images, if any, the release could not read.
    """

    name: ClassVar[str] = "padchest_gr"
    aliases: ClassVar[tuple[str, ...]] = ("padchest-gr",)
    licence: ClassVar[str] = "BIMCV research use agreement: not to be passed on"
    data: ClassVar[tuple[DataPath, ...]] = (
        DataPath("filtered_studies.json", "annotations", BIMCV, URL),
        DataPath(IMAGES, "images (16-bit PNG)", BIMCV, URL),
    )

    def samples(self) -> Iterator[Sample]:
        """All samples, in the release's order. Raises ``HarnessError`` for a malformed study."""
        self.unreadable.clear()
        studies = [(image, findings) for image, findings in _studies(self.annotations) if findings]
        folder = self.root / IMAGES
        index = 0
        # Decoding is the most of the work, and Pillow decodes without holding Python's lock.
        pool = ThreadPoolExecutor()
        try:
            sizes = pool.map(_size, [folder / image for image, _ in studies])
            for (image, findings), size in zip(studies, sizes, strict=True):
                if isinstance(size, HarnessError):
                    self.unreadable[folder / image] = str(size)
                    continue
                for attribute, boxes in findings:
                    native = [] if size is None else [_scaled(box, *size) for box in boxes]
                    shape = covering(whole_pixels(native))
                    yield Sample(self.name, index, f"{IMAGES}/{image}", attribute, shape)
                    index += 1
        finally:
            pool.shutdown(cancel_futures=True)


def _size(path: Path) -> tuple[int, int] | HarnessError | None:
    """(width, height) of an image; what is wrong with it; or None where it cannot be opened at all."""
    from harness.reading.image import image_size

    try:
        path.open("rb").close()
    except OSError:
        return None
    try:
        return image_size(path)
    except HarnessError as error:
        return error


def _scaled(box: Box, width: int, height: int) -> Box:
    return Box(box.x0 * width, box.y0 * height, box.x1 * width, box.y1 * height)


def _studies(path: Path) -> Iterator[tuple[str, list[BoxedFinding]]]:
    """The image of each of the studies in use, and those of its findings that become samples."""
    try:
        studies = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise HarnessError(f"The file {path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise HarnessError(f"The file {path} is no JSON ({error}); download it again.") from error
    if not isinstance(studies, list) or not studies:
        raise HarnessError(f"The file {path} should hold a list of studies; download it again.")
    for number, study in enumerate(studies[:STUDIES], 1):
        where = f"{path}, study {number}"
        image = file_name(where, "ImageID", _get(where, study, "ImageID", str))
        findings = _get(where, study, "findings", list)
        places = [f"{where}, finding {place}" for place in range(1, len(findings) + 1)]
        yield (
            image,
            [
                finding
                for place, row in zip(places, findings, strict=True)
                if (finding := _finding(place, row)) is not None
            ],
        )


def _finding(where: str, row: Any) -> BoxedFinding | None:
    # A finding that is not abnormal has often none of the other fields.
    if not _get(where, row, "abnormal", bool):
        return None
    boxes = [
        _relative(where, field, box) for field in ("boxes", "extra_boxes") for box in _get(where, row, field, list)
    ]
    if not boxes:
        return None
    labels = _get(where, row, "labels", list)
    for label in labels:
        if not isinstance(label, str):
            raise fault(where, "labels", f"should be a list of texts, one is {shown(label)}")
    return BoxedFinding(" or ".join(labels), boxes)


def _relative(where: str, field: str, value: Any) -> Box:
    box = four_numbers(where, field, value)
    # Annotators overshoot the edge a little; pixels would be hundreds.
    if any(not -1 <= edge <= 2 for edge in box):
        raise fault(where, field, f"should hold shares of the image's size, 0 to 1, it is {shown(value)}")
    return box


def _get(where: str, row: Any, field: str, kind: type) -> Any:
    if not isinstance(row, dict):
        raise HarnessError(f"{where}: should be an object, it is {shown(row)}; download the file again.")
    if field not in row:
        raise fault(where, field, "is missing")
    if type(row[field]) is not kind:
        kinds = {str: "text", list: "a list", bool: "true or false"}
        raise fault(where, field, f"should be {kinds[kind]}, it is {shown(row[field])}")
    return row[field]


@hookimpl
def sources() -> Sequence[type[Source]]:
    """The sources of this plugin."""
    return [PadChestGR]
