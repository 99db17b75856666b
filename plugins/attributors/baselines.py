"""What a hidden part of an image becomes: black, or something that looks less like a finding of its own."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field

from harness.contracts.case import Case

Baseline = Literal["black", "mean", "blur"]
SIGMA = 10  # frame pixels, as Fong and Vedaldi 2017 (arXiv 1704.03296) blur images of this size


def baseline_field() -> Any:
    """The option of a method that hides parts of an image."""
    return Field(
        default="black",
        description="What hidden parts become: black (the paper's), the image's mean colour, or the image blurred "
        f"(Gaussian, {SIGMA} pixels). The frame's padding stays black.",
    )


def baseline(case: Case, kind: Baseline) -> np.ndarray:
    """The image with everything hidden, uint8 [side, side, 3]. Padding is no image: it counts for no mean or blur."""
    from scipy.ndimage import gaussian_filter

    hidden = np.zeros_like(case.image)
    x0, y0, x1, y1 = (round(edge) for edge in case.content)
    inside = case.image[y0:y1, x0:x1].astype(float)
    if kind == "mean":
        hidden[y0:y1, x0:x1] = inside.mean((0, 1)).round()
    elif kind == "blur":
        hidden[y0:y1, x0:x1] = gaussian_filter(inside, (SIGMA, SIGMA, 0), mode="nearest").round()
    return hidden
