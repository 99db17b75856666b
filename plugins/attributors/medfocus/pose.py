"""How a film lies: the scale, turn and shift that bring the mean film onto it, and the map between their cells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from plugins.attributors.medfocus.structure import SIDE

NARROWEST, WIDEST = 0.4, 1.9  # of the mean film's size, in cells of the film
TURNED = np.deg2rad(30)  # at most
LOPSIDED = np.log(1.7)  # width's scale over height's, at most


class Pose(NamedTuple):
    """Cells of the film from cells of the mean film: scaled about its middle, turned, and put at (x, y).

    ``across``, ``down``: the logarithms of the scales; ``turn``: radians.
    """

    across: float
    down: float
    turn: float
    x: float
    y: float

    @property
    def matrix(self) -> np.ndarray:
        """Turn and scales, float [2, 2]."""
        c, s = np.cos(self.turn), np.sin(self.turn)
        return np.array([[c, -s], [s, c]]) @ np.diag(np.exp([self.across, self.down]))

    def to_film(self, points: np.ndarray) -> np.ndarray:
        """Points (x, y) of the film, [..., 2], for points of the mean film."""
        return (points - SIDE / 2) @ self.matrix.T + [self.x, self.y]

    def then(self, step: np.ndarray) -> Pose:
        """The pose after a small step (across, down, turn, x, y) that is taken before this one, on the mean film.

        What shears in the product is left out.
        """
        across, down, turn, *shift = step
        matrix = self.matrix @ (np.eye(2) + np.array([[across, -turn], [turn, down]]))
        angle = float(np.arctan2(matrix[1, 0] - matrix[0, 1], matrix[0, 0] + matrix[1, 1]))
        c, s = np.cos(angle), np.sin(angle)
        across, down = np.log(np.diag(np.array([[c, s], [-s, c]]) @ matrix).clip(NARROWEST, WIDEST))
        x, y = np.array([self.x, self.y]) + self.matrix @ shift
        return Pose(float(across), float(down), angle, float(x), float(y))

    @property
    def plausible(self) -> bool:
        """Whether a film can lie like that."""
        return abs(self.turn) <= TURNED and abs(self.across - self.down) <= LOPSIDED

    def mirrored(self, width: int) -> Pose:
        """The pose of the same chest on a film of ``width`` cells that was turned over."""
        return self._replace(turn=-self.turn, x=width - self.x)
