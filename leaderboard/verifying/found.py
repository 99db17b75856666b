"""What was found out about a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.run.row import Row

RIGHT, WRONG, UNCHECKED = 0, 1, 3  # exit statuses; 2 is for what the user can put right


@dataclass
class Verification:
    """What was found out about a folder.

    Attributes
    ----------
    wrong
        What is wrong with it: sentences by kind, so that a thousand alike are told as one.
    unchecked
        What figures hang on and could not be checked here, or not exactly, in sentences.
    told
        What nothing can check, and no figure hangs on.
    results
        How many results it holds.
    replayed, records
        How many of the records were explained anew, and how many there are.
    """

    wrong: dict[str, list[str]] = field(default_factory=dict)
    unchecked: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    results: int = 0
    replayed: int = 0
    records: int = 0

    def add(self, kind: str, sentence: str) -> None:
        """One more thing that is wrong."""
        self.wrong.setdefault(kind, []).append(sentence)

    def leave(self, sentence: str) -> None:
        """One more thing that is not checked."""
        if sentence not in self.unchecked:
            self.unchecked.append(sentence)

    def leave_counted(self, counts: Mapping[str, int], sentence: str) -> None:
        """The same of many; ``sentence`` with ``{who}`` and ``{which}``, of whom how many results it is."""
        for who, count in counts.items():
            self.leave(sentence.format(who=who, which="1 result" if count == 1 else f"{count} results"))

    @property
    def sentences(self) -> list[str]:
        """The first of each kind, and how many more there are."""
        return [first if not rest else f"{first} ({len(rest)} more like it.)" for first, *rest in self.wrong.values()]

    @property
    def status(self) -> int:
        """The exit status that says it."""
        return WRONG if self.wrong else UNCHECKED if self.unchecked else RIGHT


def about(number: int, row: Row) -> str:
    """Which row of a journal a sentence is about."""
    return f"Line {number}, {row.attributor!r} on sample {row.index} of {row.source!r} ({row.model!r}, {row.mode})"
