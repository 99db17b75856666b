"""Attention rollout (Abnar and Zuidema 2020, arXiv 2005.00928)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability, Capture
from harness.hookspecs import hookimpl


class AttentionRollout(Attributor):
    """Attention multiplied through all layers, from the answer's tokens down to the image's tokens."""

    name: ClassVar[str] = "attention-rollout"
    aliases: ClassVar[tuple[str, ...]] = ("rollout",)
    needs: ClassVar[frozenset[Capability]] = frozenset({"trace"})
    captures: ClassVar[frozenset[Capture]] = frozenset({"rollout"})

    def attribute(self, case: Case) -> Attribution:
        """Each image token gets the token's rollout, averaged over the answer's tokens."""
        return Attribution(saliency=case.spread(case.captured("rollout").mean(0)))


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [AttentionRollout]
