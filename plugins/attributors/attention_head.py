"""The last layer's attention, as it is (Jain and Wallace 2019, arXiv 1902.10186, on what it does and does not tell)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability, Capture
from harness.hookspecs import hookimpl


class AttentionHead(Attributor):
    """The last layer's attention from the answer's tokens to the image's tokens, mean over heads."""

    name: ClassVar[str] = "attention-head"
    aliases: ClassVar[tuple[str, ...]] = ("attention",)
    needs: ClassVar[frozenset[Capability]] = frozenset({"trace"})
    captures: ClassVar[frozenset[Capture]] = frozenset({"attention"})

    def attribute(self, case: Case) -> Attribution:
        """Each image token gets its attention, averaged over the answer's rows."""
        return Attribution(saliency=case.spread(case.captured("attention").mean(0)))


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [AttentionHead]
