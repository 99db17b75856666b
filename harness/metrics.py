"""How well predicted boxes cover the true ones, as regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.geometry import Box


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
    # Between neighbouring edges every region is constant: compare the regions cell by cell.
    boxes = [*predicted, *truth]
    xs = np.unique([edge for box in boxes for edge in (box.x0, box.x1)])
    ys = np.unique([edge for box in boxes for edge in (box.y0, box.y1)])
    areas = np.outer(np.diff(ys), np.diff(xs))

    def covered(region: Sequence[Box]) -> np.ndarray:
        mask = np.zeros(areas.shape, bool)
        for box in region:
            rows = np.searchsorted(ys, (box.y0, box.y1))
            cols = np.searchsorted(xs, (box.x0, box.x1))
            mask[rows[0] : rows[1], cols[0] : cols[1]] = True
        return mask

    said, true = covered(predicted), covered(truth)
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
