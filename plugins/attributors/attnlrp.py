"""AttnLRP (Achtibat et al. 2024, arXiv 2402.05602) through the language model, down to the image embeddings.

Layer-wise relevance propagation with rules for attention, gated products and norms; the rules stand in
``plugins/models/attnlrp.py``. An embedding's relevance is its product with the gradient under these rules, summed over
channels; it has a sign, and only what speaks for the answer is shown by default. What explains is the answer's
log-probability, as for every method here, where the paper takes the logit: the two differ by what speaks for other
tokens. Relevance stops at the embeddings; the vision encoder, which mixes patches, is not looked through.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability, Capture
from harness.contracts.plugin import NoOptions
from harness.hookspecs import hookimpl


class AttnLRP(Attributor):
    """Relevance handed down through all layers by AttnLRP's rules: 1 pass forward, 1 back by rules of its own."""

    name: ClassVar[str] = "attnlrp"
    aliases: ClassVar[tuple[str, ...]] = ("attn-lrp",)
    needs: ClassVar[frozenset[Capability]] = frozenset({"trace"})
    captures: ClassVar[frozenset[Capture]] = frozenset({"hidden_relevance"})

    class Options(NoOptions):
        """What becomes of relevance against the answer."""

        sign: Literal["positive", "absolute"] = Field(
            default="positive",
            description="positive: what speaks against the answer counts as 0; absolute: as what speaks for it.",
        )

    options: Options  # type: ignore[assignment]

    def attribute(self, case: Case) -> Attribution:
        """Each image token gets its embedding's relevance."""
        relevance = case.captured("hidden_relevance")
        shown = np.abs(relevance) if self.options.sign == "absolute" else np.maximum(relevance, 0)
        return Attribution(saliency=case.spread(shown))


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [AttnLRP]
