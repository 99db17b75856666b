"""The best constant box: what answers best who knows the question and sees no image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Edges = tuple[float, float, float, float]


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
