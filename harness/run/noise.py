"""The noise of a map, and which maps are flat: those that vary by no more than it.

A map is scaled to 0..1 before it becomes boxes, so that one which is nothing but rounding looks like any other. Its
noise is how it changes when the same case is explained once more while the model rounds otherwise
(:meth:`harness.contracts.model.Model.rounding`): the range of the difference, as boxes do not depend on what all
pixels have in common. Of a map that is noise alone, the difference of two has the square root of 2 times its range.
"""

from __future__ import annotations

import sys

import numpy as np

from harness.contracts.attributor import Attribution, Attributor
from harness.errors import one_line
from harness.imaging.frame import Box
from harness.run.row import Row
from harness.run.shared_case import DIGITS, SharedCase, seed_everything

FORMAT_NOISE = 1e-6  # of the largest value: some eight steps of float32, for maps whose own noise is not known


def is_flat(row: Row) -> bool:
    """Whether a row's map varies by no more than its noise, or a number format's: what boxes show of it is rounding."""
    if row.map_range is None:
        return False
    low, high = row.map_range
    return high - low <= max(row.map_noise or 0.0, FORMAT_NOISE * max(abs(low), abs(high)))


def noise_of(said: Attribution, method: Attributor, again: SharedCase) -> tuple[float | None, str | None]:
    """The noise of a map, and where it could not be measured, why.

    Parameters
    ----------
    said
        What the method said.
    method
        The method.
    again
        The same case, untouched: nothing that was computed before may be in it.
    """
    if said.saliency is None:
        return None, None
    rounding = again.model.rounding(again.seed)
    if rounding is None:
        return None, f"{again.model.name} cannot compute anything with another rounding: the noise of maps is not known"
    try:
        seed_everything(again.seed)
        with rounding:
            other = method.attribute(again).saliency
        if other is None:
            raise ValueError("it gave a map first, and none then")
        found = difference(said.saliency, other, again.content)
    except (Exception, SystemExit) as error:
        return None, f"The noise of a map of {method.name} could not be measured: {one_line(error)}"
    return found, None


def difference(one: np.ndarray, other: np.ndarray, content: Box) -> float:
    """The range of the difference of two maps [side, side] within the image."""
    x0, y0, x1, y1 = (round(edge) for edge in content)
    apart = np.ptp((np.asarray(one, np.float64) - np.asarray(other, np.float64))[y0:y1, x0:x1])
    if not np.isfinite(apart):
        raise ValueError("the second map holds NaN or infinite values")
    return float(f"{min(apart, sys.float_info.max):.{DIGITS}g}")
