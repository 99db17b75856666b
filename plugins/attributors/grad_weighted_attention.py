"""Gradient-weighted attention of a layer (after Chefer et al. 2021, arXiv 2103.15679, equation 5).

By default of the last layer, as in the benchmark's paper. The gradient tells which of a layer's attention matters, but
not what other layers fetched: where the image is read in the first layers, as in the embedded models
(``scripts.reading_layers``), the last one's attention to it has next to no gradient, and ``layer=1`` is where to look.
At the embeddings nothing attends yet. ``chefer`` joins all layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capture, Kind
from harness.contracts.plugin import NoOptions
from harness.hookspecs import hookimpl
from plugins.attributors.layers import AtLayer, AttentionLayer


class GradWeightedAttention(AtLayer):
    """One layer's attention (the last's), counted only as far as more of it would make the answer likelier."""

    name: ClassVar[str] = "grad-weighted-attention"
    kind: ClassVar[Kind] = "weighted_attention"
    captures: ClassVar[frozenset[Capture]] = frozenset({"weighted_attention"})
    Options: ClassVar[type[NoOptions]] = AttentionLayer

    def attribute(self, case: Case) -> Attribution:
        """Each image token gets ReLU(gradient) x attention, mean over heads and the answer's rows."""
        return Attribution(saliency=case.spread(case.captured("weighted_attention", self.layer).mean(0)))


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [GradWeightedAttention]
