"""IoU of a map's hottest pixels, as many as the truth has: no threshold of the benchmark's has a part in it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from plugins.metrics.true_pixels import PixelMetric


class IoUAtArea(PixelMetric):
    """IoU of the hottest pixels, as many as are true, with the true ones."""

    name: ClassVar[str] = "iou-at-area"
    title: ClassVar[str] = "IoU at area"
    legend: ClassVar[str] = (
        "IoU of the map's hottest pixels with the true ones (the source's mask where it knows one, else the true "
        "boxes), as many pixels as are true; of pixels that tie for the last places, the mean over all ways to choose "
        "among them; more is better."
    )

    def of(self, heat: np.ndarray, true: np.ndarray) -> float:
        from scipy.stats import hypergeom

        area = int(true.sum())
        least = np.partition(heat, len(heat) - area)[len(heat) - area]
        above, tied = heat > least, heat == least
        sure, chosen, among = int((above & true).sum()), area - int(above.sum()), int((tied & true).sum())
        more = np.arange(max(0, chosen - int(tied.sum()) + among), min(chosen, among) + 1)
        shared = sure + more
        return float(np.sum(hypergeom.pmf(more, int(tied.sum()), among, chosen) * shared / (2 * area - shared)))
