"""From journals to the figures of a leaderboard. No rendering here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import fsum
from pathlib import Path
from typing import Any

from leaderboard.merge import Row, Run, load, planned_records, record_of

MODE_TITLES = {"direct": "Direct answers", "reasoning": "Reasoning"}


@dataclass(frozen=True)
class Score:
    """One attributor's figures in one mode: means over records (0..1), in which a failed one counts as zero.

    ``rank`` is None where the attributor has not explained every record that others have: its means are over
    other records and not comparable. ``not_applicable`` results count in no mean. ``by_model``: mean IoU of
    each model. ``concept``: share of records for which exactly the concept that holds the cause is named (a
    composite that contains it is too coarse to count), None where the truth is not known or the method names
    none. ``fallback``: share for which it returned the whole image. ``forward``, ``backward``: passes a
    record that did not fail. Without any record, the figures are None.
    """

    attributor: str
    rank: int | None
    records: int
    failed: int
    not_applicable: int
    iou: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    concept: float | None
    fallback: float | None
    forward: float | None
    backward: float | None
    by_model: dict[str, float]


@dataclass(frozen=True)
class Table:
    """One mode's ranking: best first, those without a rank last. ``records`` of the ``planned`` ones are
    in."""

    mode: str
    models: list[str]
    records: int
    planned: int
    scores: list[Score]

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
    """A leaderboard: a table a mode, what failed (the most frequent reason first), and the runs shown."""

    tables: list[Table]
    failures: list[Failure]
    runs: list[Run]

    @property
    def notes(self) -> list[str]:
        """What a reader must know to read the tables rightly, in sentences."""
        notes: list[str] = []
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
    """The leaderboard of one or more journals. Raises ``HarnessError`` as :func:`leaderboard.merge.load`
    does."""
    rows, runs = load(folders)
    headers = [run.header for run in runs]
    modes = [mode for mode in MODE_TITLES if any(row["mode"] == mode for row in rows)]
    tables = [_table(mode, [row for row in rows if row["mode"] == mode], headers) for mode in modes]
    return Board(tables, _failures(rows), runs)


def _failures(rows: list[Row]) -> list[Failure]:
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row["status"] == "failed":
            reasons.setdefault(row["error"], []).append(row["attributor"])
    failures = [Failure(error, sorted(set(whose)), len(whose)) for error, whose in reasons.items()]
    return sorted(failures, key=lambda failure: (-failure.count, failure.error))


def _table(mode: str, rows: list[Row], headers: list[Row]) -> Table:
    tried = [row for row in rows if row["status"] != "not_applicable"]
    hopeless = {row["model"] for row in rows} - {row["model"] for row in tried}
    planned: dict[str, int] = {}
    for header in headers:
        counts = header["planned"].get(mode, {})
        planned |= {model: count for model, count in counts.items() if count and model not in hopeless}
    everything = {record_of(row) for row in tried}
    names = dict.fromkeys(row["attributor"] for row in rows)
    scores = [_score(name, [row for row in rows if row["attributor"] == name], everything) for name in names]
    scores.sort(key=lambda score: (score.rank is None, -(score.iou or 0.0), score.attributor))
    for place, score in enumerate(scores):
        if score.rank is not None:
            tie = place > 0 and score.iou == scores[place - 1].iou
            scores[place] = replace(score, rank=scores[place - 1].rank if tie else place + 1)
    return Table(mode, sorted(planned), len(everything), sum(planned.values()), scores)


def _score(name: str, rows: list[Row], everything: set[Any]) -> Score:
    """One attributor's figures; ``rank`` is 0 where it deserves one."""
    tried = [row for row in rows if row["status"] != "not_applicable"]
    known = [row for row in tried if row["concept_truth"] is not None]
    names_concepts = any(row["concept"] is not None or row["concept_scores"] for row in tried)
    models = sorted({row["model"] for row in tried})
    return Score(
        attributor=name,
        rank=0 if tried and {record_of(row) for row in tried} == everything else None,
        records=len(tried),
        failed=sum(row["status"] == "failed" for row in tried),
        not_applicable=len(rows) - len(tried),
        iou=_mean(row["iou"] for row in tried),
        precision=_mean(row["precision"] for row in tried),
        recall=_mean(row["recall"] for row in tried),
        f1=_mean(row["f1"] for row in tried),
        concept=_mean(row["concept"] == row["concept_truth"] for row in known) if names_concepts else None,
        fallback=_mean(row["fallback"] for row in tried),
        forward=_mean(row["forward"] for row in tried if row["status"] == "ok"),
        backward=_mean(row["backward"] for row in tried if row["status"] == "ok"),
        by_model={
            model: _mean(row["iou"] for row in tried if row["model"] == model) or 0.0 for model in models
        },
    )


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return fsum(found) / len(found) if found else None
