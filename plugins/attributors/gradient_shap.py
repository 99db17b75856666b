"""GradientSHAP, or expected gradients (Lundberg and Lee 2017, arXiv 1705.07874; Erion et al. 2021, arXiv 1906.10670).

Integrated gradients depend on where their line begins. GradientSHAP takes the expectation over several beginnings, and
over random points on the line from each. The beginnings here are those that one image has of itself: black, its mean
colour, and itself blurred. Each gets an equal share of the samples, and each sample a stretch of the line of its own in
which its point is drawn: the expectation of draws that are independent, as Captum's are, with less noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, get_args

import numpy as np
from pydantic import Field

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability
from harness.contracts.plugin import NoOptions
from harness.hookspecs import hookimpl
from plugins.attributors.baselines import Baseline, baseline

KINDS: tuple[Baseline, ...] = get_args(Baseline)


class GradientSHAP(Attributor):
    """Gradients at random points from black, mean and blur to the image: 28 passes, 24 back (arXiv 1906.10670)."""

    name: ClassVar[str] = "gradient-shap"
    aliases: ClassVar[tuple[str, ...]] = ("expected-gradients",)
    needs: ClassVar[frozenset[Capability]] = frozenset({"trace"})

    class Options(NoOptions):
        """As many passes as integrated gradients by default, and two more for the completeness error."""

        samples: int = Field(
            default=8,
            ge=1,
            le=1024,
            description="Points on the line from each of the three, each a pass and its gradient.",
        )

    options: Options  # type: ignore[assignment]

    def attribute(self, case: Case) -> Attribution:
        """Each pixel gets the sum over channels of |attribution|; 24 passes forward and back, and 4 forward.

        The completeness error is how far the attributions are from summing to F(image) less the mean F of the three. It
        is unknown where the model cannot score.
        """
        starts, error = [baseline(case, kind) for kind in KINDS], None
        signed = self.signed(case, starts)
        if "score" in case.model.capabilities:
            error = float(abs(signed.sum() - (case.original.sum() - case.score(starts).sum(1).mean())))
        return Attribution(saliency=np.abs(signed).sum(-1), completeness=error)

    def signed(self, case: Case, starts: Sequence[np.ndarray]) -> np.ndarray:
        """Attributions with their sign, float64 [side, side, 3], from the lines that begin at ``starts``."""
        lines = zip(starts, self.points(case.seed), strict=True)
        found: np.ndarray = np.mean([case.path_gradients(*line).mean(0, dtype=np.float64) for line in lines], 0)
        return found

    def points(self, seed: int) -> list[list[float]]:
        """How far along each of the lines its samples lie, 0..1."""
        stretches = np.random.default_rng(seed).random((len(KINDS), self.options.samples))
        return ((np.arange(self.options.samples) + stretches) / self.options.samples).tolist()


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [GradientSHAP]
