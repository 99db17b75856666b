"""A leaderboard on the console."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from leaderboard.board import Board, Table
from leaderboard.render.cell_text import SHORT, main_header, main_row, model_header, model_row, plain

_FAILURES_SHOWN = 5
_NARROW = 100
# Column names where lines are short.
_BRIEF = {"Precision": "Prec.", "Records": "n"}


def show(board: Board, console: Console) -> None:
    """Print every table, then what a reader must know."""
    for table in board.tables:
        title = f"{table.name}: {table.extent}, in percent"
        if not _show(console, title, *_main(table, wide=True), whole=True):
            _show(console, title, *_main(table, wide=False))
        if len(table.models) > 1:
            rows = [model_row(table, score) for score in table.scores]
            _show(console, f"{table.name}: IoU by model, in percent", model_header(table), rows)
    for note in board.notes:
        console.print(plain(note), markup=False, highlight=False)
    for failure in board.failures[:_FAILURES_SHOWN]:
        text = plain(f"{failure.count} x {', '.join(failure.attributors)}: {failure.error}")
        console.print(f"  {text}", style="red", markup=False, highlight=False)
    if len(board.failures) > _FAILURES_SHOWN:
        console.print(f"  and {len(board.failures) - _FAILURES_SHOWN} more reasons, in the journal")


def _main(table: Table, wide: bool) -> tuple[list[str], list[list[str]]]:
    return main_header(table, wide), [main_row(table, score, wide) for score in table.scores]


def _show(
    console: Console, title: str, header: Sequence[str], rows: Sequence[Sequence[str]], whole: bool = False
) -> bool:
    """Print a table; where it must be ``whole`` and lines are too short for that, print nothing and return False."""
    if whole and console.width < _NARROW:
        return False
    # Where lines are short, one space must do between columns.
    gap = 0 if console.width < _NARROW else 1
    table = RichTable(box=box.SIMPLE_HEAD, padding=(0, gap, 0, 0), show_edge=False)
    # Beside many models the attributor's name stays readable, and theirs are folded.
    widest = max(len(cell) for cell in ("Attributor", *(row[1] for row in rows)))
    fixed = min(20 + 10 * gap, widest) if set(header) - {"Attributor", *SHORT} else None
    for name in header:
        side: Literal["left", "right"] = "left" if name == "Attributor" else "right"
        table.add_column(
            Text((name if gap else _BRIEF.get(name, name)).replace(" ", "\n"), justify=side),
            justify=side,
            overflow="fold",
            no_wrap=name in SHORT,
            width=fixed if name == "Attributor" else None,
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row), style="bold" if row[0] == "1" else "")
    # How wide it would like to be, which the console's own width would hide.
    if whole and console.measure(table, options=console.options.update(width=10_000)).maximum > console.width:
        return False
    console.print(Text(plain(title), style="bold"))
    console.print()
    console.print(table)
    console.print()
    return True
