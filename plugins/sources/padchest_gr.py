"""PadChest-GR: findings of grounded reports, images as 16-bit PNG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

from harness.contracts.source import DataPath, Sample, Source
from harness.errors import HarnessError
from harness.hookspecs import hookimpl
from harness.imaging.frame import Box
from plugins.clinical.annotations import RowFault, fault, file_name, four_numbers, read_json, shown, whole_pixels
from plugins.sources.files import FileSource, Group

BIMCV = "BIMCV (research use agreement)"
URL = "https://bimcv.cipf.es/bimcv-projects/padchest-gr/"
IMAGES = "PadChest_GR"
STUDIES = 2000


class PadChestGR(FileSource):
    """PadChest-GR, the first 2000 studies: one sample an abnormal finding with boxes.

    The order is that of MedGround-Bench: the studies in the order of filtered_studies.json, and of each the
    findings that are abnormal and have ``boxes`` or ``extra_boxes`` (both are used). Boxes are native pixels,
    the relative coordinates times the image's size, rounded as in the release.

    The release left out all findings of a study whose image it could not read, and so does this source, which
    decodes every image to learn its size: the numbers of all later samples depend on it. But an image that is
    *not there* is no such case, since the release had it: its findings keep their numbers, have no boxes, and
    cannot be read, so a copy with some of the images is good for those, and all others fail by name. A finding or a
    study that cannot be read is left out by name; where it would have been a sample, the number stays.

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
        """All samples, in the release's order. Raises ``HarnessError`` where the file as a whole cannot be read."""
        self.begin()
        studies = list(self._studies())
        folder = self.root / IMAGES
        index = 0
        # Decoding is the most of the work, and Pillow decodes without holding Python's lock.
        pool = ThreadPoolExecutor()
        try:
            sizes = pool.map(_size, [folder / image if image else None for image, _ in studies])
            for (image, findings), size in zip(studies, sizes, strict=True):
                if isinstance(size, HarnessError):
                    self.unreadable[folder / image] = str(size)
                    continue
                for group in findings:
                    native = [] if size is None else [_scaled(box, *size) for box in group.boxes]
                    yield self.sample(index, f"{IMAGES}/{image}" if image else "", group, whole_pixels(native))
                    index += 1
        finally:
            pool.shutdown(cancel_futures=True)

    def _studies(self) -> Iterator[tuple[str, list[Group[str]]]]:
        """The image of each of the studies in use, empty where it has no readable name, and the findings that become
        samples, their boxes in shares of the image's size."""
        path = self.annotations
        for number, study in enumerate(_list(path)[:STUDIES], 1):
            where, image = f"{path}, study {number}", ""
            try:
                rows = _get(where, study, "findings", list)
            except RowFault as error:  # how many samples it was to have nobody knows
                self.leave_out(error)
                continue
            found = [_finding(f"{where}, finding {place}", row) for place, row in enumerate(rows, 1)]
            for unnumbered in found:
                if isinstance(unnumbered, RowFault):
                    self.leave_out(unnumbered)
            groups = [group for group in found if isinstance(group, Group)]
            try:
                image = file_name(where, "ImageID", _get(where, study, "ImageID", str))
            except RowFault as error:
                for group in groups:
                    group.faults.append(error)
                if not groups:
                    self.leave_out(error)
            if groups:
                yield image, groups


def _size(path: Path | None) -> tuple[int, int] | HarnessError | None:
    """(width, height) of an image; what is wrong with it; or None where it cannot be opened at all."""
    from harness.reading.image import image_size

    try:
        if path is None:
            return None
        path.open("rb").close()
    except OSError:
        return None
    try:
        return image_size(path)
    except HarnessError as error:
        return error


def _scaled(box: Box, width: int, height: int) -> Box:
    return Box(box.x0 * width, box.y0 * height, box.x1 * width, box.y1 * height)


def _list(path: Path) -> list[Any]:
    """The studies as the file has them."""
    studies = read_json(path)
    if not isinstance(studies, list) or not studies:
        raise HarnessError(f"The file {path} should hold a list of studies; download it again.")
    return studies


def _finding(where: str, row: Any) -> Group[str] | RowFault | None:
    """A finding that is to become a sample; or what is wrong with one that cannot; or None."""
    try:
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
        return Group(" or ".join(labels), boxes=boxes)
    except RowFault as error:
        # The release took what Python takes for true.
        if not (isinstance(row, dict) and row.get("abnormal") and (row.get("boxes") or row.get("extra_boxes"))):
            return error
        labels = row.get("labels")
        named = [label for label in labels if isinstance(label, str)] if isinstance(labels, list) else []
        return Group(" or ".join(named), faults=[error])


def _relative(where: str, field: str, value: Any) -> Box:
    box = four_numbers(where, field, value)
    # Annotators overshoot the edge a little; pixels would be hundreds.
    if any(not -1 <= edge <= 2 for edge in box):
        raise fault(where, field, f"should hold shares of the image's size, 0 to 1, it is {shown(value)}")
    return box


def _get(where: str, row: Any, field: str, kind: type) -> Any:
    if not isinstance(row, dict):
        raise RowFault(where, f"should be an object, it is {shown(row)}; download the file again.")
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
