"""What there is no figure of, and why: results that failed, and metrics that could not be measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.run.header import Header
from leaderboard.read.table import FAILED, NOT_APPLICABLE, NOTHING, WHY, Table
from leaderboard.statistics.ranking import Measures
from leaderboard.statistics.values import names_of

_OTHERS = "their run did not measure it"


@dataclass(frozen=True)
class Failure:
    """One reason for which results failed: whose, and how many."""

    error: str
    attributors: list[str]
    count: int


@dataclass(frozen=True)
class Unmeasured:
    """Results of a method of which a metric has no figure: ``count`` of ``results``, and why the first has none."""

    metric: str
    attributor: str
    count: int
    results: int
    reason: str


def failures(table: Table) -> list[Failure]:
    """Why results failed, the most frequent reason first."""
    failed = table.take(table["status"] == FAILED)
    found = []
    for number in np.unique(failed["error"]).tolist():
        mine = failed.take(failed["error"] == number)
        found.append(Failure(table.name("error", number), mine.used("attributor"), len(mine)))
    return sorted(found, key=lambda failure: (-failure.count, failure.error))


def unmeasured(table: Table, headers: Sequence[Header], measures: Measures) -> list[Unmeasured]:
    """What metrics failed on, and what the run of a method did not measure where that of others of its results did."""
    found: list[Unmeasured] = []
    for name in names_of(table):
        mine = (table["attributor"] == table.number("attributor", name)) & (table["status"] != NOT_APPLICABLE)
        tried = table.take(mine)
        for metric in measures.facts:
            column = table.metrics.index(metric)
            why = tried[WHY][:, column]
            why = why[why != NOTHING]
            reasons = [table.names[WHY][why[0]]] if len(why) else []
            count = len(why)
            figures = np.count_nonzero(~np.isnan(tried["figures"][:, column]) | tried["silent"][:, column])
            measuring = [header for header in headers if metric in header.metrics]
            if len(measuring) < len(headers) and figures:
                others = _of_others(tried, name, measuring)
                reasons += [_OTHERS] if others else []
                count += others
            if count:
                found.append(Unmeasured(metric, name, count, int(figures) + count, reasons[0]))
    return found


def _of_others(table: Table, name: str, measuring: Sequence[Header]) -> int:
    """How many of a method's results can be of none of these runs."""
    pairs, counts = np.unique(np.column_stack([table["mode"], table["model"]]), axis=0, return_counts=True)
    count = 0
    for (mode, model), many in zip(pairs.tolist(), counts.tolist(), strict=True):
        about = table.name("mode", mode), table.name("model", model)
        known = (about[1] in header.planned.get(about[0], {}) for header in measuring if name in header.attributors)  # type: ignore[call-overload]
        count += 0 if any(known) else many
    return count
