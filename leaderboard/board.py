"""From journals to the figures of a leaderboard. No rendering here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

from harness.run.journal import Key, key_of
from leaderboard.figures import image_of, shares
from leaderboard.read.runs import Row, Run, load, planned_records, record_of
from leaderboard.read.timings import read_gpu_bytes, read_seconds
from leaderboard.statistics.ranking import Pair, Score, compare, scores_of
from leaderboard.statistics.slices import Sizes, Slice, break_down

MODE_TITLES = {"direct": "Direct answers", "reasoning": "Reasoning"}


@dataclass(frozen=True)
class Table:
    """One mode's ranking: best first, those without a rank last.

    ``records`` of the ``planned`` ones are in, about ``images`` images. ``pairs``: tests between those with a
    rank. ``parts`` gives, by what they are by, parts of the records (:func:`leaderboard.statistics.slices.break_down`).
    """

    mode: str
    models: list[str]
    records: int
    planned: int
    images: int
    scores: list[Score]
    pairs: list[Pair]
    parts: Callable[[], dict[str, list[Slice]]] = field(repr=False, compare=False)

    @cached_property
    def breakdowns(self) -> dict[str, list[Slice]]:
        """The figures of parts of the records; made when first asked for, since all of them take seconds."""
        return self.parts()

    @property
    def name(self) -> str:
        """The mode, for a heading."""
        return MODE_TITLES.get(self.mode, self.mode)

    @property
    def extent(self) -> str:
        """What the table is about, in words."""
        many = f"{self.records} of {self.planned}" if self.records < self.planned else str(self.records)
        models = self.models[0] if len(self.models) == 1 else f"{len(self.models)} models"
        return f"{many} {'record' if many == '1' else 'records'} of {models}"


@dataclass(frozen=True)
class Failure:
    """One reason for which results failed: whose, and how many."""

    error: str
    attributors: list[str]
    count: int


@dataclass(frozen=True)
class Board:
    """A leaderboard: a table a mode, what failed (the most frequent reason first), the runs and their rows."""

    tables: list[Table]
    failures: list[Failure]
    runs: list[Run]
    rows: list[Row]

    @property
    def notes(self) -> list[str]:
        """What a reader must know to read the tables rightly, in sentences."""
        notes = [note for run in self.runs for note in run.notes]
        for header in (run.header for run in self.runs):
            planned, available = planned_records(header), header["available"]
            if planned < available:
                notes.append(
                    f"A subset: {planned} of {available} records (limit {header['limit']}), evenly spread."
                )
            for about in header["plugins"].get("attributor", {}).values():
                notes += about.get("notes", [])
        if any(table.records < table.planned for table in self.tables):
            notes.append("The run is not finished: the figures are of the records that are.")
        count = sum(failure.count for failure in self.failures)
        if count:
            notes.append(
                "1 result failed: it counts" if count == 1 else f"{count} results failed: they count"
            )
            notes[-1] += " as zero."
        if any(score.rank is None for table in self.tables for score in table.scores):
            notes.append(
                "Without a rank: who explained fewer records than others, so that the means do not compare."
            )
        return list(dict.fromkeys(notes))


def make_board(folders: Sequence[Path]) -> Board:
    """The leaderboard of one or more journals. Raises ``HarnessError`` as :func:`leaderboard.read.runs.load`
    does."""
    rows, runs = load(folders)
    headers = [run.header for run in runs]
    modes = [mode for mode in MODE_TITLES if any(row["mode"] == mode for row in rows)]
    seconds: dict[Key, float] = {}
    memory: dict[Key, float] = {}
    for folder in reversed([folder for run in runs for folder in run.folders]):
        seconds |= read_seconds(folder)
        memory |= read_gpu_bytes(folder)
    sizes = Sizes.of(shares(rows))
    tables = [
        _table(mode, [row for row in rows if row["mode"] == mode], headers, seconds, memory, sizes)
        for mode in modes
    ]
    return Board(tables, _failures(rows), runs, rows)


def _failures(rows: list[Row]) -> list[Failure]:
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row["status"] == "failed":
            reasons.setdefault(row["error"], []).append(row["attributor"])
    failures = [Failure(error, sorted(set(whose)), len(whose)) for error, whose in reasons.items()]
    return sorted(failures, key=lambda failure: (-failure.count, failure.error))


def _table(
    mode: str,
    rows: list[Row],
    headers: list[Row],
    seconds: Mapping[Key, float],
    memory: Mapping[Key, float],
    sizes: Sizes,
) -> Table:
    tried = [row for row in rows if row["status"] != "not_applicable"]
    hopeless = {row["model"] for row in rows} - {row["model"] for row in tried}
    planned: dict[str, int] = {}
    for header in headers:
        counts = header["planned"].get(mode, {})
        planned |= {model: count for model, count in counts.items() if count and model not in hopeless}
    scores, pairs = compare(rows, scores_of(rows, seconds))
    most: dict[str, float] = {}
    for row in rows:
        if (bytes_used := memory.get(key_of(row))) is not None:
            most[row["attributor"]] = max(bytes_used, most.get(row["attributor"], 0))
    scores = [replace(score, gpu_bytes=most.get(score.attributor)) for score in scores]
    return Table(
        mode=mode,
        models=sorted(planned),
        records=len({record_of(row) for row in tried}),
        planned=sum(planned.values()),
        images=len({image_of(row) for row in tried}),
        scores=scores,
        pairs=pairs,
        parts=partial(break_down, rows, seconds, sizes),
    )
