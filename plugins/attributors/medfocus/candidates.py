"""Which images of Chest ImaGenome may be references: normal ones in which every concept has its region."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.imaging.frame import Box
from plugins.attributors.medfocus.concepts import CONCEPTS
from plugins.clinical.annotations import MISSING, read_rows
from plugins.clinical.imagenome import (
    ABNORMAL,
    FINDINGS,
    REGIONS,
    TABLES_URL,
    Image,
    affirmed,
    has_image,
    image_of,
    native_box,
)

# ImaGenome has a mediastinum in its ontology and no box of it in the gold table; these two make it up.
PARTS = {"mediastinum": ("upper mediastinum", "cardiac silhouette")}
DEVICES = ("device", "tubesandlines")


@dataclass(frozen=True)
class Candidate:
    """A normal image, and the boxes (native pixels) that together hold each concept it has."""

    image: Image
    boxes: dict[str, tuple[Box, ...]]

    @property
    def lacks(self) -> list[str]:
        """The concepts without a box."""
        return [concept for concept in CONCEPTS if concept not in self.boxes]


def candidates(root: Path) -> list[Candidate]:
    """The normal images under a data root, in the order in which they are to be taken.

    The published MedFocus takes "16 normal cases from ImaGenome whose annotations cover the full vocabulary"
    and publishes neither which nor by what rule; this is ours. *Normal*: an image in the table of findings
    none of whose affirmed rows (relation 1) is an anatomical finding, a disease or "abnormal". No sample of
    MedGround-Bench is on such an image, so the pool is disjoint from the benchmark. The order: images without
    affirmed devices, tubes or lines first, then by patient, study and image.

    The boxes are the gold table's ``coord_original``; a region that several rows box gets the box around
    them, a row without coordinates or area is none. Where there is no row for the mediastinum, it is the
    upper mediastinum and the cardiac silhouette together. Raises ``HarnessError`` for a missing or malformed
    table.
    """
    images = _normal(_table(root, FINDINGS))
    boxes = _regions(_table(root, REGIONS), {_bare(image.name) for image in images})
    return [Candidate(image, _concepts(boxes.get(_bare(image.name), {}))) for image in images]


def _table(root: Path, name: str) -> Path:
    path = root / name
    if not path.exists():
        raise HarnessError(
            f"{path} does not exist; get it from PhysioNet (credentialed access), {TABLES_URL}, or give "
            "another --data-root."
        )
    return path


def _normal(path: Path) -> list[Image]:
    said: dict[Image, set[str]] = {}
    columns = ("patient_id", "study_id", "image_id", "relation", "label_name", "categoryID")
    for row in read_rows(path, "\t", columns):
        if has_image(row):
            words = said.setdefault(image_of(row), set())
            if affirmed(row):
                words |= {row["categoryID"], row["label_name"]}
    normal = [image for image, words in said.items() if words.isdisjoint((*ABNORMAL, "abnormal"))]
    return sorted(normal, key=lambda image: (not said[image].isdisjoint(DEVICES), image))


def _regions(path: Path, wanted: Collection[str]) -> dict[str, dict[str, Box]]:
    """The boxes of the concepts by image and name. Rows of other images are checked all the same."""
    found: dict[str, dict[str, Box]] = {}
    for row in read_rows(path, ",", ("image_id", "bbox_name", "coord_original")):
        image, name = _bare(row.file_name("image_id")), row["bbox_name"]
        if name not in CONCEPTS or row["coord_original"] in MISSING:
            continue
        box = native_box(row)
        if image in wanted and box.area > 0:
            boxes = found.setdefault(image, {})
            boxes[name] = _around(boxes.get(name, box), box)
    return found


def _concepts(boxes: dict[str, Box]) -> dict[str, tuple[Box, ...]]:
    concepts: dict[str, tuple[Box, ...]] = {name: (box,) for name, box in boxes.items()}
    for whole, parts in PARTS.items():
        if whole not in boxes and all(part in boxes for part in parts):
            concepts[whole] = tuple(boxes[part] for part in parts)
    return concepts


def _around(a: Box, b: Box) -> Box:
    return Box(min(a.x0, b.x0), min(a.y0, b.y0), max(a.x1, b.x1), max(a.y1, b.y1))


def _bare(name: str) -> str:
    """An image's id; the two tables need not agree on its ending."""
    return name.removesuffix(".dcm")
