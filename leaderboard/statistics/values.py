"""What each record is worth to each method in each metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import fsum

import numpy as np

from harness.run.header import MetricFacts
from leaderboard.read.table import NOT_APPLICABLE, OK, Table
from leaderboard.statistics.resampling import intervals


class Values:
    """What each record is worth to each method in each metric.

    ``names``: the methods, in the order of the lines. A result has a value where it has a figure of the metric. A
    figure that is null counts as the metric's worst, unless all those of the method are (of results that did not
    fail): then the method does not say what the metric measures, and has no values.
    """

    def __init__(self, table: Table, facts: Mapping[str, MetricFacts]) -> None:
        self.names = names_of(table)
        self.metrics = list(facts)
        tried = table.take(table["status"] != NOT_APPLICABLE)
        # In the order of their keys, so that the order of runs changes no draw.
        records, self._record = np.unique(tried.record, return_inverse=True)
        self._images = np.zeros(len(records), np.int32)
        self._images[self._record] = tried["image"]
        self._models, self._model_names = tried["model"], table.names["model"]
        methods = {name: table.number("attributor", name) for name in self.names}
        self._mine = {name: np.flatnonzero(tried["attributor"] == number) for name, number in methods.items()}
        self._figures = np.full((len(tried), len(self.metrics)), np.nan)
        for place, (metric, about) in enumerate(facts.items()):
            if metric in table.metrics:
                column = table.metrics.index(metric)
                silent = tried["silent"][:, column]
                self._figures[:, place] = np.where(silent, about.worst, tried["figures"][:, column])
                self._hush(place, silent, tried["status"] == OK)

    def _hush(self, place: int, silent: np.ndarray, good: np.ndarray) -> None:
        """Take the values of those who never say what a metric measures."""
        for mine in self._mine.values():
            said = mine[good[mine] & ~np.isnan(self._figures[mine, place])]
            if len(said) and silent[said].all():
                self._figures[mine, place] = np.nan

    def of(self, name: str, metric: str, model: str | None = None) -> np.ndarray:
        """A method's values, over one model's records or all."""
        mine = self._mine[name]
        values = self._figures[mine, self.metrics.index(metric)]
        wanted = ~np.isnan(values)
        if model is not None:
            wanted &= self._models[mine] == self._model_names.index(model)
        return np.asarray(values[wanted])

    def mean(self, name: str, metric: str, model: str | None = None) -> float | None:
        """The mean of these."""
        return mean(self.of(name, metric, model).tolist())

    def records_with(self, metric: str) -> int:
        """Of how many records any method has a value."""
        return len(np.unique(self._record[~np.isnan(self._figures[:, self.metrics.index(metric)])]))

    def intervals(self) -> dict[str, dict[str, tuple[float, float]]]:
        """The intervals of each method's means, by metric, where there are images enough."""
        columns = [(name, metric) for name in self.names for metric in self.metrics]
        found: dict[str, dict[str, tuple[float, float]]] = {name: {} for name in self.names}
        for (name, metric), (low, high) in zip(columns, intervals(self._table(columns), self._images), strict=True):
            if np.isfinite(low):
                found[name][metric] = float(low), float(high)
        return found

    def paired(self, metric: str, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Values of methods that have them of the same records, float [R, methods], and each record's image [R]."""
        values = self._table([(name, metric) for name in names])
        there = ~np.isnan(values).any(axis=1)
        return values[there], self._images[there]

    def _table(self, columns: Sequence[tuple[str, str]]) -> np.ndarray:
        """Values, float [R, columns], NaN where there is none."""
        values = np.full((len(self._images), len(columns)), np.nan)
        for place, (name, metric) in enumerate(columns):
            mine = self._mine[name]
            values[self._record[mine], place] = self._figures[mine, self.metrics.index(metric)]
        return values


def names_of(table: Table) -> list[str]:
    """The methods, in the order in which they come."""
    numbers, first = np.unique(table["attributor"], return_index=True)
    return [table.name("attributor", number) for number in numbers[np.argsort(first)].tolist()]


def mean(values: Iterable[float]) -> float | None:
    """The mean, of which the order changes nothing; None of nothing."""
    found = list(values)
    return fsum(found) / len(found) if found else None
