"""Results by columns: what a board needs of them, in arrays, so that a million fit into memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.run.row import Status

STATUSES: tuple[Status, ...] = ("ok", "failed", "not_applicable")
OK, FAILED, NOT_APPLICABLE = range(3)
# The columns of text, as numbers of the names in ``Table.names``; ``why`` is why a metric has no figure.
TEXTS = ("source", "model", "mode", "attributor", "image", "attribute", "error")
WHY = "why"
NOTHING = -1


@dataclass(frozen=True)
class Table:
    """Results, one a line of each column.

    Attributes
    ----------
    names
        The names that the numbers of each column of :data:`TEXTS`, and of ``why``, stand for, in sorted order.
    indices
        The numbers of samples that the column ``index`` points to, rising.
    metrics
        The metrics that ``figures`` (NaN where there is none), ``silent`` (there is one, and it is null) and ``why``
        (:data:`NOTHING`, or a name's number) have columns of, [rows, metrics].
    columns
        The columns: those of :data:`TEXTS`; ``index``; ``status``, of :data:`STATUSES`; ``fallback``, ``empty`` and
        ``flat``; ``forward``, ``backward``, ``seconds``, ``gpu_bytes``; ``share`` of the image that the truth covers;
        digests of the whole ``line``, of its ``truth``, its ``concepts`` and its ``marks``; ``offset``, where the line
        begins.
    """

    names: Mapping[str, Sequence[str]]
    indices: np.ndarray
    metrics: tuple[str, ...]
    columns: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.columns["status"])

    def __getitem__(self, column: str) -> np.ndarray:
        return self.columns[column]

    def take(self, places: np.ndarray) -> Table:
        """Some of the lines: a mask, or their numbers."""
        return replace(self, columns={name: column[places] for name, column in self.columns.items()})

    def holding(self, **columns: np.ndarray) -> Table:
        """The same with these columns."""
        return replace(self, columns={**self.columns, **columns})

    def without(self, *columns: str) -> Table:
        """The same without these columns."""
        return replace(self, columns={name: column for name, column in self.columns.items() if name not in columns})

    def same(self, some: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Which of some lines say all that others, one for one, say."""
        alike = self["line"][some] == self["line"][others]
        for name in ("silent", WHY):
            alike &= (self[name][some] == self[name][others]).all(axis=1)
        one, other = self["figures"][some], self["figures"][others]
        return np.asarray(alike & ((one == other) | (np.isnan(one) & np.isnan(other))).all(axis=1))

    @property
    def sample(self) -> np.ndarray:
        """Which sample each line is about: numbers in the order of source and index."""
        return self["source"].astype(np.int64) * len(self.indices) + self["index"]

    @property
    def record(self) -> np.ndarray:
        """Which record: numbers in the order of record keys."""
        return (self.sample * len(self.names["model"]) + self["model"]) * len(self.names["mode"]) + self["mode"]

    @property
    def key(self) -> np.ndarray:
        """Which result: numbers in the order of result keys."""
        return self.record * len(self.names["attributor"]) + self["attributor"]

    def name(self, column: str, number: int) -> str:
        """The name that a number stands for."""
        return self.names[column][number]

    def number(self, column: str, name: str) -> int:
        """The number that stands for a name; :data:`NOTHING` where no line can have it."""
        names = self.names[column]
        place = int(np.searchsorted(np.asarray(names, object), name)) if names else 0
        return place if place < len(names) and names[place] == name else NOTHING

    def used(self, column: str) -> list[str]:
        """The names that some line has, in sorted order."""
        return [self.names[column][number] for number in np.unique(self[column]).tolist()]


def join(tables: Sequence[Table], **columns: Sequence[int]) -> Table:
    """Tables one below the other, with their names in sorted order. ``columns``: further ones, a value a table."""
    metrics = tuple(dict.fromkeys(metric for table in tables for metric in table.metrics))
    names = {name: sorted({one for table in tables for one in table.names[name]}) for name in (*TEXTS, WHY)}
    indices = np.unique(np.concatenate([table.indices for table in tables]))
    joined: dict[str, list[np.ndarray]] = {}
    for table in tables:
        for name, column in _renumbered(table, names, indices, metrics).items():
            joined.setdefault(name, []).append(column)
    whole = {name: parts[0] if len(parts) == 1 else np.concatenate(parts) for name, parts in joined.items()}
    sizes = [len(table) for table in tables]
    whole |= {name: np.repeat(np.asarray(values, np.int32), sizes) for name, values in columns.items()}
    return Table(names, indices, metrics, whole)


def _renumbered(
    table: Table, names: Mapping[str, Sequence[str]], indices: np.ndarray, metrics: Sequence[str]
) -> dict[str, np.ndarray]:
    columns = dict(table.columns)
    for name in TEXTS:
        columns[name] = _numbers(table.names[name], names[name])[columns[name]]
    columns["index"] = np.searchsorted(indices, table.indices)[columns["index"]]
    reasons = np.append(_numbers(table.names[WHY], names[WHY]), np.int32(NOTHING))
    columns[WHY] = reasons[columns[WHY]]
    if table.metrics != tuple(metrics):
        for name, nothing in (("figures", np.nan), ("silent", False), (WHY, NOTHING)):
            wide = np.full((len(table), len(metrics)), nothing, columns[name].dtype)
            wide[:, [metrics.index(metric) for metric in table.metrics]] = columns[name]
            columns[name] = wide
    return columns


def _numbers(old: Sequence[str], new: Sequence[str]) -> np.ndarray:
    """The new numbers of old names."""
    places = {name: place for place, name in enumerate(new)}
    return np.array([places[name] for name in old], np.int32)
