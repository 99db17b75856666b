"""Chest ImaGenome's gold standard: findings on anatomical regions of MIMIC-CXR images."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import ClassVar

from harness.geometry import Box
from harness.hookspecs import hookimpl
from harness.source import DataPath, Sample, Source
from plugins.sources.annotations import MISSING, Row, covering, fault, four_numbers, read_rows, shown
from plugins.sources.files import CREDENTIALED, PHYSIONET, FileSource

IMAGES = "mimic-cxr-jpg/2.1.0/files"
CATEGORIES = ("anatomicalfinding", "disease")
_LONGEST_LIST = 400  # characters; four numbers take far fewer, and a parser can be made to eat memory

Key = tuple[int, int, str, str, str]


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
    licence: ClassVar[str] = CREDENTIALED
    data: ClassVar[tuple[DataPath, ...]] = (
        DataPath(
            "chest-imagenome/1.0.0/gold_dataset/gold_object_attribute_with_coordinates.txt",
            "annotations",
            PHYSIONET,
            "https://physionet.org/content/chest-imagenome/1.0.0/",
        ),
        DataPath(
            IMAGES, "images (JPEG)", PHYSIONET, "https://physionet.org/content/mimic-cxr-jpg/2.1.0/"
        ),
    )

    def samples(self) -> Iterator[Sample]:
        """All samples, in the release's order. Raises ``HarnessError`` for a malformed row."""
        self.remarks.clear()
        keys = ("patient_id", "study_id", "image_id", "label_name", "categoryID")
        groups: dict[Key, list[Box]] = {}
        nameless = 0
        for row in read_rows(self.annotations, "\t", (*keys, "relation", "coord_original")):
            if not _related(row) or row["categoryID"] not in CATEGORIES:
                continue
            if any(row[key] in MISSING for key in keys):
                nameless += 1
                continue
            key = (
                _whole(row, "patient_id"), _whole(row, "study_id"), row.file_name("image_id"),
                row["label_name"], row["categoryID"],
            )  # fmt: skip
            groups.setdefault(key, []).append(_box(row))
        if nameless:
            self.remarks.append(f"{self.name}: rows without an id or label, passed over: {nameless}.")
        for index, key in enumerate(sorted(groups)):
            patient, study, image, label, _ = key
            folder = f"{IMAGES}/p{str(patient)[:2]}/p{patient}/s{study}"
            path = f"{folder}/{image.removesuffix('.dcm')}.jpg"
            yield Sample(self.name, index, path, label, covering(groups[key]))


def _related(row: Row) -> bool:
    return row["relation"] not in MISSING and row.number("relation") == 1


def _whole(row: Row, field: str) -> int:
    text = row[field]
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise fault(row.where, field, f"should be a whole number, it is {shown(text)}")
    return int(text)


def _box(row: Row) -> Box:
    field = "coord_original"
    text = row[field]
    try:
        if len(text) > _LONGEST_LIST:
            raise ValueError("too long")
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise fault(row.where, field, f"should be a list of four numbers, it is {shown(text)}") from None
    return four_numbers(row.where, field, value)


@hookimpl
def sources() -> Sequence[type[Source]]:
    """The sources of this plugin."""
    return [ImaGenome]
