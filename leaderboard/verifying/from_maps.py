"""Whether boxes, peak and range of a row follow from the map that its run kept.

Kept maps are rounded to 11 bits. So the benchmark's rule for boxes is bracketed: each pixel that lies above the cut
whatever the rounding must be in a box, and no box may hold more than pixels that could lie above it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from harness.contracts.attributor import Attribution
from harness.imaging.frame import FRAME_SIDE, Box, Letterbox, to_boxes
from harness.imaging.saliency import MAX_BOXES, MIN_PIXELS, QUANTILE, peak
from harness.run.row import Row

_ROUNDING = 2.0**-11  # of kept maps, which are scaled to 1
_EDGE = 0.02  # native pixels; boxes in a row are rounded to half of that
_PIXEL = 1.0  # frame pixels
Fault = tuple[str, str]


def faults_of_map(row: Row, said: Attribution) -> Iterator[Fault]:
    """What of a row does not follow from what was kept of it."""
    if row.size is None:
        return
    place = Letterbox(*row.size)
    if said.boxes is not None:
        right = [box for box in (place.to_native(box) for box in said.boxes) if box.area > _EDGE**2]
        if not _same(to_boxes(row.boxes), right):
            yield "kept boxes", "its boxes are not those that its method gave, which were kept"
    if (said.saliency is None) != (row.map_range is None):
        yield "kept map", "it has a map's range, and only boxes were kept" if said.saliency is None else (
            "it has no map's range, and yet a map was kept"
        )
        return
    if said.concept != row.concept:
        yield "kept map", f"its concept is {row.concept!r}, and {said.concept!r} was kept"
    if said.saliency is not None:
        yield from _of_saliency(row, said, place)


def _of_saliency(row: Row, said: Attribution, place: Letterbox) -> Iterator[Fault]:
    assert said.saliency is not None and row.map_range is not None
    x0, y0, x1, y1 = (round(edge) for edge in place.content)
    whole, part = said.saliency, said.saliency[y0:y1, x0:x1]
    slack = _ROUNDING * max(float(np.abs(whole).max()) if whole.min() < 0 else float(np.ptp(whole)), 1e-300)
    low, high = float(part.min()), float(part.max())
    near = slack + 1e-8 * max(abs(low), abs(high))
    if abs(row.map_range[0] - low) > near or abs(row.map_range[1] - high) > near:
        yield "kept map", f"its map's range is said to be {row.map_range}, and the kept map's is [{low:g}, {high:g}]"
        return
    with np.errstate(over="ignore"):
        values = len(np.unique(part.astype(np.float32)))
    if 1.1 * (row.map_values or 0) < values:
        yield "kept map", f"its map is said to have {row.map_values} values, and the kept one has {values}"
    if high - low <= 4 * slack:  # flat but for the rounding
        return
    heat, noise = (part - low) / (high - low), 2 * slack / (high - low)
    if not _peak_fits(row, said.saliency, place, heat, noise):
        yield "kept peak", f"its peak {row.peak} is not where its kept map is hottest"
    if said.boxes is None and not _boxes_fit([place.to_frame(box) for box in to_boxes(row.boxes)], heat, noise, x0, y0):
        yield "kept boxes", "its boxes are not those of the map that was kept of it"


def _same(some: tuple[Box, ...], others: list[Box]) -> bool:
    return len(some) == len(others) and all(
        abs(a - b) <= _EDGE for one, other in zip(some, others, strict=True) for a, b in zip(one, other, strict=True)
    )


def _peak_fits(row: Row, saliency: np.ndarray, place: Letterbox, heat: np.ndarray, noise: float) -> bool:
    """Whether a peak is the kept map's, or lies where that is as hot but for rounding."""
    if row.peak is None:
        return False
    x, y, *_ = place.to_frame(Box(*row.peak, *row.peak))
    right = peak(saliency, place.content)
    if right is not None and max(abs(right[0] - x), abs(right[1] - y)) <= _PIXEL:
        return True
    column, line = int(x - place.content.x0), int(y - place.content.y0)
    inside = 0 <= line < heat.shape[0] and 0 <= column < heat.shape[1]
    return inside and bool(heat[line, column] >= 1 - 2 * noise)


def _boxes_fit(boxes: list[Box], heat: np.ndarray, noise: float, left: int, top: int) -> bool:
    """Whether boxes, in the frame, can be those of a map whose rounded ``heat`` is 0..1."""
    from skimage.measure import label, regionprops

    # What is 0 may have been a little more, and so count for the quantile.
    least = float(np.quantile(heat, QUANTILE)) - 2 * noise
    most = float(np.quantile(heat[heat > 0], QUANTILE)) + 2 * noise
    surely = np.zeros((FRAME_SIDE, FRAME_SIDE), bool)
    for x0, y0, x1, y1 in boxes:
        surely[_whole(y0) : _whole(y1), _whole(x0) : _whole(x1)] = True
    covered = surely[top : top + heat.shape[0], left : left + heat.shape[1]]
    if len(boxes) < MAX_BOXES:
        for part in regionprops(label(heat >= most, connectivity=2)):
            if part.num_pixels >= MIN_PIXELS and not covered[part.coords[:, 0], part.coords[:, 1]].all():
                return False
    possible = [part.bbox for part in regionprops(label(heat >= least, connectivity=2))]
    return all(
        any(
            x0 >= left + b[1] - _PIXEL and y0 >= top + b[0] - _PIXEL
            and x1 <= left + b[3] + _PIXEL and y1 <= top + b[2] + _PIXEL
            for b in possible
        )
        for x0, y0, x1, y1 in boxes
    )  # fmt: skip


def _whole(edge: float) -> int:
    return max(0, round(edge))
