"""One table from one or more runs, or a refusal that says why they must not stand in one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from harness.errors import HarnessError
from harness.run.row import ResultKey, Row
from leaderboard.read.comparable import incomparable
from leaderboard.read.computed_with import apart
from leaderboard.read.joined import Run, read_tables
from leaderboard.read.table import Table, join
from leaderboard.read.table_maker import TableMaker

# What no figure of a board is taken from: it may differ by rounding, or in the words of another library.
_LOOSE = (
    "peak", "map_range", "map_values", "map_noise", "concept_scores", "token_scores", "concept_token_scores",
    "completeness", "error",
)  # fmt: skip


def read_comparable(folders: Sequence[Path]) -> tuple[Table, list[Run]]:
    """The results of all runs in folders, each once, and the runs that they are of.

    A folder may hold the shards of a run, which are joined first. Results of a record in whose middle a run broke off
    are left out, so that all its attributors have the same. Raises ``HarnessError`` where a folder has no journal, a
    broken one or nothing finished, or where the runs cannot be compared.
    """
    read = read_tables(folders)
    runs = [run for run, _ in read]
    for place, run in enumerate(runs):
        for before in runs[:place]:
            if reasons := incomparable(before.header, run.header):
                raise HarnessError(
                    f"{before.folders[0]} and {run.folders[0]} cannot be compared ({'; '.join(reasons)}); "
                    "leave one of them out."
                )
    tables = [_whole_records(run, read.pop(0)[1]) for run in runs]
    table = join(tables, run=range(len(runs))) if tables else None
    if table is None or not len(table):
        raise HarnessError(f"Nothing is finished yet in {', '.join(map(str, folders))}; run `harness eval` on.")
    del tables
    table = _each_once(table, runs)
    _check_truths(table, runs)
    return table.without("run", "line", "offset", "truth", "concepts"), runs


def read_rows(runs: Sequence[Run], keys: Collection[ResultKey] | None) -> list[Row]:
    """The rows of some results, read again, each once; of all where None. Raises ``HarnessError`` where two runs
    contradict each other."""
    merged: dict[ResultKey, tuple[Run, Row]] = {}
    for run in runs:
        for row in run.rows_of(keys):
            first, before = merged.setdefault(row.key, (run, row))
            both = before if before is row or before == row else _both(before, row)
            if both is None:
                raise HarnessError(
                    f"{_where(first, run)} different results of {row.attributor!r} for sample {row.index} of "
                    f"{row.source!r} ({row.model!r}, {row.mode}){_why(first, run)}; leave one of them out."
                )
            merged[row.key] = first, both
    return [row for _, row in merged.values()]


def keys_of(table: Table, places: Iterable[int]) -> list[ResultKey]:
    """What some lines are about."""
    texts = ("source", "model", "mode", "attributor")
    found = []
    for place in places:
        source, model, mode, attributor = (table.name(name, int(table[name][place])) for name in texts)
        index = int(table.indices[table["index"][place]])
        found.append(ResultKey(source, index, model, mode, attributor))  # type: ignore[arg-type]
    return found


def _whole_records(run: Run, table: Table) -> Table:
    _, first = np.unique(table.key, return_index=True)
    records, methods = np.unique(table.record[first], return_counts=True)
    whole = records[methods == len(run.header.attributors)]
    return table if len(whole) == len(records) else table.take(np.isin(table.record, whole))


def _each_once(table: Table, runs: Sequence[Run]) -> Table:
    """The table with one line a result; what two runs measured of it, together."""
    keys, first, which = np.unique(table.key, return_index=True, return_inverse=True)
    if len(keys) == len(table):
        return table
    before = first[which]
    again = np.flatnonzero(before != np.arange(len(table)))
    apart = np.unique(before[again[~table.same(again, before[again])]])
    kept = np.zeros(len(table), bool)
    kept[first], kept[apart] = True, False
    places = np.flatnonzero(kept)
    if len(apart):
        maker = TableMaker(table.metrics)
        for row in read_rows(runs, set(keys_of(table, apart.tolist()))):
            maker.add(row)
        more = maker.table()
        more = more.holding(run=table["run"][apart], truth=table["truth"][apart], concepts=table["concepts"][apart])
        table = join([table.take(kept), more])
        places = np.concatenate([places, apart])
    else:
        table = table.take(kept)
    return table.take(np.argsort(places, kind="stable"))


def _check_truths(table: Table, runs: Sequence[Run]) -> None:
    """Raise ``HarnessError`` where two lines hold different truths of one sample."""
    _, first, which = np.unique(table.sample, return_index=True, return_inverse=True)
    before, truth, concepts = first[which], table["truth"], table["concepts"]
    apart = np.flatnonzero((truth != truth[before]) | (concepts != concepts[before]))
    if len(apart):
        here, there = int(apart[0]), int(before[apart[0]])
        what = "boxes" if truth[here] != truth[there] else "concepts"
        key = keys_of(table, [here])[0]
        raise HarnessError(
            f"{_where(runs[table['run'][there]], runs[table['run'][here]])} different true {what} of sample "
            f"{key.index} of {key.source!r}; leave one of them out."
        )


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
