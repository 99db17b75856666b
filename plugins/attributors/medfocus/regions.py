"""From transported mass on a grid to a box in the frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.imaging.frame import Box


def region(mass: np.ndarray, coverage: float) -> np.ndarray:
    """The fewest cells that hold ``coverage`` of the mass, bool [g, g]; ties go to the earlier cell."""
    flat = mass.ravel()
    order = np.argsort(-flat, kind="stable")
    held = np.cumsum(flat[order])
    # Rounding in the sum must not ask for one cell more.
    count = int(np.searchsorted(held, coverage * held[-1] * (1 - 1e-12))) + 1
    chosen = np.zeros(flat.size, bool)
    chosen[order[:count]] = flat[order[:count]] > 0
    return chosen.reshape(mass.shape)


def region_box(mass: np.ndarray, coverage: float, side: int, content: Box) -> Box | None:
    """The tight box about :func:`region` in pixels of a ``side`` x ``side`` frame, or None without mass.

    The box covers its cells whole, from the first one's first edge to the last one's last edge, clipped to
    ``content``.
    """
    rows, cols = np.nonzero(region(mass, coverage))
    if not len(rows):
        return None
    cell_y, cell_x = side / mass.shape[0], side / mass.shape[1]
    box = Box(cols.min() * cell_x, rows.min() * cell_y, (cols.max() + 1) * cell_x, (rows.max() + 1) * cell_y)
    return clip(box, content)


def clip(box: Box, content: Box) -> Box | None:
    """The part of a box inside ``content``, or None where there is none."""
    x0, x1 = (float(np.clip(x, content.x0, content.x1)) for x in (box.x0, box.x1))
    y0, y1 = (float(np.clip(y, content.y0, content.y1)) for y in (box.y0, box.y1))
    return Box(x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def hull(boxes: Sequence[Box]) -> Box:
    """The least box that holds all of the boxes."""
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return Box(min(x0), min(y0), max(x1), max(y1))
