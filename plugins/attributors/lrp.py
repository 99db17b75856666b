"""Layer-wise relevance propagation through attention (after Bach et al. 2015 and Abnar and Zuidema 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability, Capture
from harness.hookspecs import hookimpl


class LRP(Attributor):
    """Relevance one, spread over the answer's rows, handed down through each layer's head-mean attention + identity.

    Every layer's matrix has rows that sum to one, so that relevance is conserved and renormalising it changes
    nothing; and handing a row vector down through all matrices equals multiplying it with their product. The result
    is therefore attention rollout's, averaged over the answer's rows: the two baselines rank alike by algebra (a test
    compares this with a pass from the top down), and the streamed product that rollout captures serves both.
    """

    name: ClassVar[str] = "lrp"
    same_as: ClassVar[str | None] = "attention-rollout"
    needs: ClassVar[frozenset[Capability]] = frozenset({"trace"})
    captures: ClassVar[frozenset[Capture]] = frozenset({"rollout"})

    def attribute(self, case: Case) -> Attribution:
        """Each image token gets the relevance that arrives at it."""
        return Attribution(saliency=case.spread(case.captured("rollout").mean(0)))


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [LRP]
