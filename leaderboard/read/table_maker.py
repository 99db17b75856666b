"""From rows, one after the other, to a table."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import nan

import numpy as np

from harness.imaging.overlap import union_area
from harness.run.noise import is_flat
from harness.run.row import Row
from leaderboard.read.table import NOTHING, STATUSES, TEXTS, WHY, Table

_FLAGS = ("fallback", "empty", "flat")
_FLOATS = ("forward", "backward", "share")
_WHOLE = ("index", "line", "truth", "concepts", "marks", "offset")


class TableMaker:
    """Takes the rows of a run, of which it keeps what a board needs. ``metrics``: those that rows may have."""

    def __init__(self, metrics: Sequence[str]) -> None:
        self._metrics = tuple(metrics)
        self._numbers: dict[str, dict[str, int]] = {name: {} for name in (*TEXTS, WHY)}
        self._texts = {name: array("i") for name in TEXTS}
        self._status = array("b")
        self._flags = {name: array("b") for name in _FLAGS}
        self._floats = {name: array("d") for name in _FLOATS}
        self._whole = {name: array("q") for name in _WHOLE}
        self._figures, self._silent, self._why = array("d"), array("b"), array("i")
        self._shares: dict[tuple[str, int], float] = {}

    def add(self, row: Row, line: bytes = b"", offset: int = 0) -> None:
        """One more row, its line and where that begins. Raises ``OverflowError`` for a number that no array holds."""
        for name, column in self._texts.items():
            text = getattr(row, name) or ""
            numbers = self._numbers[name]
            column.append(numbers.setdefault(text, len(numbers)))
        self._status.append(STATUSES.index(row.status))
        for column, flag in zip(self._flags.values(), (row.fallback, not row.boxes, is_flat(row)), strict=True):
            column.append(flag)
        for floats, value in zip(self._floats.values(), (row.forward, row.backward, self._share(row)), strict=True):
            floats.append(value)
        marks = hash((row.status, tuple(map(tuple, row.boxes))))
        truth = hash((tuple(map(tuple, row.truth)), *_further(row)))
        about = (row.index, hash(line), truth, hash(tuple(row.true_concepts)), marks, offset)
        for column, number in zip(self._whole.values(), about, strict=True):
            column.append(number)
        self._measure(row)

    def _measure(self, row: Row) -> None:
        numbers = self._numbers[WHY]
        for metric in self._metrics:
            figure = row.metrics.get(metric)
            self._figures.append(nan if figure is None else figure)
            self._silent.append(figure is None and metric in row.metrics)
            text = row.unmeasured.get(metric)
            self._why.append(NOTHING if text is None else numbers.setdefault(text, len(numbers)))

    def _share(self, row: Row) -> float:
        """How much of the image the truth covers; NaN where the row does not tell."""
        if row.size is None:
            return nan
        sample = row.source, row.index
        if sample not in self._shares:
            share = share_of(row)
            self._shares[sample] = nan if share is None else share
        return self._shares[sample]

    def table(self) -> Table:
        """What was added. Nothing can be added any more."""
        rows, metrics = len(self._status), len(self._metrics)
        columns = {name: np.asarray(column) for name, column in self._texts.items()}
        columns |= {name: np.asarray(column) for name, column in self._whole.items()}
        columns |= {name: np.asarray(column) for name, column in self._floats.items()}
        columns |= {name: np.asarray(column).view(bool) for name, column in self._flags.items()}
        columns |= {"status": np.asarray(self._status)}
        columns |= {"seconds": np.full(rows, nan), "gpu_bytes": np.full(rows, nan)}
        columns |= {
            "figures": np.asarray(self._figures).reshape(rows, metrics),
            "silent": np.asarray(self._silent).view(bool).reshape(rows, metrics),
            WHY: np.asarray(self._why).reshape(rows, metrics),
        }
        indices, columns["index"] = np.unique(columns["index"], return_inverse=True)
        return Table({name: list(numbers) for name, numbers in self._numbers.items()}, indices, self._metrics, columns)


def share_of(row: Row) -> float | None:
    """How much of its image a sample's true boxes cover together, 0..1; None where the row does not tell."""
    if row.size is None:
        return None
    width, height = row.size
    try:
        return union_area(row.true_boxes) / (width * height)
    except TypeError:  # an edge that is no number
        return None


def _further(row: Row) -> list[tuple[str, tuple[tuple[float | None, ...], ...]]]:
    return [(kind, tuple(map(tuple, row.truths[kind]))) for kind in sorted(row.truths)]
