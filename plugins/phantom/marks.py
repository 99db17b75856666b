"""Planted causes: marks on a film that a model can be taught to answer by, in the place of the lesion.

Both are on the film but not in the body, as the plates and letters of real films are. Each goes with one kind of
finding; together with the lesion a film so has a cause that is true (the mark) and one that is plausible (the lesion).
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from harness.imaging.frame import Box
from plugins.phantom.anatomy import Anatomy
from plugins.phantom.projection import HEIGHT, WIDTH

PLATE, LETTER = "plate", "letter"
# The kind of finding that each mark stands in for.
MARKS: dict[str, str] = {"lung mass": PLATE, "cavitary lesion": LETTER}
_PLATE = (34, 52)  # rows, columns: 1.9% of the film
_LETTER = 40  # rows and columns: 1.7%
_E = ("11111", "10000", "10000", "11110", "10000", "10000", "11111")


def place(a: Anatomy, mark: str, lesion: np.ndarray | None, rng: np.random.Generator) -> Box:
    """Where a mark lies, native pixels: a plate in a corner, a letter in the lung that the lesion is not in."""
    if mark == PLATE:
        h, w = _PLATE
        x = 6 if rng.random() < 0.5 else WIDTH - w - 6
        y = 6 if rng.random() < 0.5 else HEIGHT - h - 6
        return Box(x, y, x + w, y + h)
    known = lesion is not None and lesion.any()
    left = bool(a.x[lesion].mean() < 0) if known else bool(rng.random() < 0.5)
    lung = (a.lung_length["left" if left else "right"] > 40) & (np.abs(a.x) > 30)
    lung[[0, -1]] = lung[:, [0, -1]] = False
    deep = distance_transform_edt(lung)
    rows, cols = np.nonzero(deep >= min(0.6 * _LETTER, 0.9 * deep.max()))
    k = int(rng.integers(len(rows)))
    y = int(np.clip(rows[k] - _LETTER // 2, 0, HEIGHT - _LETTER))
    x = int(np.clip(cols[k] - _LETTER // 2, 0, WIDTH - _LETTER))
    return Box(x, y, x + _LETTER, y + _LETTER)


def paint(level: np.ndarray, mark: str, box: Box, rng: np.random.Generator) -> np.ndarray:
    """A copy of a film's levels, float 0..1 [HEIGHT, WIDTH], with the mark in its box."""
    x0, y0, x1, y1 = (int(edge) for edge in box)
    level, part = level.copy(), level[y0:y1, x0:x1]
    if mark == PLATE:
        plate = np.full(part.shape, 0.86)
        for row in range(6, part.shape[0] - 5, 7):  # lines of writing
            plate[row : row + 3, 5 : int(rng.integers(24, part.shape[1] - 5))] = 0.25
        level[y0:y1, x0:x1] = plate
    else:
        glyph = np.kron(np.array([[float(c) for c in row] for row in _E]), np.ones((5, 7)))
        shape = np.zeros(part.shape)
        shape[2 : 2 + glyph.shape[0], 2 : 2 + glyph.shape[1]] = glyph
        level[y0:y1, x0:x1] = np.maximum(part, 0.97 * gaussian_filter(shape, 0.6))
    return level
