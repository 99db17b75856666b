"""From one value a cell to a map of the frame: one rule for image tokens and for the cells of perturbations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from harness.imaging.frame import Box

Upsampling = Literal["bilinear", "nearest"]


def upsample(cells: np.ndarray, height: int, width: int, how: Upsampling = "bilinear") -> np.ndarray:
    """A map, float64 [height, width], of cells [rows, columns] that tile it evenly.

    ``bilinear`` is by half-pixel centres with the edges held, torch's ``align_corners=False``; ``nearest`` gives each
    pixel the cell that its middle lies in. Equal cells give exactly equal pixels: a flat grid is a flat map.
    """
    return _down(_down(np.asarray(cells, np.float64), height, how).T, width, how).T


def _down(cells: np.ndarray, pixels: int, how: Upsampling) -> np.ndarray:
    """The same along the first axis alone."""
    middles = (np.arange(pixels) + 0.5) * len(cells) / pixels
    if how == "nearest":
        return cells[middles.astype(int)]
    places = np.clip(middles - 0.5, 0, len(cells) - 1)
    above = places.astype(int)
    start = cells[above]
    return start + (cells[np.minimum(above + 1, len(cells) - 1)] - start) * (places - above)[:, None]


def spread(values: np.ndarray, boxes: Sequence[Box], height: int, width: int, how: Upsampling) -> np.ndarray:
    """The same of one value [N] for each of N rectangles, in any order.

    Rectangles that are no even grid on the frame, to half a pixel, are painted: nothing says what lies between them.
    """
    edges = np.array(boxes)
    order = np.lexsort(edges.round()[:, :2].T)  # by row, then by column
    columns, rows = (len(np.unique(edges[:, axis].round())) for axis in (0, 1))
    y, x = np.divmod(np.arange(len(boxes)), columns)
    even = np.stack([x / columns * width, y / rows * height, (x + 1) / columns * width, (y + 1) / rows * height], 1)
    if rows * columns == len(boxes) and np.abs(edges[order] - even).max() <= 0.5:
        return upsample(values[order].reshape(rows, columns), height, width, how)
    canvas = np.zeros((height, width))
    for (x0, y0, x1, y1), value in zip(edges.round().astype(int), values, strict=True):
        canvas[y0:y1, x0:x1] = value
    return canvas
