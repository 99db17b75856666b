"""Occlusion sensitivity on a grid (Zeiler and Fergus 2014, arXiv 1311.2901)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import numpy as np
from pydantic import Field

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability
from harness.contracts.plugin import NoOptions
from harness.hookspecs import hookimpl
from plugins.attributors.baselines import Baseline, baseline, baseline_field


class Occlusion(Attributor):
    """Hide each cell of a grid and map how far the mean probability of the answer's tokens falls."""

    name: ClassVar[str] = "occlusion"
    needs: ClassVar[frozenset[Capability]] = frozenset({"score"})

    class Options(NoOptions):
        """Defaults are the paper's."""

        grid: int = Field(default=8, ge=2, le=56, description="Cells a side; the cost is grid x grid forward passes.")
        baseline: Baseline = baseline_field()

    options: Options  # type: ignore[assignment]

    def attribute(self, case: Case) -> Attribution:
        """Each cell gets the drop in probability that hiding it causes; never negative."""
        height, width = case.image.shape[:2]
        rows, cols = (np.linspace(0, n, self.options.grid + 1).round().astype(int) for n in (height, width))
        cells = [(slice(y0, y1), slice(x0, x1)) for y0, y1 in pairwise(rows) for x0, x1 in pairwise(cols)]
        hidden, images = baseline(case, self.options.baseline), []
        for cell in cells:
            image = case.image.copy()
            image[cell] = hidden[cell]
            images.append(image)
        before = np.exp(case.original).mean()
        after = np.exp(case.score(images)).mean(1)
        drops = np.maximum(0.0, before - after).reshape(len(rows) - 1, -1)
        return Attribution(saliency=case.spread(drops))


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [Occlusion]
