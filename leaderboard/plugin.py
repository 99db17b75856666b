"""The leaderboard as a plugin: at the end of a run, show the ranking and write it beside the journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.hookspecs import hookimpl

FILE = "leaderboard.md"


@hookimpl
def run_finished(folder: Path, console: Any) -> None:
    """Print the tables and write ``leaderboard.md`` into the folder."""
    from leaderboard.command import write
    from leaderboard.console import show
    from leaderboard.tables import make_board

    board = make_board([folder])
    show(board, console)
    write(board, folder / FILE)
    console.print(f"Written to {folder / FILE}", markup=False, highlight=False, soft_wrap=True)
