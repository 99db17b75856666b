"""Chest ImaGenome's gold standard: findings on anatomical regions of MIMIC-CXR images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from harness.contracts.source import Annotates, DataPath, Sample, Source
from harness.hookspecs import hookimpl
from plugins.clinical.annotations import MISSING, RowFault, read_rows
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
    order,
)
from plugins.sources.files import CREDENTIALED, PHYSIONET, FileSource, Group


class ImaGenome(FileSource):
    """Chest ImaGenome 1.0.0, gold standard: one sample an image and finding, on images of MIMIC-CXR-JPG 2.1.0.

    The order is that of MedGround-Bench: of the rows with relation 1 whose categoryID is anatomicalfinding or
    disease, the groups by (patient_id, study_id, image_id, label_name, categoryID), sorted. pandas reads the
    first two as whole numbers and sorts them as such, the others as text, by code point. A row without one of
    the five is in no group. Boxes are coord_original, native pixels, in the rows' order. A row that cannot be read
    is left out by name, and the sample that it belongs to keeps its number.

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
        """All samples, in the release's order. Raises ``HarnessError`` where the table as a whole cannot be read."""
        self.begin()
        keys = ("patient_id", "study_id", "image_id", "label_name", "categoryID")
        groups: dict[tuple[object, ...], Group[Image]] = {}
        nameless = 0
        for row in read_rows(self.annotations, "\t", (*keys, "relation", "coord_original")):
            try:
                if not affirmed(row) or row["categoryID"] not in ABNORMAL:
                    continue
            except RowFault as error:  # nothing says that it is of a sample
                self.leave_out(error)
                continue
            if any(row.get(key) in MISSING for key in keys):
                nameless += 1
                continue
            group = groups.setdefault((*order(row), row["label_name"], row["categoryID"]), Group(row["label_name"]))
            try:
                group.image = image_of(row)
                group.boxes.append(native_box(row))
            except RowFault as error:
                group.faults.append(error)
        if nameless:
            self.remarks.append(f"{self.name}: rows without an id or label, passed over: {nameless}.")
        for index, key in enumerate(sorted(groups)):  # type: ignore[type-var]
            group = groups[key]
            yield self.sample(index, group.image.path if group.image else "", group)


@hookimpl
def sources() -> Sequence[type[Source]]:
    """The sources of this plugin."""
    return [ImaGenome]
