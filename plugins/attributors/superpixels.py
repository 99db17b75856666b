"""Superpixels, for the methods that show and hide parts of an image that have its own outlines."""

from __future__ import annotations

import numpy as np

from harness.contracts.case import Case


def superpixels(case: Case, count: int) -> np.ndarray:
    """About ``count`` SLIC-zero superpixels of the content, int [side, side] from 1 without gaps; padding is 0."""
    from skimage.segmentation import slic  # not needed to list the plugins

    x0, y0, x1, y1 = (round(edge) for edge in case.content)
    inside = np.zeros(case.image.shape[:2], bool)
    inside[y0:y1, x0:x1] = True
    labels = slic(case.image, count, start_label=1, slic_zero=True, mask=inside)
    found: np.ndarray = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
    return found if labels.min() == 0 else found + 1
