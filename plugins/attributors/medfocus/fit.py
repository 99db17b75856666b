"""The fine fit of the mean film to a film: first scale, turn and shift, then how its parts bend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from plugins.attributors.medfocus.pose import Pose
from plugins.attributors.medfocus.structure import SIDE, at
from plugins.attributors.medfocus.template import Template

STEPS, LONGEST = 14, np.array([0.1, 0.1, 0.08, 3.0, 3.0])  # of the pose's fit; a step of across, down, turn, x, y
DAMPED = 0.02  # share by which the normal equations' diagonal is raised
ENOUGH = 300  # cells that must be seen to say anything
BENDS, SOFT, STIFF = 15, 2.0, 3.2  # of the bending; its smoothness, in cells, at the end and at the start
FORCE = 0.15, 0.02  # what keeps its steps small: of the squared difference, and constant

_Y, _X = np.mgrid[0:SIDE, 0:SIDE] + 0.5
_CELLS = np.stack([_X, _Y], -1)


@dataclass(frozen=True)
class Fit:
    """How the mean film lies on a film, and how well: the correlation of their structures where both are known.

    ``bend``: cells (x, y) by which the mean film's cells lie elsewhere than the pose says, float [2, SIDE, SIDE].
    """

    pose: Pose
    agreement: float
    bend: np.ndarray

    def to_film(self, points: np.ndarray) -> np.ndarray:
        """Points (x, y) of the film, float [..., 2], for points of the mean film."""
        x, y = points[..., 0], points[..., 1]
        moved = points + np.stack([at(part, x, y) for part in self.bend], -1)
        return self.pose.to_film(moved)


def fit_pose(template: Template, film: np.ndarray, start: Pose) -> Fit:
    """Gauss-Newton steps from a pose towards the highest correlation; the best on the way."""
    target, smooth = gaussian_filter(film, 1.0), gaussian_filter(template.structure, 1.0)
    pose, best = start, Fit(start, -1.0, np.zeros((2, SIDE, SIDE)))
    for _ in range(STEPS):
        pair = _seen(template, smooth, target, pose.to_film(_CELLS))
        if pair is None or not pose.plausible:
            break
        mine, its, seen = pair
        # Seeing less of the mean film must not pay.
        agreement = float(np.mean((mine * its)[seen])) * (seen.sum() / template.known.sum()) ** 0.25
        if agreement > best.agreement:
            best = Fit(pose, agreement, best.bend)
        gy, gx = np.gradient(its)
        x, y = _X - SIDE / 2, _Y - SIDE / 2
        slopes = np.stack([gx * x, gy * y, gy * x - gx * y, gx, gy], -1)[seen]
        normal = slopes.T @ slopes
        normal[np.diag_indices(5)] *= 1 + DAMPED
        normal[np.diag_indices(5)] += 1e-9
        step = np.linalg.solve(normal, slopes.T @ (mine - its)[seen])
        pose = pose.then(step.clip(-LONGEST, LONGEST))
        if (np.abs(step) < LONGEST / 50).all():
            break
    return best


def bend(template: Template, film: np.ndarray, fit: Fit) -> Fit:
    """Let the mean film's parts follow the film's, smoothly: Thirion's demons (1998, doi 10.1016/S1361-8415(98)80022-4)
    with the force of both films' slopes, ever less stiff."""
    shift, agreement = np.zeros((2, SIDE, SIDE)), fit.agreement
    for step in range(BENDS):
        pair = _seen(template, template.structure, film, fit.pose.to_film(_CELLS + np.moveaxis(shift, 0, -1)))
        if pair is None:
            return fit
        mine, its, seen = pair
        gy, gx = np.gradient((mine + its) / 2)
        off = (mine - its) * seen
        force = off / (gx**2 + gy**2 + FORCE[0] * off**2 + FORCE[1])
        shift = shift + np.stack([force * gx, force * gy]).clip(-1.5, 1.5)
        stiff = STIFF + (SOFT - STIFF) * step / (BENDS - 1)
        shift = gaussian_filter(shift, (0, stiff, stiff))
        agreement = float(np.mean((mine * its)[seen]))
    return Fit(fit.pose, agreement, shift)


def _seen(
    template: Template, mean_film: np.ndarray, film: np.ndarray, there: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The mean film and the film beneath it, each less its mean over its deviation, and the cells on both; None where
    these are too few."""
    x, y = there[..., 0], there[..., 1]
    seen = template.known & (x >= 0) & (x <= film.shape[1]) & (y >= 0) & (y <= film.shape[0])
    if seen.sum() < ENOUGH:
        return None
    its = at(film, x, y)
    mine, its = ((a - a[seen].mean()) / (a[seen].std() + 1e-3) for a in (mean_film, its))
    return mine, its, seen
