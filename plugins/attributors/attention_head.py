"""A layer's attention, as it is (Jain and Wallace 2019, arXiv 1902.10186, on what it does and does not tell).

By default the last layer's, as in the benchmark's paper. A layer's attention shows what that layer fetches from the
positions of the image, not what earlier layers fetched: by the last one the answer's positions may have all that they
need (the embedded models read the image in their first layers, ``scripts.reading_layers``), and the positions of the
image hold more than their own patches. The first layer, ``layer=1``, still sees patches, but of the answer it knows
no more than the words before. At the embeddings nothing attends yet.
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


class AttentionHead(AtLayer):
    """One layer's attention (the last's) from the answer's tokens to the image's tokens, mean over heads."""

    name: ClassVar[str] = "attention-head"
    aliases: ClassVar[tuple[str, ...]] = ("attention",)
    kind: ClassVar[Kind] = "attention"
    captures: ClassVar[frozenset[Capture]] = frozenset({"attention"})
    Options: ClassVar[type[NoOptions]] = AttentionLayer

    def attribute(self, case: Case) -> Attribution:
        """Each image token gets its attention, averaged over the answer's rows."""
        return Attribution(saliency=case.spread(case.captured("attention", self.layer).mean(0)))


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [AttentionHead]
