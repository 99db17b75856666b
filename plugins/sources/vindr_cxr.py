"""VinDr-CXR's test set: boxes that five radiologists agreed on, images as DICOM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from harness.contracts.source import DataPath, Sample, Source
from harness.hookspecs import hookimpl
from harness.imaging.frame import Box
from plugins.clinical.annotations import MISSING, covering, read_rows, whole_pixels
from plugins.sources.files import CREDENTIALED, PHYSIONET, FileSource

URL = "https://physionet.org/content/vindr-cxr/1.0.0/"
IMAGES = "vindr-cxr/1.0.0/test"
EDGES = ("x_min", "y_min", "x_max", "y_max")


class VinDrCXR(FileSource):
    """VinDr-CXR 1.0.0, test set: one sample an image and class of finding.

    The order is that of MedGround-Bench: rows of the class "No finding" are dropped, the others grouped by
    (image_id, class_name), and the groups sorted as text, by code point. A row without an image or class is in
    no group, as in pandas' ``groupby``. Edges are native pixels, rounded as in the release.

    The release inverted MONOCHROME1 films before their window and cut off fractions of grey levels; here the window
    comes first and greys are rounded (docs/images.md), so that its answers were given to slightly other pixels.

    Not verified for want of the credentialed file: that none of its values is one that Python and pandas read
    differently (both take the edges for decimal fractions, and the names for text).
    """

    name: ClassVar[str] = "vindr_cxr"
    aliases: ClassVar[tuple[str, ...]] = ("vindr-cxr",)
    licence: ClassVar[str] = CREDENTIALED
    data: ClassVar[tuple[DataPath, ...]] = (
        DataPath("vindr-cxr/1.0.0/annotations/annotations_test.csv", "annotations", PHYSIONET, URL),
        DataPath(IMAGES, "images (DICOM)", PHYSIONET, URL),
    )

    def samples(self) -> Iterator[Sample]:
        """All samples, in the release's order. Raises ``HarnessError`` for a malformed row."""
        self.remarks.clear()
        groups: dict[tuple[str, str], list[Box]] = {}
        nameless = 0
        for row in read_rows(self.annotations, ",", ("image_id", "class_name", *EDGES)):
            finding = row["class_name"]
            if finding == "No finding":
                continue
            if finding in MISSING or row["image_id"] in MISSING:
                nameless += 1
                continue
            box = Box(*(row.number(edge) for edge in EDGES))
            groups.setdefault((row.file_name("image_id"), finding), []).append(box)
        if nameless:
            self.remarks.append(f"{self.name}: rows without an image or class, passed over: {nameless}.")
        for index, (image, finding) in enumerate(sorted(groups)):
            boxes = covering(whole_pixels(groups[image, finding]))
            yield Sample(self.name, index, f"{IMAGES}/{image}.dicom", finding, boxes)


@hookimpl
def sources() -> Sequence[type[Source]]:
    """The sources of this plugin."""
    return [VinDrCXR]
