"""How alike two maps of one image are, by the ranks of their values."""

from __future__ import annotations

import numpy as np

from harness.imaging.frame import Box


def rank_correlation(one: np.ndarray, other: np.ndarray, content: Box) -> float:
    """Spearman's correlation of two maps [side, side] over the pixels of the image.

    1 for the same order of the pixels, -1 for the reverse, about 0 for orders that know nothing of each other. Pixels
    that tie share their mean rank. A map without any structure has no order: it is like an equal one (1), and like no
    other (0).
    """
    from scipy.stats import rankdata

    x0, y0, x1, y1 = (round(edge) for edge in content)
    ranks = [rankdata(np.asarray(heat)[y0:y1, x0:x1].ravel()) for heat in (one, other)]
    a, b = (values - values.mean() for values in ranks)
    size = np.linalg.norm(a) * np.linalg.norm(b)
    return float(np.clip(a @ b / size, -1, 1)) if size else float(np.array_equal(*ranks))
