"""One set of rows from one or more runs, or a refusal that says why they must not stand in one table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harness.contracts.case import RecordKey
from harness.errors import HarnessError
from harness.run.row import ResultKey, Row
from leaderboard.read.comparable import incomparable
from leaderboard.read.joined import Run, read_runs


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
    rows = _merge((run.folders[0], _whole_records(run)) for run in runs)
    if not rows:
        raise HarnessError(f"Nothing is finished yet in {', '.join(map(str, folders))}; run `harness eval` on.")
    return rows, runs


def _whole_records(run: Run) -> list[Row]:
    present: dict[RecordKey, set[str]] = {}
    for row in run.rows:
        present.setdefault(row.record, set()).add(row.attributor)
    return [row for row in run.rows if len(present[row.record]) == len(run.header.attributors)]


def _merge(runs: Iterable[tuple[Path, list[Row]]]) -> list[Row]:
    merged: dict[ResultKey, tuple[Path, Row]] = {}
    truths: dict[tuple[str, int], tuple[Path, Any]] = {}
    for folder, rows in runs:
        for row in rows:
            sample = f"sample {row.index} of {row.source!r}"
            first, before = merged.setdefault(row.key, (folder, row))
            both = before if before == row else _both(before, row)
            if both is None:
                raise HarnessError(
                    f"{_where(first, folder)} different results of {row.attributor!r} for {sample} "
                    f"({row.model!r}, {row.mode}); leave one of them out."
                )
            merged[row.key] = first, both
            evidence = (row.truth, row.truths), row.true_concepts
            other, truth = truths.setdefault((row.source, row.index), (folder, evidence))
            if truth != evidence:
                what = "boxes" if truth[0] != evidence[0] else "concepts"
                raise HarnessError(f"{_where(other, folder)} different true {what} of {sample}; leave one of them out.")
    return [row for _, row in merged.values()]


def _both(one: Row, other: Row) -> Row | None:
    """One result, as two runs hold it that measured different metrics; None where they contradict each other.

    What one of them could not measure, for want of memory perhaps, is taken from the other.
    """
    if any(one.metrics[name] != other.metrics[name] for name in one.metrics.keys() & other.metrics.keys()):
        return None
    metrics = {**one.metrics, **other.metrics}
    why = {**one.unmeasured, **other.unmeasured}
    measured = {"metrics": metrics, "unmeasured": {name: text for name, text in why.items() if name not in metrics}}
    joined = one.model_copy(update=measured)
    return joined if joined == other.model_copy(update=measured) else None


def _where(one: Path, other: Path) -> str:
    return f"{one} and {other} hold" if one != other else f"{one} holds"
