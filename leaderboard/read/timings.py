"""The seconds and the memory that results took, from the file beside a journal."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from pydantic_core import from_json

from harness.run.journal_reading import TIMINGS
from leaderboard.read.plain_lines import plain_lines
from leaderboard.read.table import NOTHING, Table

_LARGEST = 16 << 30  # bytes of a file that is still read
_MOST = 1e100  # of what a result can cost
_TEXTS = ("source", "model", "mode", "attributor")
_COSTS = ("seconds", "gpu_bytes")


def with_timings(table: Table, folders: Iterable[Path]) -> Table:
    """A table with what its results cost; the first folder that tells counts, and what cannot be read does not.

    ``seconds``: wall-clock seconds. A pass that methods share is in the seconds of the first that asks, so that they
    depend on who else took part, as they do on the machine. ``gpu_bytes``: the most GPU memory, weights included, of
    results that ran on one. NaN of a result that nothing is known of.
    """
    keys = table.key
    order = np.argsort(keys)
    columns = {name: np.full(len(table), nan) for name in _COSTS}
    for folder in folders:
        told = _read(table, folder)
        for name in _COSTS:
            here, values = told[name]
            there = order[np.minimum(np.searchsorted(keys, here, sorter=order), len(order) - 1)]
            known = keys[there] == here
            mine = np.full(len(table), nan)
            mine[there[known]] = values[known]  # of a result that was begun twice, the last
            columns[name] = np.where(np.isnan(columns[name]), mine, columns[name])
    return table.holding(**columns)


def _read(table: Table, folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What one file says: of each cost the keys of results, and how much it was."""
    numbers = [{name: place for place, name in enumerate(table.names[text])} for text in _TEXTS]
    indices = {index: place for place, index in enumerate(table.indices.tolist())}
    found = {name: (array("q"), array("d")) for name in _COSTS}
    sizes = [len(indices), *(len(table.names[text]) for text in _TEXTS[1:])]
    for about in _lines(folder):
        if not (isinstance(about, dict) and about.get("stage") == "attribute"):
            continue
        try:
            source, *others = (names.get(about[text], NOTHING) for text, names in zip(_TEXTS, numbers, strict=True))
            places = [indices.get(about["index"], NOTHING), *others]
        except (KeyError, TypeError):
            continue
        if NOTHING in (source, *places):
            continue
        key = source
        for place, size in zip(places, sizes, strict=True):
            key = key * size + place
        for name, (keys, values) in found.items():
            value = about.get(name)
            if isinstance(value, int | float) and abs(value) < _MOST:
                keys.append(key)
                values.append(value)
    return {name: (np.asarray(keys), np.asarray(values)) for name, (keys, values) in found.items()}


def _lines(folder: Path) -> Iterator[Any]:
    try:
        for line in plain_lines(folder / TIMINGS, _LARGEST):
            try:
                yield from_json(line)
            except ValueError:
                continue
    except OSError:
        return
