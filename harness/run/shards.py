"""One part of a run, for schedulers that start many processes: all that is about an image stays together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

JOURNAL = "journal.jsonl"
_SAID = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True)
class Shard:
    """The ``index``-th of ``count`` parts, counted from 1.

    The parts of a run can be made anywhere and in any order, and hold the rows that the whole run would.
    """

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From ``K/N``. Raises ``ValueError`` for anything else, and for a K that is not in 1..N."""
        said = _SAID.fullmatch(text.strip())
        if said is None or not 1 <= int(said[1]) <= int(said[2]):
            raise ValueError("it must be K/N with K from 1 to N, as in 3/16")
        return cls(int(said[1]), int(said[2]))

    def folder(self, output: Path) -> Path:
        """Its own folder below that of the whole run, so that no two processes write to one journal."""
        return output / f"shard-{self.index:0{len(str(self.count))}d}-of-{self.count}"

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"
