"""Generic attention explainability (Chefer, Gur and Wolf 2021, arXiv 2103.15679), for a model with a decoder alone.

R begins as the identity, and each layer from the first up adds (gradient x attention)+, mean over heads, times R
(equations 5 and 6). A map is R's rows of the answer at the image tokens. Unlike attention rollout it counts only
attention of which more would make the answer likelier; unlike ``grad-weighted-attention`` it joins all layers. It sees
attention alone: what the MLPs and the values do is in it only by the gradient. Written down as it stands it would need
an S x S matrix of each layer, as ``output_attentions=True`` does; the model plugin hands the answer's rows down with
the gradient instead, and holds parts of one layer's matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability, Capture
from harness.hookspecs import hookimpl


class Chefer(Attributor):
    """Attention of all layers, weighted by its positive gradient and multiplied through: 1 pass forward, 1 back."""

    name: ClassVar[str] = "chefer"
    aliases: ClassVar[tuple[str, ...]] = ("generic-attention",)
    needs: ClassVar[frozenset[Capability]] = frozenset({"trace"})
    captures: ClassVar[frozenset[Capture]] = frozenset({"attention_relevance"})

    def attribute(self, case: Case) -> Attribution:
        """Each image token gets its relevance, averaged over the answer's rows."""
        return Attribution(saliency=case.spread(case.captured("attention_relevance").mean(0)))


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [Chefer]
