"""A report as tables, in Markdown and on the console."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from harness.building.causal import CUT_OFF, FAILED, GATES
from harness.building.controls import CONTROLS
from harness.building.gates import VERDICTS
from harness.text import plain

if TYPE_CHECKING:
    from rich.console import Console

_COUNTS = ("samples", *(gate.reason for gate in GATES), CUT_OFF, FAILED, "survived")


@dataclass(frozen=True)
class ReportTable:
    """A title, column headings, and rows of as many texts; the first ``names`` columns hold no counts."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    names: int


def markdown(said: dict[str, Any]) -> str:
    """A report as the Markdown of ``report.md``."""
    settings = said["settings"]
    planned = ", ".join(
        f"{count} of {settings['available'][name]} samples of {name} (edited by {settings['editors'][name]})"
        for name, count in settings["planned"].items()
    )
    blocks = [
        "# How the benchmark was filtered",
        f"{plain(planned)}; seed {settings['seed']}. A sample survives if the answer on the original is yes, no "
        "without the finding, yes with the finding alone kept, and yes with all else normal; it is counted at the "
        "first gate that it fails. An answer that was cut off at the model's token limit is not judged.",
    ]
    for table in (_filter(said), _attributes(said), _texts(said), *_controls(said), *_failures(said)):
        aligned = ["---"] * table.names + ["---:"] * (len(table.columns) - table.names)
        lines = [_line(table.columns), "| " + " | ".join(aligned) + " |", *map(_line, table.rows)]
        blocks += [f"## {table.title}", "\n".join(lines)]
    return "\n\n".join(blocks) + "\n"


def show(said: dict[str, Any], console: Console) -> None:
    """Print a report: a table a mode, each gate by its number. By attribute there are only the survivors.

    Of texts that were cut off or state both yes and no it tells where there are any.
    """
    from rich.table import Table
    from rich.text import Text

    several = len({run["source"] for run in said["filter"]}) > 1
    gates = {gate.reason.capitalize(): str(number) for number, gate in enumerate(GATES, 1)}
    cut_off = CUT_OFF.capitalize()
    short = gates | {cut_off: "Cut off"}
    texts = [_texts(said)] if any(run["cut off"] or run["both yes and no"] for run in said["texts"]) else []
    for table in (_filter(said), _survivors(said), *texts, *_controls(said), *_failures(said)):
        kept = [k for k, name in enumerate(table.columns) if name != "Mode" and (several or name != "Source")]
        kept = [k for k in kept if table.columns[k] != cut_off or any(row[k] != "0" for row in table.rows)]
        modes = "Mode" in table.columns
        for mode, rows in groupby(table.rows, key=lambda row: row[0] if modes else ""):
            title = f"{table.title}, {mode}" if mode else table.title
            grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left", header_style="dim")
            grid.title = Text(title, style="bold")
            for k in kept:
                heading = short.get(table.columns[k], table.columns[k])
                grid.add_column(plain(heading), justify="right" if k >= table.names else "left", overflow="fold")
            for row in rows:
                grid.add_row(*(Text(plain(row[k])) for k in kept))
            console.print(grid)
            console.print()
    legend = ", ".join(f"{number} {reason.lower()}" for reason, number in gates.items())
    console.print(f"Dropped at the first gate that fails: {legend}.", style="dim", markup=False, highlight=False)


def _filter(said: dict[str, Any]) -> ReportTable:
    left = {_names(run): str(run["survived with controls"]) for run in said["controls"] or ()}
    return ReportTable(
        "Samples dropped at each gate",
        ("Mode", "Model", "Source", *(name.capitalize() for name in _COUNTS), *(["With controls"] if left else [])),
        [
            (*_names(run), *(str(run[name]) for name in _COUNTS), *([left[_names(run)]] if left else []))
            for run in said["filter"]
        ],
        3,
    )


def _attributes(said: dict[str, Any]) -> ReportTable:
    return ReportTable(
        "Samples dropped at each gate, by attribute",
        ("Mode", "Model", "Source", "Attribute", *(name.capitalize() for name in _COUNTS)),
        [
            (*_names(run), attribute, *(str(row[name]) for name in _COUNTS))
            for run in said["filter"]
            for attribute, row in run["attributes"].items()
        ],
        4,
    )


def _survivors(said: dict[str, Any]) -> ReportTable:
    """Survivors of samples for each attribute, a column for each model."""
    models = list(dict.fromkeys(run["model"] for run in said["filter"]))
    cells: dict[tuple[str, str, str], dict[str, str]] = {}
    for run in said["filter"]:
        for attribute, row in run["attributes"].items():
            name = (run["mode"], run["source"], attribute)
            cells.setdefault(name, {})[run["model"]] = f"{row['survived']} of {row['samples']}"
    return ReportTable(
        "Survivors by attribute",
        ("Mode", "Source", "Attribute", *models),
        [(*name, *(row.get(model, "") for model in models)) for name, row in cells.items()],
        3,
    )


def _texts(said: dict[str, Any]) -> ReportTable:
    """What the texts state in the end; those that state both deserve a look."""
    counts = ("texts", "yes", "no", "neither", "cut off", "both yes and no")
    rows = [(run["mode"], run["model"], *(str(run[name]) for name in counts)) for run in said["texts"]]
    return ReportTable("What the texts state", ("Mode", "Model", *(name.capitalize() for name in counts)), rows, 2)


def _controls(said: dict[str, Any]) -> list[ReportTable]:
    if said["controls"] is None:
        return []
    rows = [
        (*_names(run), name, *(str(run[name][verdict]) for verdict in VERDICTS))
        for run in said["controls"]
        for name in CONTROLS
    ]
    columns = ("Mode", "Model", "Source", "Control", *(verdict.capitalize() for verdict in VERDICTS))
    return [ReportTable("Survivors under the controls", columns, rows, 4)]


def _failures(said: dict[str, Any]) -> list[ReportTable]:
    """The answers that could not be had, by reason: there may be a thousand of one."""
    if not said["failures"]:
        return []
    first: dict[str, str] = {}
    for row in said["failures"]:
        first.setdefault(
            row["error"], f"{row['source']} {row['index']}, {row['model']}, {row['mode']}, {row['version']}"
        )
    times = Counter(row["error"] for row in said["failures"])
    rows: list[tuple[str, ...]] = [(why, where, str(times[why])) for why, where in first.items()]
    return [ReportTable("Answers that could not be had", ("Why", "First at", "Answers"), rows, 2)]


def _names(run: dict[str, Any]) -> tuple[str, str, str]:
    return run["mode"], run["model"], run["source"]


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(text: str) -> str:
    """A text as one cell: an error's may hold anything."""
    text = plain(text)
    for sign in "\\|<`*_[":
        text = text.replace(sign, "\\" + sign)
    return text
