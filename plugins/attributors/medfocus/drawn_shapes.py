"""Polygons and boxes of concepts on films, from the files of the two common annotation tools, as masks."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from skimage.draw import polygon

from harness.errors import HarnessError
from plugins.attributors.medfocus.concepts import CONCEPTS


@dataclass
class Shapes:
    """What is drawn on one film: closed lines [n, 2] of (x, y) pixels by label, where that is said, and for which
    (width, height)."""

    where: str
    size: tuple[int, int] | None
    lines: dict[str, list[np.ndarray]] = field(default_factory=dict)


def labelme_shapes(path: Path) -> Shapes | None:
    """The shapes of a LabelMe file; None where there is no such file. Raises ``HarnessError`` for a broken one."""
    if not path.exists():
        return None
    content = _json(path)
    shapes = Shapes(str(path), _size(content, "imageWidth", "imageHeight"))
    for k, shape in enumerate(_list(path, content, "shapes")):
        where = f"{path}, shapes[{k}]"
        label, kind = shape.get("label"), shape.get("shape_type", "polygon")
        if not isinstance(label, str):
            raise HarnessError(f"{where}: the field 'label' should be text; name the concept.")
        if kind not in ("polygon", "rectangle"):
            raise HarnessError(f"{where}: shape_type is {kind!r}; draw the concept as a polygon or a rectangle.")
        points = _points(where, "points", shape.get("points"), 3 if kind == "polygon" else 2)
        shapes.lines.setdefault(label, []).append(points if kind == "polygon" else _corners(points))
    return shapes


def coco_shapes(path: Path) -> dict[str, Shapes]:
    """The shapes of a COCO file by the films' file names. Raises ``HarnessError`` for a broken one."""
    content = _json(path)
    films: dict[Any, Shapes] = {}
    named: dict[str, Shapes] = {}
    for k, image in enumerate(_list(path, content, "images")):
        if not isinstance(image.get("file_name"), str) or "id" not in image:
            raise HarnessError(f"{path}, images[{k}]: it needs the fields 'id' and 'file_name'; add them.")
        shapes = Shapes(str(path), _size(image, "width", "height"))
        films[str(image["id"])] = named[Path(image["file_name"]).name] = shapes
    labels = {str(one.get("id")): str(one.get("name")) for one in _list(path, content, "categories")}
    for k, one in enumerate(_list(path, content, "annotations")):
        where = f"{path}, annotations[{k}]"
        film, label = films.get(str(one.get("image_id"))), labels.get(str(one.get("category_id")))
        if film is None or label is None:
            known = "image_id" if film is None else "category_id"
            raise HarnessError(f"{where}: the field {known!r} names nothing in the file; correct it.")
        film.lines.setdefault(label, []).extend(_outlines(where, one))
    return named


def rasterised(shapes: Shapes, height: int, width: int) -> dict[str, np.ndarray]:
    """The union of each concept's shapes, bool [height, width]; labels that are no concept's are left out."""
    masks: dict[str, np.ndarray] = {}
    for label, lines in shapes.lines.items():
        if (name := concept_named(label)) is None:
            continue
        mask = masks.setdefault(name, np.zeros((height, width), bool))
        for line in lines:
            # A pixel's centre is at 0.5 in annotations, at 0 in scikit-image.
            mask[polygon(line[:, 1] - 0.5, line[:, 0] - 0.5, (height, width))] = True
    return masks


def _outlines(where: str, one: dict[str, Any]) -> list[np.ndarray]:
    """The polygons of a COCO annotation, or else its box."""
    drawn = one.get("segmentation")
    if isinstance(drawn, dict):
        raise HarnessError(
            f"{where}: the field 'segmentation' is run-length coded; export polygons, or masks as STEM/CONCEPT.png."
        )
    if isinstance(drawn, list) and drawn:
        flat = [np.reshape(part, (-1, 2)).tolist() if _even(part) else None for part in drawn]
        return [_points(where, "segmentation", part, 3) for part in flat]
    box = one.get("bbox")
    if not isinstance(box, list) or not _even(box) or len(box) != 4:
        raise HarnessError(f"{where}: the field 'bbox' should be [x, y, width, height]; give that or polygons.")
    x, y, w, h = box
    return [_corners(_points(where, "bbox", [[x, y], [x + w, y + h]], 2))]


def _even(values: Any) -> bool:
    numbers = isinstance(values, list) and all(isinstance(v, int | float) for v in values)
    return numbers and len(values) % 2 == 0


def _points(where: str, name: str, values: Any, least: int) -> np.ndarray:
    try:
        points = np.array(values, np.float64)
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < least or not np.isfinite(points).all():
        raise HarnessError(f"{where}: the field {name!r} should be at least {least} points x, y; draw it again.")
    return points


def _corners(points: np.ndarray) -> np.ndarray:
    (x0, y0), (x1, y1) = points.min(0), points.max(0)
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def _size(about: dict[str, Any], width: str, height: str) -> tuple[int, int] | None:
    size = about.get(width), about.get(height)
    return (size[0], size[1]) if isinstance(size[0], int) and isinstance(size[1], int) else None


def _list(path: Path, content: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = content.get(name)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise HarnessError(f"{path}: the field {name!r} should be a list of objects; is it a file of another kind?")
    return found


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise HarnessError(f"The annotations {path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise HarnessError(f"The annotations {path} are no JSON: {error}; export them again.") from error
    if not isinstance(content, dict):
        raise HarnessError(f"The annotations {path} should hold an object; export them again.")
    return content


def concept_named(label: str) -> str | None:
    """The concept that a label means, whatever its case, hyphens and underscores; None where it means none."""
    name = " ".join(label.lower().replace("_", " ").replace("-", " ").split())
    return name if name in CONCEPTS else None
