"""The coarse fit: the correlation of a film with the mean film at every shift, for a grid of scales and turns.

Only cells on both count, so that a chest which the film cuts is found too: the masked correlation of Padfield (2012,
doi 10.1109/TIP.2011.2181402), by Fourier transforms.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.fft import irfft2, rfft2
from scipy.ndimage import gaussian_filter

from plugins.attributors.medfocus.pose import Pose
from plugins.attributors.medfocus.structure import SIDE, at
from plugins.attributors.medfocus.template import Template

SCALES = tuple(0.52 * 1.12**k for k in range(10))
SHAPES = (0.86, 1.0, 1.16)  # width's scale over height's
TURNS = tuple(np.deg2rad((-8.0, 0.0, 8.0)))
STEP = 2  # cells of the film that one here stands for
CANVAS = 96  # holds the mean film at its largest, and the film beside it without meeting itself
SEEN = 0.6  # of the mean film that must lie on the film
FILLED = 0.5  # of the film that the mean film must fill
FAVOUR = 0.25  # the power of both shares by which the correlation is multiplied: more overlap, more to say


class Search:
    """The mean film's transforms at all scales and turns; made once a pool, used for every film."""

    def __init__(self, template: Template) -> None:
        known = template.known.astype(np.float64)
        smooth = gaussian_filter(template.structure, 0.8) * known
        y, x = (np.mgrid[0:CANVAS, 0:CANVAS] + 0.5 - CANVAS / 2) * STEP
        self.poses, values, weights = [], [], []
        for scale, shape, turn in product(SCALES, SHAPES, TURNS):
            pose = Pose(np.log(scale * shape**0.5), np.log(scale / shape**0.5), turn, 0.0, 0.0)
            u, v = np.tensordot(np.linalg.inv(pose.matrix), np.stack([x, y]), 1) + SIDE / 2
            here = (u > 0) & (u < SIDE) & (v > 0) & (v < SIDE)
            self.poses.append(pose)
            values.append(at(smooth, u, v) * here)
            weights.append(at(known, u, v) * here)
        w = np.array(weights)
        self._area = w.sum((1, 2))
        self._weights = np.conj(_transform(w))
        self._values = np.conj(_transform(np.array(values)))
        self._squares = np.conj(_transform(np.array(values) ** 2 / np.maximum(w, 1e-3)))

    def correlations(self, film: np.ndarray) -> np.ndarray:
        """The correlation with a film's structure, float32 [poses, CANVAS, CANVAS], by shift.

        0 where too little of either lies on the other.
        """
        height, width = film.shape
        room = ((0, -height % STEP), (0, -width % STEP))
        known = _cells(np.pad(np.ones(film.shape), room))
        held = _cells(np.pad(film, room))
        weights, values = _transform(known), _transform(held)
        squares = _transform(held**2 / np.maximum(known, 1e-3))
        count = np.maximum(_back(self._weights * weights), 1)
        mine, its = _back(self._values * weights), _back(self._weights * values)
        shared = _back(self._values * values) - mine * its / count
        spread = np.maximum(_back(self._squares * weights) - mine**2 / count, 1e-3)
        spread *= np.maximum(_back(self._weights * squares) - its**2 / count, 1e-3)
        seen = np.minimum(count / self._area[:, None, None], 1)
        filled = np.minimum(count / known.sum(), 1)
        worth = np.where((seen > SEEN) & (filled > FILLED), (seen * filled) ** FAVOUR, 0)
        return shared / np.sqrt(spread) * worth

    def best(self, correlations: np.ndarray, count: int) -> list[Pose]:
        """The poses of the highest correlations that differ by more than the fine fit bridges, the best first."""
        highest = correlations.reshape(len(self.poses), -1).argmax(1)
        values = correlations.reshape(len(self.poses), -1).max(1)
        found: list[Pose] = []
        for k in np.argsort(-values, kind="stable"):
            down, right = (_signed(int(n)) for n in np.unravel_index(highest[k], (CANVAS, CANVAS)))
            x, y = STEP * (right + CANVAS / 2), STEP * (down + CANVAS / 2)
            pose = self.poses[k]._replace(x=x, y=y)
            if all(_apart(pose, other) for other in found):
                found.append(pose)
            if len(found) == count:
                break
        return found


def _apart(a: Pose, b: Pose) -> bool:
    far = np.hypot(a.x - b.x, a.y - b.y) > 3
    return bool(far or abs(a.turn - b.turn) > 0.1 or max(abs(a.across - b.across), abs(a.down - b.down)) > 0.13)


def _cells(image: np.ndarray) -> np.ndarray:
    """Means over STEP x STEP cells."""
    h, w = image.shape
    means: np.ndarray = image.reshape(h // STEP, STEP, w // STEP, STEP).mean((1, 3))
    return means


def _transform(images: np.ndarray) -> np.ndarray:
    found: np.ndarray = rfft2(images.astype(np.float32), (CANVAS, CANVAS))
    return found


def _back(spectra: np.ndarray) -> np.ndarray:
    found: np.ndarray = irfft2(spectra, (CANVAS, CANVAS))
    return found


def _signed(shift: int) -> int:
    """A shift to the left or up wraps around."""
    return shift - CANVAS if shift > CANVAS // 2 else shift
