"""Chest ImaGenome's gold standard: findings on anatomical regions of MIMIC-CXR images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from harness.contracts.source import Annotates, DataPath, Sample, Source
from harness.hookspecs import hookimpl
from harness.imaging.frame import Box
from plugins.clinical.annotations import MISSING, covering, read_rows
from plugins.clinical.imagenome import (
    ABNORMAL,
    FINDINGS,
    IMAGES,
    IMAGES_URL,
    TABLES_URL,
    Image,
    affirmed,
    image_of,
    native_box,
)
from plugins.sources.files import CREDENTIALED, PHYSIONET, FileSource


class ImaGenome(FileSource):
    """Chest ImaGenome 1.0.0, gold standard: one sample an image and finding, on images of MIMIC-CXR-JPG 2.1.0.

    The order is that of MedGround-Bench: of the rows with relation 1 whose categoryID is anatomicalfinding or
    disease, the groups by (patient_id, study_id, image_id, label_name, categoryID), sorted. pandas reads the
    first two as whole numbers and sorts them as such, the others as text, by code point. A row without one of
    the five is in no group. Boxes are coord_original, native pixels, in the rows' order.

    Not verified for want of the credentialed file: that patient_id and study_id are whole numbers in all of
    its rows (were one not, pandas would sort them as text, which is the same order for numbers of one length),
    and whether any coordinates lie outside of their image; such ones are kept as they are.
    """

    name: ClassVar[str] = "imagenome"
    annotates: ClassVar[Annotates] = "region"
    licence: ClassVar[str] = CREDENTIALED
    data: ClassVar[tuple[DataPath, ...]] = (
        DataPath(FINDINGS, "annotations", PHYSIONET, TABLES_URL),
        DataPath(IMAGES, "images (JPEG)", PHYSIONET, IMAGES_URL),
    )

    def samples(self) -> Iterator[Sample]:
        """All samples, in the release's order. Raises ``HarnessError`` for a malformed row."""
        self.remarks.clear()
        keys = ("patient_id", "study_id", "image_id", "label_name", "categoryID")
        groups: dict[tuple[Image, str, str], list[Box]] = {}
        nameless = 0
        for row in read_rows(self.annotations, "\t", (*keys, "relation", "coord_original")):
            if not affirmed(row) or row["categoryID"] not in ABNORMAL:
                continue
            if any(row[key] in MISSING for key in keys):
                nameless += 1
                continue
            key = image_of(row), row["label_name"], row["categoryID"]
            groups.setdefault(key, []).append(native_box(row))
        if nameless:
            self.remarks.append(f"{self.name}: rows without an id or label, passed over: {nameless}.")
        for index, key in enumerate(sorted(groups)):
            image, label, _ = key
            yield Sample(self.name, index, image.path, label, covering(groups[key]))


@hookimpl
def sources() -> Sequence[type[Source]]:
    """The sources of this plugin."""
    return [ImaGenome]
