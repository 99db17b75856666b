"""Chest ImaGenome 1.0.0: its gold tables, how their fields are read, and where the images lie."""

from __future__ import annotations

import ast
from typing import NamedTuple

from harness.imaging.frame import Box
from plugins.clinical.annotations import MISSING, AnnotationRow, fault, four_numbers, shown

# Relative to the data root. Findings by region and image; then the boxes of the regions.
FINDINGS = "chest-imagenome/1.0.0/gold_dataset/gold_object_attribute_with_coordinates.txt"
REGIONS = "chest-imagenome/1.0.0/gold_dataset/gold_bbox_coordinate_annotations_1000images.csv"
IMAGES = "mimic-cxr-jpg/2.1.0/files"
TABLES_URL = "https://physionet.org/content/chest-imagenome/1.0.0/"
IMAGES_URL = "https://physionet.org/content/mimic-cxr-jpg/2.1.0/"

ABNORMAL = ("anatomicalfinding", "disease")  # categories of what is wrong with the patient
_LONGEST_LIST = 400  # characters; four numbers take far fewer, and a parser can be made to eat memory


class Image(NamedTuple):
    """An image of MIMIC-CXR-JPG. ``name`` is its id as the tables have it, with or without ``.dcm``."""

    patient: int
    study: int
    name: str

    @property
    def path(self) -> str:
        """The file, relative to the data root; never outside of it, as :func:`image_of` checks the name."""
        folder = f"{IMAGES}/p{str(self.patient)[:2]}/p{self.patient}/s{self.study}"
        return f"{folder}/{self.name.removesuffix('.dcm')}.jpg"


def has_image(row: AnnotationRow) -> bool:
    """Whether a row of :data:`FINDINGS` says which image it is about."""
    return not any(row[key] in MISSING for key in ("patient_id", "study_id", "image_id"))


def image_of(row: AnnotationRow) -> Image:
    """The image that a row of :data:`FINDINGS` is about. Raises ``RowFault`` for ids of another form."""
    row.check()
    return Image(_whole(row, "patient_id"), _whole(row, "study_id"), row.file_name("image_id"))


def order(row: AnnotationRow) -> tuple[tuple[int, int, str], tuple[int, int, str], str]:
    """Where a row's image comes in the order: patient, study, image. Ids that are no numbers come last, as text."""
    patient, study = (
        (0, int(text), "") if _is_whole(text) else (1, 0, text) for text in map(row.get, ("patient_id", "study_id"))
    )
    return patient, study, row.get("image_id")


def affirmed(row: AnnotationRow) -> bool:
    """Whether a row of :data:`FINDINGS` says that its label is there, rather than absent."""
    return row["relation"] not in MISSING and row.number("relation") == 1


def native_box(row: AnnotationRow) -> Box:
    """``coord_original``: a box in the image's own pixels."""
    row.check()
    field = "coord_original"
    text = row[field]
    try:
        if len(text) > _LONGEST_LIST:
            raise ValueError("too long")
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise fault(row.where, field, f"should be a list of four numbers, it is {shown(text)}") from None
    return four_numbers(row.where, field, value)


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18


def _whole(row: AnnotationRow, field: str) -> int:
    text = row[field]
    if not _is_whole(text):
        raise fault(row.where, field, f"should be a whole number, it is {shown(text)}")
    return int(text)
