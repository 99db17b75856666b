"""The pointing game: does the one point that a method would name lie in a true box?

Source: Zhang et al. 2016, "Top-down neural attention by excitation backprop"; without its tolerance of 15 pixels, in
which small findings would be lost.
"""

from __future__ import annotations

from typing import ClassVar

from harness.contracts.explained import Explained
from harness.contracts.metric import Metric


class Pointing(Metric):
    """Whether the hottest point of the map, or the middle of the first box, lies in a true box."""

    name: ClassVar[str] = "pointing"
    title: ClassVar[str] = "Pointing"
    default: ClassVar[bool] = True
    legend: ClassVar[str] = (
        "for how many records the maximum of the method's map, or the centre of its first box where it has no map, "
        "lies in a true box, without any tolerance; more is better."
    )

    def measure(self, explained: Explained) -> float:
        point = explained.peak
        if point is None:
            if not explained.boxes:  # a flat map points nowhere
                return 0.0
            box = explained.boxes[0]
            point = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
        x, y = point
        return float(any(box.x0 <= x < box.x1 and box.y0 <= y < box.y1 for box in explained.truth))
