"""The pixels of the frame beside the truth: what metrics of maps, not of boxes, are measured over.

The truth comes into the frame, where maps are: a pixel is true where its middle lies in the source's mask or, where the
source knows none, in a true box. A truth so small that it holds no middle is the pixels that it touches. The bars
beside an image that is not square are no pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from harness.contracts.explained import Explained
from harness.contracts.metric import Metric, Need
from harness.imaging.frame import Box, Letterbox


class PixelMetric(Metric):
    """A metric of a map against true pixels. Boxes count as maps of 0 and 1."""

    needs: ClassVar[frozenset[Need]] = frozenset({"map"})
    wants: ClassVar[frozenset[Need]] = frozenset({"mask"})

    def measure(self, explained: Explained) -> float:
        return self.of(*pixels(explained))

    def of(self, heat: np.ndarray, true: np.ndarray) -> float:
        """The figure of ``heat``, float64 [P], against what is ``true``, bool [P]."""
        raise NotImplementedError


def pixels(explained: Explained) -> tuple[np.ndarray, np.ndarray]:
    """The heat of each pixel that shows image, float64 [P], and whether it is true, bool [P]; at least one is."""
    place = explained.place
    if place is None:
        raise ValueError("the image could not be read")
    x0, y0, x1, y1 = (round(edge) for edge in place.content)
    return explained.heat[y0:y1, x0:x1].ravel(), true_pixels(explained, place)[y0:y1, x0:x1].ravel()


def true_pixels(explained: Explained, place: Letterbox) -> np.ndarray:
    """Which pixels of the frame are true, bool [side, side]."""
    (left, top), (wide, high) = place.offset, place.size
    found = np.zeros((place.side, place.side), bool)
    if explained.mask is not None and explained.mask.any():
        found[top : top + high, left : left + wide] = explained.mask[
            np.ix_(_native(high, place.height), _native(wide, place.width))
        ]
        if not found.any():
            rows, columns = np.nonzero(explained.mask)
            touched = (rows + 0.5) * high / place.height + top, (columns + 0.5) * wide / place.width + left
            found[tuple(edges.astype(int) for edges in touched)] = True
        return found
    boxes = [place.to_frame(box) for box in explained.truth]
    found = _painted(boxes, place)
    if not found.any():
        for box in boxes:
            found[_touched(box.y0, box.y1, place.side), _touched(box.x0, box.x1, place.side)] = True
    return found


def boxed_pixels(explained: Explained, boxes: Sequence[Box]) -> np.ndarray:
    """Which of the pixels that :func:`pixels` gives have their middle in one of the boxes, native; bool [P]."""
    place = explained.place
    if place is None:
        raise ValueError("the image could not be read")
    x0, y0, x1, y1 = (round(edge) for edge in place.content)
    return _painted([place.to_frame(box) for box in boxes], place)[y0:y1, x0:x1].ravel()


def _painted(boxes: Sequence[Box], place: Letterbox) -> np.ndarray:
    """Which pixels of the frame have their middle in one of the boxes of the frame, bool [side, side]."""
    middles = np.arange(place.side) + 0.5
    found = np.zeros((place.side, place.side), bool)
    for box in boxes:
        inside = (middles >= box.y0) & (middles < box.y1), (middles >= box.x0) & (middles < box.x1)
        found[np.ix_(*inside)] = True
    return found


def _native(size: int, native: int) -> np.ndarray:
    """Which native row or column holds the middle of each of ``size`` pixels."""
    return ((np.arange(size) + 0.5) * native / size).astype(int)


def _touched(low: float, high: float, side: int) -> slice:
    return slice(min(int(low), side - 1), max(int(np.ceil(high)), int(low) + 1))
