"""MS-CXR: boxes that radiologists drew for sentences of reports, on images of MIMIC-CXR-JPG."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

from harness.contracts.source import DataPath, Sample, Source
from harness.hookspecs import hookimpl
from harness.imaging.frame import Box
from plugins.clinical.annotations import AnnotationRow, corner_and_size, fault, read_rows, shown
from plugins.clinical.imagenome import IMAGES, IMAGES_URL
from plugins.sources.files import CREDENTIALED, PHYSIONET, FileSource

URL = "https://physionet.org/content/ms-cxr/1.1.0/"
EDGES = ("x", "y", "w", "h")
_PATH = re.compile(r"files/(p\d{2}/p\d{1,18}/s\d{1,18}/[\w-]{1,100}\.jpg)", re.ASCII)


class MSCXR(FileSource):
    """MS-CXR 1.1.0: one sample an image and category of finding, on images of MIMIC-CXR-JPG 2.1.0.

    The table has a row for each box of each sentence; the boxes of all sentences of one category on one image are one
    sample, since the question asks about the category. All splits are in it. The boxes are left, top, width and height
    in native pixels. The order is by dicom_id, then by category_name, as text, by code point.
    """

    name: ClassVar[str] = "ms-cxr"
    aliases: ClassVar[tuple[str, ...]] = ("ms_cxr",)
    licence: ClassVar[str] = CREDENTIALED
    data: ClassVar[tuple[DataPath, ...]] = (
        DataPath("ms-cxr/1.1.0/MS_CXR_Local_Alignment_v1.1.0.csv", "annotations", PHYSIONET, URL),
        DataPath(IMAGES, "images (JPEG)", PHYSIONET, IMAGES_URL),
    )

    def samples(self) -> Iterator[Sample]:
        """All samples. Raises ``HarnessError`` where the table as a whole cannot be read."""
        self.begin()
        table = read_rows(self.annotations, ",", ("dicom_id", "category_name", "path", *EDGES))
        groups = self.by_finding(table, "dicom_id", "category_name", _path, _box, "category")
        for index, group in enumerate(groups.values()):
            yield self.sample(index, f"{IMAGES}/{group.image}" if group.image else "", group)


def _box(row: AnnotationRow) -> Box:
    return corner_and_size(row.where, "x, y, w, h", [row.number(edge) for edge in EDGES])


def _path(row: AnnotationRow) -> str:
    """The image's file in MIMIC-CXR-JPG, below ``files/``."""
    found = _PATH.fullmatch(row["path"])
    if found is None:
        raise fault(row.where, "path", f"should be files/pNN/pPATIENT/sSTUDY/IMAGE.jpg, it is {shown(row['path'])}")
    return found[1]


@hookimpl
def sources() -> Sequence[type[Source]]:
    """The sources of this plugin."""
    return [MSCXR]
