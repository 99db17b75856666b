"""``harness leaderboard``: rank the methods of finished runs. Imports nothing heavy before it runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leaderboard.tables import Board


def add_parser(subparsers: Any) -> None:
    """Add ``leaderboard``."""
    parser = subparsers.add_parser(
        "leaderboard",
        help="rank the methods of one or more runs, as tables or Markdown",
        description="Rank attribution methods from the journals of one or more runs of `harness eval`. Runs "
        "that differ in records, seed, limit, or options or version of a plugin that both use, are refused.",
        allow_abbrev=False,
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="output folder of a run")
    parser.add_argument(
        "--output", type=Path, metavar="FILE.md", help="also write the leaderboard as Markdown"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show the tables, and write them where asked."""
    from rich.console import Console

    from leaderboard.console import show
    from leaderboard.tables import make_board

    board, console = make_board(args.folders), Console()
    show(board, console)
    if args.output is not None:
        write(board, args.output)
        console.print(f"Written to {args.output}", markup=False, highlight=False, soft_wrap=True)
    return 0


def write(board: Board, path: Path) -> None:
    """Write a board as Markdown. Raises ``HarnessError`` where the file cannot be written."""
    from harness.errors import HarnessError
    from leaderboard.markdown import render

    try:
        path.write_text(render(board), encoding="utf-8", newline="\n")
    except OSError as error:
        raise HarnessError(f"{path} cannot be written: {error.strerror or error}.") from error
