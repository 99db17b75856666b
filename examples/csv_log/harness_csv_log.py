"""A log of every run as ``log.csv`` beside its journal, a line for each explained answer as it is scored."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness import hookimpl
from harness.text import beside, say

FILE = "log.csv"
COLUMNS = ("source", "index", "model", "mode", "attributor", "status", "iou", "mean_iou")
_scores: dict[str, list[float]] = defaultdict(list)


@hookimpl
def run_started(folder: Path, header: Mapping[str, Any], done: int) -> None:
    """Begin the file, or go on with it where the run goes on."""
    _scores.clear()
    path = folder / FILE
    if not (done and path.exists()):
        _append(path, COLUMNS, "w")


@hookimpl
def sample_scored(folder: Path, row: Mapping[str, Any]) -> None:
    """Add a line; the mean is over this start of the run, without rows that are not applicable."""
    scores, iou = _scores[row["attributor"]], row["metrics"].get("iou")
    if iou is not None:
        scores.append(iou)
    mean = round(sum(scores) / len(scores), 4) if scores else ""
    _append(folder / FILE, [*(row[name] for name in COLUMNS[:-2]), iou, mean])


@hookimpl
def run_finished(folder: Path, console: Any) -> None:
    """Say where the log is."""
    say(beside(console), f"Logged to {folder / FILE}")  # not among the results on standard output


def _append(path: Path, values: Any, mode: str = "a") -> None:
    with path.open(mode, newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(values)
