"""The leaderboard as a plugin: at the end of a run shown and written beside the journal; in Python, an object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.hookspecs import hookimpl
from harness.text import beside, say

if TYPE_CHECKING:
    from harness.contracts.observer import Observer
    from leaderboard.notebook import BoardView

FILE, PAGE = "leaderboard.md", "leaderboard.html"


@hookimpl
def run_finished(folder: Path, console: Any) -> None:
    """Print the tables and write ``leaderboard.md`` into the folder, and a page where a gallery is to show."""
    from leaderboard.board import make_board
    from leaderboard.publish import write
    from leaderboard.render.console import show
    from leaderboard.render.gallery_observer import FOLDER

    board = make_board([folder])
    show(board, console)
    for name in (FILE, PAGE) if (folder / FOLDER).is_dir() else (FILE,):
        write(board, folder / name)
        say(beside(console), f"Written to {folder / name}")


@hookimpl
def observers() -> Sequence[type[Observer]]:
    """What keeps pictures for the page, and maps to measure anew."""
    from leaderboard.kept_maps import KeptMaps
    from leaderboard.render.gallery_observer import Gallery

    return [Gallery, KeptMaps]


@hookimpl
def board(folders: Sequence[Path]) -> BoardView:
    """The board of one or more runs, for scripts and notebooks."""
    from leaderboard.board import make_board
    from leaderboard.notebook import BoardView

    return BoardView(make_board(folders))
