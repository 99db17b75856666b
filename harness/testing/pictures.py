"""Pictures that plugins are checked on. All are made by a formula: the kit ships no image."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from harness.reading.image import read_image


def film(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Something like a chest film, uint8 [height, width, 3]: a bright middle, two dark lungs, noise."""
    y, x = np.mgrid[:height, :width]
    y, x = (y + 0.5) / height - 0.5, (x + 0.5) / width - 0.5
    lungs = sum(np.exp(-(((x - side) / 0.12) ** 2) - (y / 0.28) ** 2) for side in (-0.2, 0.2))
    noise = np.random.default_rng(seed).normal(0, 6, (height, width))
    grey = 190 - 120 * lungs - 60 * (np.abs(x) + np.abs(y)) + noise
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def sixteen_bit_film(height: int, width: int) -> np.ndarray:
    """A film of 16 bits with one bright marker, as the harness reads it: beside the marker all else is nearly black."""
    from PIL import Image

    grey = film(height, width)[..., 0].astype(np.uint16) * 4
    grey[2:6, 2:6] = 65535
    with TemporaryDirectory() as folder:
        path = Path(folder) / "film.png"
        Image.fromarray(grey).save(path)
        return read_image(path)
