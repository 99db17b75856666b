"""How well predicted boxes cover the true ones, as regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.imaging.frame import Box


@dataclass(frozen=True)
class Overlap:
    """Agreement of two regions, each figure in 0..1."""

    iou: float = 0.0
    precision: float = 0.0
    recall: float = 0.0
    f1: float = 0.0


def overlap(predicted: Sequence[Box], truth: Sequence[Box]) -> Overlap:
    """Agreement of the union of the predicted boxes with the union of the true ones, exact for fractions.

    No prediction scores zero. Raises ``ValueError`` where the truth has no area.
    """
    areas, (said, true) = _cells(predicted, truth)
    right, said_area, true_area = areas[said & true].sum(), areas[said].sum(), areas[true].sum()
    if not true_area > 0:
        raise ValueError("the true boxes cover no area")
    if not right > 0:
        return Overlap()
    return Overlap(
        iou=float(right / (said_area + true_area - right)),
        precision=float(right / said_area),
        recall=float(right / true_area),
        f1=float(2 * right / (said_area + true_area)),
    )


def union_area(boxes: Sequence[Box]) -> float:
    """The area that boxes cover together, in square pixels."""
    areas, (covered,) = _cells(boxes)
    return float(areas[covered].sum())


def _cells(*regions: Sequence[Box]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Areas of the cells between neighbouring edges, in which every region is constant, and what each covers."""
    boxes = [box for region in regions for box in region]
    xs = np.unique([edge for box in boxes for edge in (box.x0, box.x1)])
    ys = np.unique([edge for box in boxes for edge in (box.y0, box.y1)])
    areas = np.outer(np.diff(ys), np.diff(xs))
    masks = []
    for region in regions:
        mask = np.zeros(areas.shape, bool)
        for box in region:
            rows = np.searchsorted(ys, (box.y0, box.y1))
            cols = np.searchsorted(xs, (box.x0, box.x1))
            mask[rows[0] : rows[1], cols[0] : cols[1]] = True
        masks.append(mask)
    return areas, masks
