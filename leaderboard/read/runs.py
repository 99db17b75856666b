"""One set of rows from one or more runs, or a refusal that says why they must not stand in one table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harness.contracts.case import RecordKey
from harness.errors import HarnessError
from harness.run.row import ResultKey, Row
from leaderboard.read.comparable import incomparable
from leaderboard.read.computed_with import apart
from leaderboard.read.joined import Run, read_runs

# What no figure of a board is taken from: it may differ by rounding, or in the words of another library.
_LOOSE = (
    "peak", "map_range", "map_values", "map_noise", "concept_scores", "token_scores", "concept_token_scores",
    "completeness", "error",
)  # fmt: skip


def read_comparable(folders: Sequence[Path]) -> tuple[list[Row], list[Run]]:
    """The rows of all runs in folders, each once, and the runs that they are of.

    A folder may hold the shards of a run, which are joined first. Rows of a record in whose middle a run broke off
    are left out, so that all its attributors have the same. Raises ``HarnessError`` where a folder has no journal, a
    broken one or nothing finished, or where the runs cannot be compared.
    """
    runs = read_runs(folders)
    for place, run in enumerate(runs):
        for before in runs[:place]:
            if reasons := incomparable(before.header, run.header):
                raise HarnessError(
                    f"{before.folders[0]} and {run.folders[0]} cannot be compared ({'; '.join(reasons)}); "
                    "leave one of them out."
                )
    rows = _merge((run, _whole_records(run)) for run in runs)
    if not rows:
        raise HarnessError(f"Nothing is finished yet in {', '.join(map(str, folders))}; run `harness eval` on.")
    return rows, runs


def _whole_records(run: Run) -> list[Row]:
    present: dict[RecordKey, set[str]] = {}
    for row in run.rows:
        present.setdefault(row.record, set()).add(row.attributor)
    return [row for row in run.rows if len(present[row.record]) == len(run.header.attributors)]


def _merge(runs: Iterable[tuple[Run, list[Row]]]) -> list[Row]:
    merged: dict[ResultKey, tuple[Run, Row]] = {}
    truths: dict[tuple[str, int], tuple[Run, Any]] = {}
    for run, rows in runs:
        for row in rows:
            sample = f"sample {row.index} of {row.source!r}"
            first, before = merged.setdefault(row.key, (run, row))
            both = before if before is row or before == row else _both(before, row)
            if both is None:
                raise HarnessError(
                    f"{_where(first, run)} different results of {row.attributor!r} for {sample} "
                    f"({row.model!r}, {row.mode}){_why(first, run)}; leave one of them out."
                )
            merged[row.key] = first, both
            evidence = (row.truth, row.truths), row.true_concepts
            other, truth = truths.setdefault((row.source, row.index), (run, evidence))
            if truth != evidence:
                what = "boxes" if truth[0] != evidence[0] else "concepts"
                raise HarnessError(f"{_where(other, run)} different true {what} of {sample}; leave one of them out.")
    return [row for _, row in merged.values()]


def _both(one: Row, other: Row) -> Row | None:
    """One result, as two runs hold it that measured different metrics; None where they contradict each other.

    What one of them could not measure, for want of memory perhaps, is taken from the other, and so is a map's noise.
    """
    if any(one.metrics[name] != other.metrics[name] for name in one.metrics.keys() & other.metrics.keys()):
        return None
    metrics = {**one.metrics, **other.metrics}
    why = {**one.unmeasured, **other.unmeasured}
    measured = {"metrics": metrics, "unmeasured": {name: text for name, text in why.items() if name not in metrics}}
    first, second = (one, other) if other.map_noise is None or one.map_noise is not None else (other, one)
    joined = first.model_copy(update=measured)
    same = second.model_copy(update={**measured, **{name: getattr(first, name) for name in _LOOSE}})
    return joined if joined == same else None


def _where(one: Run, other: Run) -> str:
    a, b = one.folders[0], other.folders[0]
    return f"{a} and {b} hold" if a != b else f"{a} holds"


def _why(one: Run, other: Run) -> str:
    """What may be why two runs contradict each other."""
    causes = apart(one.header, other.header)
    return f": they were computed with {', '.join(causes)}" if causes else ""
