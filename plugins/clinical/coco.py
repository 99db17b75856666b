"""COCO's annotation format: images, categories and annotations of one JSON file, entry by entry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import HarnessError
from harness.imaging.frame import Box
from harness.text import plain
from plugins.clinical.annotations import RowFault, corner_and_size, fault, file_path, read_json, shown
from plugins.clinical.segmentation import mask_of_polygons, mask_of_runs, run_lengths

_LONGEST = 200  # characters of a category's name
_SIDE = 100_000  # pixels


@dataclass(frozen=True)
class CocoImage:
    """An image: its file, relative to the images' folder, and (width, height) where they are said."""

    file: str
    size: tuple[int, int] | None


@dataclass(frozen=True)
class CocoAnnotation:
    """An annotation: ids of image and category, and the rest as it stands."""

    where: str
    image: int
    category: int
    entry: dict[str, Any]

    def box(self) -> Box:
        """Its ``bbox``, half-open. Raises ``RowFault`` where it is none."""
        if "bbox" not in self.entry:
            raise fault(self.where, "bbox", "is missing")
        return corner_and_size(self.where, "bbox", self.entry["bbox"])

    def mask(self, size: tuple[int, int]) -> np.ndarray | None:
        """Its ``segmentation``, bool [height, width], of an image of ``size``; None where it has none.

        Raises ``RowFault`` for one that cannot be read, or is of another size.
        """
        width, height = size
        value = self.entry.get("segmentation")
        if not value:
            return None
        if isinstance(value, list):
            return mask_of_polygons(self.where, "segmentation", value, height, width)
        runs, rows, columns = run_lengths(self.where, "segmentation", value)
        if (rows, columns) != (height, width):
            raise fault(self.where, "segmentation.size", f"is {rows} x {columns}, its image's {height} x {width}")
        return mask_of_runs(runs, height, width)


class Coco:
    """What a file holds. ``images`` and ``categories`` are by id; of an image that cannot be read, why it cannot.

    Raises ``HarnessError`` for a file that is no JSON, or lacks one of the three lists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        held = read_json(path)
        for field in ("images", "annotations", "categories"):
            if not isinstance(held, dict) or not isinstance(held.get(field), list):
                raise HarnessError(
                    f"The file {path} should be an object with lists of images, annotations and categories, and "
                    f"has no list {field!r}; export it in COCO's format."
                )
        self.faults: list[RowFault] = []
        self.images: dict[int, CocoImage | RowFault] = {}
        for where, entry in self._entries(held, "images"):
            try:
                number = _id(where, entry, "id")
            except RowFault as error:
                self.faults.append(error)
                continue
            try:
                if number in self.images:
                    raise fault(where, "id", f"is that of an image before it, {number}")
                self.images[number] = CocoImage(file_path(where, "file_name", entry.get("file_name")), _size(entry))
            except RowFault as error:
                self.images[number] = error
        self.categories: dict[int, str] = {}
        for where, entry in self._entries(held, "categories"):
            try:
                number, name = _id(where, entry, "id"), entry.get("name")
                if number in self.categories or not isinstance(name, str) or not plain(name, _LONGEST):
                    raise fault(where, "name", f"should be a text, and its id its own, it is {shown(name)}")
                self.categories[number] = plain(name, _LONGEST)
            except RowFault as error:
                self.faults.append(error)
        self._held = held

    def annotations(self) -> Iterator[CocoAnnotation | RowFault]:
        """Each annotation; or, where it cannot be told of which image and category it is, what is wrong with it."""
        for where, entry in self._entries(self._held, "annotations"):
            try:
                image, category = _id(where, entry, "image_id"), _id(where, entry, "category_id")
                if image not in self.images:
                    raise fault(where, "image_id", f"is {image}, and no image has that id")
                if category not in self.categories:
                    raise fault(where, "category_id", f"is {category}, and no category has that id")
            except RowFault as error:
                yield error
                continue
            yield CocoAnnotation(where, image, category, entry)

    def _entries(self, held: Any, field: str) -> Iterator[tuple[str, Any]]:
        for place, entry in enumerate(held[field]):
            yield f"{self.path}, {field}[{place}]", entry


def _id(where: str, entry: Any, field: str) -> int:
    if not isinstance(entry, dict):
        raise RowFault(where, f"should be an object, it is {shown(entry)}; export the file again.")
    value = entry.get(field)
    if type(value) is not int or not abs(value) < 2**63:
        raise fault(where, field, f"should be a whole number, it is {shown(value)}")
    return value


def _size(entry: dict[str, Any]) -> tuple[int, int] | None:
    width, height = entry.get("width"), entry.get("height")
    if type(width) is not int or type(height) is not int or not (0 < width <= _SIDE and 0 < height <= _SIDE):
        return None
    return width, height
