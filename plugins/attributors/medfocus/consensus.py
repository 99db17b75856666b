"""Sharp concept boxes by the agreement of the whole reference pool.

Entropic transport blurs: at epsilon 0.05 a pixel's mass lands in a Gaussian of about an eighth of the image's
side, so the region that holds a small concept's mass is many times the concept. Its centre of mass is not
blurred, though. Here each reference cell moves to the barycentre of where its mass goes, less the drift that
the blur alone causes (what the same cell does when its image is transported to itself: the debiasing of
Sinkhorn divergences, Feydy et al. 2019, arXiv 1810.08278). Each reference so gives a box for each concept,
and the median of each edge over the pool outvotes references whose anatomy does not match.
"""

from __future__ import annotations

import numpy as np

from harness.imaging.frame import Box
from plugins.attributors.medfocus import uot
from plugins.attributors.medfocus.references import Pool, average, mass
from plugins.attributors.medfocus.regions import clip


class Consensus:
    """The pool prepared for one grid, ``epsilon`` and ``lam``; reused for every target."""

    def __init__(self, pool: Pool, grid: int, epsilon: float, lam: float) -> None:
        self.epsilon, self.lam = epsilon, lam
        self.sources = np.stack([mass(image, grid) for image in pool.images])
        own = uot.solve(self.sources, self.sources, epsilon, lam).barycentres()
        self.drift = own - uot.positions(grid, grid)[:, None]
        self.cells = [
            [_cells(average(mask, grid), source > 0) for mask in masks]
            for masks, source in zip(pool.masks, self.sources, strict=True)
        ]

    def boxes(self, target: np.ndarray, side: int, content: Box) -> list[Box | None]:
        """One box a concept, in pixels of a ``side`` x ``side`` frame, for a target mass [grid, grid].

        None where no reference has the concept.
        """
        plans = uot.solve(self.sources, target, self.epsilon, self.lam)
        moved = plans.barycentres() - self.drift  # [2, R, grid, grid]
        scale = side / target.shape[0]
        boxes: list[Box | None] = []
        for k in range(len(self.cells[0])):
            votes = [_bounds(moved[:, r], cells[k]) for r, cells in enumerate(self.cells) if cells[k].any()]
            edges = np.median(votes, axis=0) * scale if votes else None
            boxes.append(None if edges is None else clip(Box(*(float(e) for e in edges)), content))
        return boxes


def _cells(share: np.ndarray, support: np.ndarray) -> np.ndarray:
    """The cells that stand for a mask, bool: those at least half as full as the fullest one.

    Relative to the fullest, so that a structure thinner than a cell has some too.
    """
    inside = np.where(support, share, 0.0)
    return (inside > 0) & (inside >= inside.max() / 2)


def _bounds(moved: np.ndarray, cells: np.ndarray) -> tuple[float, float, float, float]:
    """Outer edges (x0, y0, x1, y1) of moved unit cells."""
    y, x = moved[0][cells], moved[1][cells]
    return x.min() - 0.5, y.min() - 0.5, x.max() + 0.5, y.max() + 0.5
