"""Integrated gradients (Sundararajan et al. 2017, arXiv 1703.01365)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability
from harness.contracts.plugin import NoOptions
from harness.hookspecs import hookimpl


class IntegratedGradients(Attributor):
    """Gradients of the answer's log-probability summed along the line from a black frame to the image."""

    name: ClassVar[str] = "integrated-gradients"
    aliases: ClassVar[tuple[str, ...]] = ("ig",)
    needs: ClassVar[frozenset[Capability]] = frozenset({"trace"})

    class Options(NoOptions):
        """Defaults are the paper's."""

        steps: int = Field(default=24, ge=1, le=4096, description="Points on the line, each a pass and its gradient.")

    options: Options  # type: ignore[assignment]

    def attribute(self, case: Case) -> Attribution:
        """Each pixel gets the sum over channels of |attribution|."""
        return Attribution(saliency=np.abs(self.signed(case)).sum(-1))

    def signed(self, case: Case) -> np.ndarray:
        """Attributions with their sign, float64 [side, side, 3] (midpoint rule); they sum to F(image) - F(black)."""
        parts = 16
        fractions = (np.arange(self.options.steps) + 0.5) / self.options.steps
        total = np.zeros(case.image.shape)
        for start in range(0, len(fractions), parts):
            some = fractions[start : start + parts].tolist()
            total += case.path_gradients(np.zeros_like(case.image), some).sum(0)
        return total / self.options.steps


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [IntegratedGradients]
