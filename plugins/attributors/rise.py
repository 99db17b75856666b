"""RISE (Petsiuk et al. 2018, arXiv 1806.07421)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field
from scipy.ndimage import map_coordinates

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability
from harness.contracts.plugin import NoOptions
from harness.hookspecs import hookimpl
from plugins.attributors.baselines import Baseline, baseline, baseline_field


class RISE(Attributor):
    """Show the model random parts of the image; a pixel is worth the mean probability of the answer where it shows."""

    name: ClassVar[str] = "rise"
    needs: ClassVar[frozenset[Capability]] = frozenset({"score"})

    class Options(NoOptions):
        """Defaults are the paper's."""

        masks: int = Field(default=64, ge=1, le=16384, description="Masks; each is one forward pass.")
        grid: int = Field(default=8, ge=2, le=56, description="Cells a side of a mask before it is smoothed.")
        keep: float = Field(default=0.5, gt=0, lt=1, description="Chance that a cell shows.")
        baseline: Baseline = baseline_field()
        normalise: Literal["coverage", "expected"] = Field(
            default="coverage",
            description="Divide by how often each pixel was shown, or by how often one is expected to be, which is the "
            "paper's equation 6 and leaves the masks' own pattern in the map where there are few.",
        )

    options: Options  # type: ignore[assignment]

    def attribute(self, case: Case) -> Attribution:
        """Each pixel gets the mean probability over the masks, weighed by how much of the pixel each one shows."""
        height, width = case.image.shape[:2]
        masks = self.masks(height, width, case.seed)
        hidden, worth = baseline(case, self.options.baseline), np.empty(len(masks))
        for start in range(0, len(masks), 16):
            some = masks[start : start + 16, ..., None]
            images = (some * case.image + (1 - some) * hidden).round().astype(np.uint8)
            worth[start : start + 16] = np.exp(case.score(list(images))).mean(1)
        if self.options.normalise == "expected":
            return Attribution(saliency=np.tensordot(worth, masks, 1) / (len(masks) * self.options.keep))
        # As differences from the median: equal probabilities give a map that is flat to the last bit.
        usual = np.median(worth)
        more, coverage = np.tensordot(worth - usual, masks, 1), masks.sum(0, dtype=np.float64)
        return Attribution(saliency=usual + np.divide(more, coverage, out=np.zeros_like(more), where=coverage > 0))

    def masks(self, height: int, width: int, seed: int) -> np.ndarray:
        """Float32 [masks, height, width] in 0..1: coarse grids, bilinear, shifted by part of a cell (section 3.2)."""
        rng, grid = np.random.default_rng(seed), self.options.grid
        masks = np.empty((self.options.masks, height, width), np.float32)
        for mask in masks:
            coarse = (rng.random((grid + 1, grid + 1)) < self.options.keep).astype(np.float32)
            shift = rng.random(2)
            y, x = ((np.arange(n) + 0.5) * grid / n - 0.5 for n in (height, width))
            places = np.meshgrid(y + shift[0], x + shift[1], indexing="ij")
            mask[:] = map_coordinates(coarse, places, order=1, mode="nearest")
        return masks


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [RISE]
