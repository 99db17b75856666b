"""Which part of a map's heat is true. Source: Arras et al. 2022, "CLEVR-XAI", relevance mass accuracy."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from plugins.metrics.true_pixels import PixelMetric


class RelevanceMass(PixelMetric):
    """Part of the map's positive heat that lies in true pixels."""

    name: ClassVar[str] = "relevance-mass"
    title: ClassVar[str] = "Mass"
    legend: ClassVar[str] = (
        "the part of the map's heat that lies in the true pixels (the source's mask where it knows one, else the true "
        "boxes); negative heat counts as none, and a map without any as even, which gets the part of the image that "
        "is true; more is better."
    )

    def of(self, heat: np.ndarray, true: np.ndarray) -> float:
        positive = np.maximum(heat, 0)
        most = positive.max()
        # Scaled first: a sum of huge values would overflow, and one of tiny ones vanish.
        return float((positive[true] / most).sum() / (positive / most).sum()) if most > 0 else float(true.mean())
