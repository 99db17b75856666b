"""What of a film's greys is compared: its large structures, whatever its exposure, film curve and contrast."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

SIDE = 64  # cells of a film's longer side
REACHES = (4.0, 10.0)  # cells; the standard deviations of the windows in which contrast is made the same
FLOOR = 0.01  # of variance, so that flat parts do not become noise


def resample(grey: np.ndarray) -> np.ndarray:
    """A film [h, w] on square cells, the longer side :data:`SIDE` of them, smoothed so that none is skipped."""
    step = max(grey.shape) / SIDE
    shape = [max(8, round(n / step)) for n in grey.shape]
    centres = [(np.arange(n) + 0.5) * old / n - 0.5 for n, old in zip(shape, grey.shape, strict=True)]
    smooth = gaussian_filter(grey.astype(np.float64), 0.4 * step)
    cells: np.ndarray = map_coordinates(smooth, np.meshgrid(*centres, indexing="ij"), order=1, mode="nearest")
    return cells


def equalised(cells: np.ndarray) -> np.ndarray:
    """The share of cells that are darker, less the share that are brighter, halved: any film curve gives the same."""
    _, place, counts = np.unique(cells.ravel(), return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - counts
    return (((below + counts / 2) / cells.size)[place.ravel()] - 0.5).reshape(cells.shape)


def structure(levels: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """Levels [h, w] less their local mean, over their local deviation; 0 where they are not ``known``.

    The mean of both windows' results: the narrow one finds edges under any shading, the wide one keeps a lung darker
    than what surrounds it where software has evened the film out.
    """
    weight = np.ones(levels.shape) if known is None else known.astype(np.float64)
    found = np.zeros(levels.shape)
    for reach in REACHES:
        held = gaussian_filter(weight, reach, mode="constant") + 1e-6
        mean = gaussian_filter(levels * weight, reach, mode="constant") / held
        variance = gaussian_filter((levels - mean) ** 2 * weight, reach, mode="constant") / held
        found += (levels - mean) / np.sqrt(variance + FLOOR) * weight / len(REACHES)
    return found


def at(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Values at positions whose unit is a cell, the first cell's centre being (0.5, 0.5); the edge's beyond it."""
    found: np.ndarray = map_coordinates(image, [y - 0.5, x - 0.5], order=1, mode="nearest")
    return found
