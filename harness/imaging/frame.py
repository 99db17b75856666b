"""Boxes, and the letterbox between an image's native pixels and the square frame that models see.

Two coordinate frames, both with x to the right, y down, the origin at the image's top left corner, and pixel (i, j)
covering [j, j + 1) x [i, i + 1):

* *native*: the pixels of the image as stored; annotations and scores live here.
* *frame*: the side x side square after letterboxing; models and attributors live here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

FRAME_SIDE = 224


class Box(NamedTuple):
    """A half-open box, x0 <= x < x1 and y0 <= y < y1, in pixels (fractions allowed)."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def area(self) -> float:
        """Area in square pixels, 0 for an empty or inverted box."""
        return max(0.0, self.x1 - self.x0) * max(0.0, self.y1 - self.y0)

    def clip(self, width: float, height: float) -> Box:
        """The part of the box inside a width x height image (possibly empty)."""
        x0, x1 = (min(max(v, 0.0), width) for v in (self.x0, self.x1))
        y0, y1 = (min(max(v, 0.0), height) for v in (self.y0, self.y1))
        return Box(x0, y0, max(x0, x1), max(y0, y1))


@dataclass(frozen=True)
class Letterbox:
    """The map from a native ``width`` x ``height`` image into a ``side`` x ``side`` frame.

    The longest side becomes ``side``, the other is rounded to whole pixels, and black fills the rest, centred
    (MedGround-Bench's model input).
    """

    width: int
    height: int
    side: int = FRAME_SIDE

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the resized image inside the frame, at least 1 pixel each."""
        scale = self.side / max(self.width, self.height)
        return max(1, round(self.width * scale)), max(1, round(self.height * scale))

    @property
    def offset(self) -> tuple[int, int]:
        """(x, y) of the resized image's top left corner in the frame."""
        w, h = self.size
        return (self.side - w) // 2, (self.side - h) // 2

    @property
    def content(self) -> Box:
        """The part of the frame that holds image rather than padding."""
        (x, y), (w, h) = self.offset, self.size
        return Box(x, y, x + w, y + h)

    def to_frame(self, box: Box) -> Box:
        """A native box in frame coordinates, not rounded."""
        (ox, oy), (w, h) = self.offset, self.size
        sx, sy = w / self.width, h / self.height
        return Box(box.x0 * sx + ox, box.y0 * sy + oy, box.x1 * sx + ox, box.y1 * sy + oy)

    def to_native(self, box: Box) -> Box:
        """A frame box in native coordinates, clipped to the image, not rounded."""
        (ox, oy), (w, h) = self.offset, self.size
        sx, sy = self.width / w, self.height / h
        native = Box((box.x0 - ox) * sx, (box.y0 - oy) * sy, (box.x1 - ox) * sx, (box.y1 - oy) * sy)
        return native.clip(self.width, self.height)


def to_boxes(rows: Iterable[Iterable[float]]) -> tuple[Box, ...]:
    """Boxes from rows of four numbers, as read from JSON."""
    return tuple(Box(*(float(v) for v in row)) for row in rows)
