"""The seconds and the memory that results took, from the file beside a journal."""

from __future__ import annotations

import json
import math
from pathlib import Path

from harness.run.journal import KEY, TIMINGS, Key


def read_seconds(folder: Path) -> dict[Key, float]:
    """Wall-clock seconds of each result, by its key; what cannot be read is left out.

    A pass that methods share is in the seconds of the first that asks, so that seconds depend on who else
    took part, as they do on the machine.
    """
    return _read(folder, "seconds")


def read_gpu_bytes(folder: Path) -> dict[Key, float]:
    """The most GPU memory of each result, weights included, by its key; none of those that ran without a GPU."""
    return _read(folder, "gpu_bytes")


def _read(folder: Path, what: str) -> dict[Key, float]:
    try:
        lines = (folder / TIMINGS).read_bytes().splitlines()
    except OSError:
        return {}
    found: dict[Key, float] = {}
    for line in lines:
        try:
            about = json.loads(line)
            if about["stage"] == "attribute" and math.isfinite(value := float(about[what])):
                source, index, model, mode, attributor = (about[part] for part in KEY)
                found[source, index, model, mode, attributor] = value
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return found
