"""Integrated gradients (Sundararajan et al. 2017, arXiv 1703.01365)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability
from harness.contracts.plugin import NoOptions
from harness.hookspecs import hookimpl
from plugins.attributors.baselines import SIGMA, baseline


class IntegratedGradients(Attributor):
    """Gradients of the answer's log-probability summed along the line from a baseline to the image."""

    name: ClassVar[str] = "integrated-gradients"
    aliases: ClassVar[tuple[str, ...]] = ("ig",)
    needs: ClassVar[frozenset[Capability]] = frozenset({"trace"})

    class Options(NoOptions):
        """Defaults are the paper's."""

        steps: int = Field(default=24, ge=1, le=4096, description="Points on the line, each a pass and its gradient.")
        baseline: Literal["black", "mean", "blur", "zero"] = Field(
            default="black",
            description="Where the line begins: a black frame, one of the image's mean colour, the image blurred "
            f"(Gaussian, {SIGMA} pixels), or zero in the model's own normalised pixels, the paper's release's.",
        )

    options: Options  # type: ignore[assignment]

    def attribute(self, case: Case) -> Attribution:
        """Each pixel gets the sum over channels of |attribution|.

        How far the attributions are from summing to F(image) - F(baseline) is the completeness error. It is unknown
        where the model cannot score, and for its own zero, which no image is.
        """
        start, error = self.start(case), None
        signed = self.signed(case)
        if start is not None and "score" in case.model.capabilities:
            error = float(abs(signed.sum() - (case.original.sum() - case.score([start])[0].sum())))
        return Attribution(saliency=np.abs(signed).sum(-1), completeness=error)

    def start(self, case: Case) -> np.ndarray | None:
        """Where the line begins, uint8 [side, side, 3]; None for the model's own zero."""
        return None if self.options.baseline == "zero" else baseline(case, self.options.baseline)

    def signed(self, case: Case) -> np.ndarray:
        """Attributions with their sign, float64 [side, side, 3] (midpoint rule); they sum to F(image) - F(baseline)."""
        parts = 16
        fractions = (np.arange(self.options.steps) + 0.5) / self.options.steps
        origin, total = self.start(case), np.zeros(case.image.shape)
        for start in range(0, len(fractions), parts):
            some = fractions[start : start + parts].tolist()
            for gradients in case.path_gradients(origin, some):
                total += gradients
        return total / self.options.steps


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [IntegratedGradients]
