"""The leaderboard as a plugin: at the end of a run, show the ranking and write it beside the journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.hookspecs import hookimpl

FILE, PAGE = "leaderboard.md", "leaderboard.html"


@hookimpl
def run_finished(folder: Path, console: Any) -> None:
    """Print the tables and write ``leaderboard.md`` into the folder, and a page where a gallery is to show."""
    from harness.gallery import FOLDER
    from leaderboard.console import show
    from leaderboard.publish import write
    from leaderboard.tables import make_board

    board = make_board([folder])
    show(board, console)
    for name in (FILE, PAGE) if (folder / FOLDER).is_dir() else (FILE,):
        write(board, folder / name)
        console.print(f"Written to {folder / name}", markup=False, highlight=False, soft_wrap=True)
