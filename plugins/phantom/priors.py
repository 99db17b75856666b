"""Where a finding lies on average: the best constant box of each kind, in the film's frame and in the body's.

The controls `question-prior` and `body-prior` answer with these. They are fitted on patients of whom no record is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.imaging.frame import Box
from plugins.phantom.projection import HEIGHT, PIXEL_MM, WIDTH, Projection

Edges = tuple[float, float, float, float]


def to_body(projection: Projection, box: Box) -> Edges:
    """A box of the film, native pixels, as the upright box about it in body mm (depth 0)."""
    x, y = projection.plane(0.0)
    rows = [min(HEIGHT - 1, max(0, round(edge))) for edge in (box.y0, box.y1)]
    cols = [min(WIDTH - 1, max(0, round(edge))) for edge in (box.x0, box.x1)]
    xs, ys = x[np.ix_(rows, cols)], y[np.ix_(rows, cols)]
    # The middle line of each side, so that a turned film does not widen the box.
    return tuple(float(e) for e in (xs[:, 0].mean(), ys[0].mean(), xs[:, 1].mean(), ys[1].mean()))  # type: ignore[return-value]


def to_film(projection: Projection, edges: Edges) -> Box:
    """A box in body mm as the upright box on the film, native pixels: the inverse of :func:`to_body`."""
    x0, y0, x1, y1 = edges
    corners = np.array([[x, y, 0.0] for y in (y0, y1) for x in (x0, x1)])
    col, row = (edge.reshape(2, 2) for edge in projection.project(corners))
    box = Box(col[:, 0].mean() + 0.5, row[0].mean() + 0.5, col[:, 1].mean() + 0.5, row[1].mean() + 0.5)
    return box.clip(WIDTH, HEIGHT)


def best_box(truths: Sequence[Sequence[Edges]], extent: Edges, cells: int = 64) -> Edges:
    """The constant box with the highest mean IoU against the truths, each one or more boxes, within ``extent``.

    Boxes are painted on a grid of ``cells`` x ``cells``; the box climbs from several starts by moving its edges.
    """
    left, top, right, bottom = extent
    middles = (np.arange(cells) + 0.5) / cells
    x, y = left + middles * (right - left), top + middles * (bottom - top)
    painted = np.zeros((len(truths), cells, cells))
    for mask, boxes in zip(painted, truths, strict=True):
        for x0, y0, x1, y1 in boxes:
            mask[np.ix_((y >= y0) & (y < y1), (x >= x0) & (x < x1))] = 1
    whole, mean = painted.sum((1, 2)), painted.mean(0)
    sums = np.pad(painted.cumsum(1).cumsum(2), ((0, 0), (1, 0), (1, 0)))

    def score(box: list[int]) -> float:
        x0, y0, x1, y1 = box
        if min(box) < 0 or max(box) > cells or x0 >= x1 or y0 >= y1:
            return -1.0
        shared = sums[:, y1, x1] - sums[:, y0, x1] - sums[:, y1, x0] + sums[:, y0, x0]
        return float((shared / (whole + (x1 - x0) * (y1 - y0) - shared)).mean())

    moves = [*np.eye(4, dtype=int), *-np.eye(4, dtype=int)]
    moves += [np.array(m) for m in ((1, 0, 1, 0), (-1, 0, -1, 0), (0, 1, 0, 1), (0, -1, 0, -1))]
    found = []
    for level in (0.1, 0.2, 0.35, 0.5, 0.7, 0.9):
        rows, cols = (np.flatnonzero(mean.max(axis) >= level * mean.max()) for axis in (1, 0))
        box, step = [int(cols[0]), int(rows[0]), int(cols[-1]) + 1, int(rows[-1]) + 1], cells // 8
        while step:
            better = max(([int(e) for e in box + step * move] for move in moves), key=score)
            box, step = (better, step) if score(better) > score(box) else (box, step // 2)
        found.append(box)
    x0, y0, x1, y1 = max(found, key=score)
    wide, high = (right - left) / cells, (bottom - top) / cells
    return left + x0 * wide, top + y0 * high, left + x1 * wide, top + y1 * high


FILM: Edges = (0.0, 0.0, float(WIDTH), float(HEIGHT))
BODY: Edges = (-0.62 * WIDTH * PIXEL_MM, -0.62 * HEIGHT * PIXEL_MM, 0.62 * WIDTH * PIXEL_MM, 0.62 * HEIGHT * PIXEL_MM)
