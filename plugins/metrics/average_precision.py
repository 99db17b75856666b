"""How early a map's pixels, the hottest first, are the true ones: average precision, and AUROC beside it.

Pixels of one value stand at one place of the order, as in scikit-learn's ``average_precision_score`` and
``roc_auc_score``: a coarse map gets nothing from the order in which its cells happen to lie.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from harness.contracts.explained import Explained
from plugins.metrics.true_pixels import PixelMetric, true_pixels


class AveragePrecision(PixelMetric):
    """Average precision of the map's order of pixels against the true ones."""

    name: ClassVar[str] = "average-precision"
    title: ClassVar[str] = "AP"
    legend: ClassVar[str] = (
        "average precision of the pixels in the order of their heat, against the true pixels (the source's mask where "
        "it knows one, else the true boxes); a flat map gets the part of the image that is true, no box rule has a "
        "part in it; more is better."
    )

    def of(self, heat: np.ndarray, true: np.ndarray) -> float:
        taken, right = _steps(heat, true)
        return float(np.sum(np.diff(right, prepend=0) * right / taken) / right[-1])


class Auroc(PixelMetric):
    """Area under the receiver operating characteristic of the map's order of pixels."""

    name: ClassVar[str] = "auroc"
    title: ClassVar[str] = "AUROC"
    legend: ClassVar[str] = (
        "how often a true pixel is hotter than one that is not, ties as half; a flat map gets 50. Read it only beside "
        "others: findings are small and lie where findings lie, so that a hill over the middle of the image does as "
        "well as methods that read it; more is better."
    )

    def applies(self, explained: Explained) -> bool:
        """Not where all of the image is true: then there is nothing to tell it from."""
        place = explained.place
        return place is None or int(true_pixels(explained, place).sum()) < place.size[0] * place.size[1]

    def of(self, heat: np.ndarray, true: np.ndarray) -> float:
        taken, right = _steps(heat, true)
        wrong = taken - right
        before = np.concatenate([[0], right[:-1]])
        return float(np.sum(np.diff(wrong, prepend=0) * (right + before) / 2) / (right[-1] * wrong[-1]))


def _steps(heat: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From the hottest value down: how many pixels are at least as hot, and how many of these are true, float [V]."""
    order = np.argsort(-heat, kind="stable")
    sorted_heat = heat[order]
    last = np.flatnonzero(np.append(sorted_heat[1:] != sorted_heat[:-1], True))
    return last + 1.0, np.cumsum(true[order])[last].astype(float)
