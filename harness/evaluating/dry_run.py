"""What a run would do: what is there, what is missing, how many passes that takes and about how long."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from harness.run.journal import Journal
from harness.run.journal_reading import TIMINGS
from harness.run.select import Selection

if TYPE_CHECKING:
    from rich.console import Console

_UNKNOWN = "?"


def tell(console: Console, selection: Selection, journal: Journal, output: Path) -> None:
    """Print it as a table. Passes and time are estimated from the results in the folder of the same method and model,
    and not known where there are none."""
    from rich.table import Table

    there: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in journal.rows.values():
        there[row["model"], row["attributor"]].append(row)
    seconds = _seconds(output / TIMINGS)
    table = Table(title="Nothing was run: --dry-run", title_justify="left", box=None, header_style="bold")
    for name in ("Model", "Attributor", "There", "Missing", "Passes", "Seconds"):
        table.add_column(name, justify="left" if name in ("Model", "Attributor") else "right")
    left: float | None = 0.0
    for model, tasks in selection.tasks.items():
        for one in selection.attributors:
            rows = there[model, one.label]
            missing = len(tasks) - len(rows)
            cost = [row["forward"] + row["backward"] for row in rows if row["status"] == "ok"]
            took = seconds.get((model, one.label))
            passes = _whole(missing * fmean(cost)) if cost else _UNKNOWN
            time = missing * fmean(took) if took else None
            left = None if left is None or (time is None and missing) else left + (time or 0.0)
            shown = _whole(time) if time is not None else _UNKNOWN
            rest = [passes, shown] if missing else ["0", "0"]
            table.add_row(model, one.label, str(len(rows)), str(missing), *rest)
    console.print(table)
    if left is not None:
        console.print(f"About {_whole(left)} seconds in all, going by the results in {output}.", highlight=False)


def _whole(number: float) -> str:
    return f"{number:,.0f}"


def _seconds(path: Path) -> dict[tuple[str, str], list[float]]:
    """What each method took on each model, so far as the file tells."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return found
    for line in lines:
        try:
            about = json.loads(line)
            if about["stage"] == "attribute":
                found[about["model"], about["attributor"]].append(float(about["seconds"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return found
