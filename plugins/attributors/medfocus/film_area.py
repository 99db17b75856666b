"""Where in a picture the film is: borders of one grey, black, white or any other, are no film."""

from __future__ import annotations

import numpy as np

ALIKE = 8  # grey levels by which pixels of a border may differ: JPEG and a scanner leave that much
SHARE = 0.97  # of a line's pixels that must be alike; the rest may be a side marker
MOST = 0.45  # of a side that can be border
LEAST = 8  # pixels a side that are left in any case


def film_area(grey: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns of a picture [h, w] that hold film.

    Lines are peeled off each side for as long as they have the grey of the outermost one. Twice, since a border at the
    top hides that the lines below it end in borders of another grey.
    """
    top, bottom, left, right = 0, grey.shape[0], 0, grey.shape[1]
    for _ in range(2):
        top += _border(grey[top:bottom, left:right])
        bottom -= _border(grey[top:bottom, left:right][::-1])
        left += _border(grey[top:bottom, left:right].T)
        right -= _border(grey[top:bottom, left:right].T[::-1])
    return slice(top, bottom), slice(left, right)


def _border(lines: np.ndarray) -> int:
    """How many of the first lines are border."""
    alike = np.mean(np.abs(lines - np.median(lines[0])) <= ALIKE, axis=1) >= SHARE
    count = int(np.argmin(alike)) if not alike.all() else len(lines)
    count = min(count, int(MOST * len(lines)))
    # The line where border and film meet is a mixture of both, as pictures are scaled.
    return max(0, min(count + (count > 0), len(lines) - LEAST))
