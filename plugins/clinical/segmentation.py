"""Segmentations as COCO writes them, run lengths and polygons: their pixels, and the boxes of their parts.

Run lengths go down the columns, one column after the other, and begin with what is outside. As text each is its
difference from the one before the last (the first three are themselves), in groups of five bits, the lowest first, one
printable character a group, of which a sixth bit says that another follows; the last group's highest bit is the sign.
That is the format of ``cocoapi``'s ``rleToString``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.imaging.frame import Box
from plugins.clinical.annotations import fault, shown

_GROUPS = 7  # of a run: 35 bits, more than any image has pixels
_PIXELS = 40_000_000  # as for images: harness/reading
_FAR = 1e9
_MOST_RUNS, _MOST_CORNERS = 10_000_000, 1_000_000


def run_lengths(where: str, field: str, value: Any) -> tuple[np.ndarray, int, int]:
    """The runs of ``{"size": [height, width], "counts": text or list}``, with height and width.

    Raises ``RowFault`` for anything else, and for runs that do not add up to the size.
    """
    if not isinstance(value, dict):
        raise fault(where, field, f"should be an object with size and counts, it is {shown(value)}")
    size, counts = value.get("size"), value.get("counts")
    if not (isinstance(size, list) and len(size) == 2 and all(type(side) is int and side > 0 for side in size)):
        raise fault(where, f"{field}.size", f"should be height and width, it is {shown(size)}")
    height, width = size
    if height * width > _PIXELS:
        raise fault(where, f"{field}.size", f"is {shown(size)}, more than {_PIXELS // 1_000_000} megapixels")
    if isinstance(counts, str):
        runs = _from_text(counts)
    elif isinstance(counts, list) and all(type(run) is int and 0 <= run <= _PIXELS for run in counts[:_MOST_RUNS]):
        runs = np.array(counts[:_MOST_RUNS], np.int64)
    else:
        runs = None
    if runs is None or (runs < 0).any() or runs.sum() != height * width:
        raise fault(where, f"{field}.counts", f"is no list of run lengths of {height} x {width} pixels")
    return runs, height, width


def _from_text(text: str) -> np.ndarray | None:
    """Run lengths from their text; None where it is none."""
    codes = np.frombuffer(text.encode("ascii", "replace"), np.uint8).astype(np.int64) - 48
    if not len(codes) or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        return None
    ends = np.flatnonzero(codes & 32 == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _GROUPS:
        return None
    place = np.arange(len(codes)) - np.repeat(starts, lengths)
    runs = np.add.reduceat((codes & 31) << 5 * place, starts)
    runs = runs - np.where(codes[ends] & 16, 1 << 5 * lengths, 0)
    runs[1::2] = runs[1::2].cumsum()
    runs[2::2] = runs[2::2].cumsum()
    return runs


def mask_of_runs(runs: np.ndarray, height: int, width: int) -> np.ndarray:
    """The pixels of run lengths, bool [height, width]."""
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(width, height).T


def boxes_of_runs(runs: np.ndarray, height: int) -> list[Box]:
    """The box about each part of run lengths, parts that touch at a corner being one: from top left to bottom right.

    It works on the runs, since of a film's millions of pixels there are a hundred times fewer.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = runs.cumsum()
    start, stop = edges[0::2][: len(edges) // 2], edges[1::2]
    start, stop = start[stop > start], stop[stop > start]
    if not len(start):
        return []
    # Runs that go on in the next column become one piece a column.
    first = start // height
    pieces = (stop - 1) // height - first + 1
    column = np.repeat(first, pieces) + np.arange(pieces.sum()) - np.repeat(pieces.cumsum() - pieces, pieces)
    start = np.maximum(np.repeat(start, pieces), column * height)
    stop = np.minimum(np.repeat(stop, pieces), (column + 1) * height)
    # Of each piece: the pieces of the next column that touch it, at a corner too. Both lists are in order.
    low = np.searchsorted(stop, np.maximum(start + height - 1, (column + 1) * height), side="right")
    high = np.searchsorted(start, np.minimum(stop + height + 1, (column + 2) * height), side="left")
    touching = np.maximum(high - low, 0)
    here = np.repeat(np.arange(len(start)), touching)
    there = np.repeat(low - (touching.cumsum() - touching), touching) + np.arange(touching.sum())
    follows = np.flatnonzero((stop[:-1] == start[1:]) & (column[:-1] == column[1:]))  # an empty run between them
    here, there = np.concatenate([here, follows]), np.concatenate([there, follows + 1])
    links = coo_matrix((np.ones(len(here), bool), (here, there)), shape=(len(start), len(start)))
    count, part = connected_components(links, directed=False)
    top, bottom = start - column * height, stop - column * height
    boxes = []
    order = np.argsort(part, kind="stable")
    for members in np.split(order, np.searchsorted(part[order], np.arange(1, count))):
        x0, x1 = column[members].min(), column[members].max() + 1
        boxes.append(Box(float(x0), float(top[members].min()), float(x1), float(bottom[members].max())))
    return sorted(boxes, key=lambda box: (box.y0, box.x0, box.y1, box.x1))


def mask_of_polygons(where: str, field: str, value: Any, height: int, width: int) -> np.ndarray:
    """The pixels whose centres lie in any of ``[[x, y, x, y, ...], ...]``, bool [height, width].

    Raises ``RowFault`` for anything else.
    """
    from skimage.draw import polygon

    mask = np.zeros((height, width), bool)
    for corners in value if isinstance(value, list) and value else [None]:
        if not _is_polygon(corners):
            raise fault(where, field, f"should be polygons of x, y, x, y, ..., one is {shown(corners)}")
        xs, ys = np.array(corners, float).reshape(-1, 2).T
        mask[polygon(ys - 0.5, xs - 0.5, mask.shape)] = True
    return mask


def _is_polygon(corners: Any) -> bool:
    if not isinstance(corners, Sequence) or not 6 <= len(corners) <= _MOST_CORNERS or len(corners) % 2:
        return False
    return all(type(edge) in (int, float) and math.isfinite(edge) and abs(edge) < _FAR for edge in corners)
