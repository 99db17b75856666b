"""Gradient-weighted attention of the last layer (after Chefer et al. 2021, arXiv 2103.15679, equation 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability, Capture
from harness.hookspecs import hookimpl


class GradWeightedAttention(Attributor):
    """The last layer's attention, counted only as far as more of it would make the answer likelier."""

    name: ClassVar[str] = "grad-weighted-attention"
    needs: ClassVar[frozenset[Capability]] = frozenset({"trace"})
    captures: ClassVar[frozenset[Capture]] = frozenset({"weighted_attention"})

    def attribute(self, case: Case) -> Attribution:
        """Each image token gets ReLU(gradient) x attention, mean over heads and the answer's rows."""
        return Attribution(saliency=case.spread(case.captured("weighted_attention").mean(0)))


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [GradWeightedAttention]
