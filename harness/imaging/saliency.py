"""From a saliency map to boxes, by MedGround-Bench's rule, and to its hottest point."""

from __future__ import annotations

import numpy as np

from harness.imaging.frame import Box

QUANTILE, MIN_PIXELS, MAX_BOXES = 0.9, 16, 10


def saliency_to_boxes(saliency: np.ndarray, content: Box | None = None) -> list[Box]:
    """Boxes, in frame pixels, around the hottest parts of a map, float [side, side].

    The map within ``content`` (the part of the frame that holds image; all of it where None) is min-max
    normalised and cut at the 0.9 quantile of its non-zero values; 8-connected parts of at least 16 px become
    tight half-open boxes, at most 10, by mean heat. A map without any structure gives none. Raises
    ``ValueError`` for a map that is not two-dimensional or holds NaN or infinities.
    """
    from skimage.measure import label, regionprops

    heat, (x0, y0) = unit_heat(saliency, content)
    if not heat.any():
        return []
    # At or above: in a map of few distinct values (a coarse grid) nothing may lie strictly above it.
    hot = (heat >= np.quantile(heat[heat > 0], QUANTILE)) & (heat > 0)
    regions = [r for r in regionprops(label(hot, connectivity=2), heat) if r.num_pixels >= MIN_PIXELS]
    regions.sort(key=lambda region: (-region.intensity_mean, region.label))
    boxes = []
    for region in regions[:MAX_BOXES]:
        top, left, bottom, right = region.bbox
        boxes.append(Box(left + x0, top + y0, right + x0, bottom + y0))
    return boxes


def peak(saliency: np.ndarray, content: Box | None = None) -> tuple[float, float] | None:
    """The hottest point (x, y) of a map, float [side, side], in frame pixels; None without any structure.

    Pixels that tie for the maximum are the norm, not the exception: a coarse map's hottest cell is one value.
    The first of them in scan order would be the cell's top left corner, half a cell off to the same side
    always. So it is the centre of mass of the hottest 8-connected part; of several, the largest, and of equal
    ones the first. A single pixel's is its middle. ``content`` and errors as in :func:`saliency_to_boxes`.
    """
    from skimage.measure import label, regionprops

    heat, (x0, y0) = unit_heat(saliency, content)
    if not heat.any():
        return None
    hottest = max(regionprops(label(heat == 1, connectivity=2)), key=lambda part: (part.num_pixels, -part.label))
    row, column = hottest.centroid
    return float(column + x0 + 0.5), float(row + y0 + 0.5)


def unit_heat(saliency: np.ndarray, content: Box | None = None) -> tuple[np.ndarray, tuple[int, int]]:
    """The part of a map within ``content``, scaled to 0..1 (all 0 where it is flat), and its corner (x, y).

    Raises ``ValueError`` for a map that is not two-dimensional or holds NaN or infinities.
    """
    saliency = np.asarray(saliency, np.float64)
    if saliency.ndim != 2:
        raise ValueError(f"a saliency map has two dimensions, this one has shape {saliency.shape}")
    if not np.isfinite(saliency).all():
        raise ValueError("the saliency map holds NaN or infinite values")
    height, width = saliency.shape
    x0, y0, x1, y1 = (round(edge) for edge in content) if content else (0, 0, width, height)
    part = saliency[y0:y1, x0:x1]
    low, high = part.min(), part.max()
    return (part - low) / (high - low) if high > low else np.zeros_like(part), (x0, y0)
