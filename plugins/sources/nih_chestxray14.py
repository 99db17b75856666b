"""NIH ChestX-ray14: the findings that a radiologist boxed, on images that need no credentials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from harness.contracts.source import DataPath, Sample, Source
from harness.hookspecs import hookimpl
from harness.imaging.frame import Box
from plugins.clinical.annotations import AnnotationRow, corner_and_size, read_rows
from plugins.sources.files import FileSource

HOME = "nih-chestxray14"
NIH = "NIH Clinical Center (free, no registration)"
URL = "https://nihcc.app.box.com/v/ChestXray-NIHCC"
# The table's first line reads "Image Index,Finding Label,Bbox [x,y,w,h],,,", which is nine columns.
EDGES = ("Bbox [x", "y", "w", "h]")
PARTS = [f"images_{number:03d}{rest}" for number in range(1, 13) for rest in ("/images", "")]


class NIHChestXray14(FileSource):
    """NIH ChestX-ray14 with boxes: one sample an image and finding, of eight findings on 880 images.

    Under the data root, ``nih-chestxray14/BBox_List_2017.csv`` and the images beside it, in ``images/`` as the archives
    unpack, or in ``images_001/`` to ``images_012/`` as some mirrors have them; those of the table alone will do. Boxes
    are left, top, width and height in native pixels (1024 x 1024), fractions kept. The order is by image, then by
    finding, as text, by code point. What the data set's labels call Infiltration is ``Infiltrate`` in the table.
    """

    name: ClassVar[str] = "nih-chestxray14"
    aliases: ClassVar[tuple[str, ...]] = ("nih_chestxray14",)
    licence: ClassVar[str] = (
        "NIH Clinical Center: use is free; name the NIH Clinical Center as the provider, link the download site, cite "
        "Wang et al., CVPR 2017"
    )
    data: ClassVar[tuple[DataPath, ...]] = (
        DataPath(f"{HOME}/BBox_List_2017.csv", "annotations", NIH, URL),
        DataPath(HOME, "images (PNG, in images/)", NIH, URL),
    )

    def samples(self) -> Iterator[Sample]:
        """All samples. Raises ``HarnessError`` where the table as a whole cannot be read."""
        self.begin()
        table = read_rows(self.annotations, ",", ("Image Index", "Finding Label", *EDGES))
        groups = self.by_finding(table, "Image Index", "Finding Label", lambda row: row.file_name("Image Index"), _box)
        for index, group in enumerate(groups.values()):
            yield self.sample(index, f"{HOME}/images/{group.image}" if group.image else "", group)

    def image_path(self, sample: Sample) -> Path | None:
        """The sample's file, in whichever of the folders it lies."""
        path = super().image_path(sample)
        if path is None or path.exists():
            return path
        places = (self.root / HOME / part / path.name for part in PARTS)
        return next((place for place in places if place.exists()), path)


def _box(row: AnnotationRow) -> Box:
    return corner_and_size(row.where, "Bbox [x,y,w,h]", [row.number(edge) for edge in EDGES])


@hookimpl
def sources() -> Sequence[type[Source]]:
    """The sources of this plugin."""
    return [NIHChestXray14]
