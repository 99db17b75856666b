"""The seconds and the memory that results took, from the file beside a journal."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.files import read_regular
from harness.run.journal_reading import TIMINGS
from harness.run.row import KEY, ResultKey

_LARGEST = 4 << 30  # bytes of a file that is still read


@dataclass(frozen=True)
class Timings:
    """What results cost, by what they are about; a result that nothing is known of is absent.

    ``seconds``: wall-clock seconds. A pass that methods share is in the seconds of the first that asks, so that they
    depend on who else took part, as they do on the machine. ``gpu_bytes``: the most GPU memory, weights included, of
    results that ran on one.
    """

    seconds: dict[ResultKey, float] = field(default_factory=dict)
    gpu_bytes: dict[ResultKey, float] = field(default_factory=dict)


def read_timings(folders: Iterable[Path]) -> Timings:
    """What the results in these folders cost; the first folder that tells counts, and what cannot be read does not."""
    found = Timings()
    for folder in folders:
        here = _read(folder)
        for values, more in ((found.seconds, here.seconds), (found.gpu_bytes, here.gpu_bytes)):
            values.update({key: value for key, value in more.items() if key not in values})
    return found


def _read(folder: Path) -> Timings:
    """What one file says; of a result that was begun twice, the last."""
    found = Timings()
    for about in _lines(folder):
        for name, values in (("seconds", found.seconds), ("gpu_bytes", found.gpu_bytes)):
            try:
                if about["stage"] == "attribute" and math.isfinite(value := float(about[name])):
                    values[ResultKey(*(about[part] for part in KEY))] = value
            except (ValueError, KeyError, TypeError):
                continue
    return found


def _lines(folder: Path) -> Iterable[Any]:
    try:
        lines = read_regular(folder / TIMINGS, _LARGEST).splitlines()
    except OSError:
        return
    for line in lines:
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            continue
