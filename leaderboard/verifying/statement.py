"""What a published board says of its verification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from leaderboard.verifying.found import Verification


@dataclass(frozen=True)
class Statement:
    """Whether a board's results were verified: all of them, ``partly``, or not; and what was not, in sentences.

    ``told``: what nothing can check, and no figure hangs on. ``replayed`` of ``records`` were explained anew.
    """

    verified: Literal["yes", "partly", "no"]
    unchecked: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    replayed: int = 0
    records: int = 0

    @property
    def notes(self) -> list[str]:
        """The same in sentences for a board."""
        if self.verified == "no":
            return ["Not verified: nobody has compared these results with the benchmark, the sources and the plugins."]
        how = "Verified" if self.verified == "yes" else "Verified in part"
        anew = f"{self.replayed} of {self.records} records were explained anew"
        first = f"{how}: what could be computed here is what the runs claim ({anew})."
        return [first, *(f"Not verified: {sentence}" for sentence in (*self.unchecked, *self.told))]


NOT_VERIFIED = Statement("no")


def statement(every: Sequence[Verification], further: Sequence[str] = ()) -> Statement:
    """Of a board of folders that nothing is wrong with. ``further``: what of the board is in no folder."""
    unchecked = [*(sentence for found in every for sentence in found.unchecked), *further]
    return Statement(
        "partly" if unchecked else "yes",
        tuple(dict.fromkeys(unchecked)),
        tuple(dict.fromkeys(sentence for found in every for sentence in found.told)),
        sum(found.replayed for found in every),
        sum(found.records for found in every),
    )
