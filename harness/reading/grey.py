"""What every kind of image has in common: how large it may be, and how its values become 0 to 255."""

from __future__ import annotations

import numpy as np

from harness.errors import HarnessError

MEGAPIXELS = 40  # the largest detectors have 18
LONGEST = 20  # times as long as wide: a strip, not a film


def check_size(what: str, width: int, height: int, fields: str = "width x height") -> None:
    """Raise ``HarnessError`` for an image too large or too long, ideally before its pixels take up memory.

    ``what`` begins the sentence and names the file; ``fields`` says what the file calls its two sides.
    """
    if width * height > MEGAPIXELS * 1_000_000:
        raise HarnessError(
            f"{what} is too large: {fields} is {width} x {height}, more than {MEGAPIXELS} megapixels; "
            "give a smaller copy."
        )
    if max(width, height) > LONGEST * min(width, height):
        raise HarnessError(
            f"{what} is too long: {fields} is {width} x {height}, beyond 1 to {LONGEST}; crop it to the film."
        )


def stretch(values: np.ndarray, ignored: np.ndarray | None = None) -> np.ndarray:
    """8-bit values as they are, others linear from the least and the largest to 0..255; all 0 where these are the same.

    ``ignored``, bool like ``values``: pixels that take no part in it. They come out of it as anything.
    """
    if values.dtype == np.uint8:
        return values
    seen = values if ignored is None else values[~ignored]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 0.0)
    if not high > low:
        return np.zeros(values.shape, np.uint8)
    return np.round((values.clip(low, high).astype(np.float64) - low) * (255 / (high - low))).astype(np.uint8)
