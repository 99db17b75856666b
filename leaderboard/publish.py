"""Write a board in all its forms, with what it takes to repeat it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from harness.errors import HarnessError
from leaderboard.board import Board
from leaderboard.render import csv_json, markdown
from leaderboard.render.html import page

SUFFIXES = (".md", ".json", ".csv", ".html")


def write(board: Board, path: Path, private: bool = False) -> None:
    """Write a board to a file.

    Parameters
    ----------
    board
        The leaderboard.
    path
        Ends in .md, .json, .csv or .html, which says in what form.
    private
        Whether a page also shows pictures of sources that are not declared free to share.

    Raises
    ------
    HarnessError
        For another suffix, and where the file cannot be written.
    """
    renderers: dict[str, Callable[[Board], str]] = {
        ".md": markdown.render,
        ".json": csv_json.to_json,
        ".csv": csv_json.to_csv,
        ".html": partial(page.render, private=private),
    }
    if path.suffix.lower() not in renderers:
        raise HarnessError(f"{path} should end in one of {', '.join(SUFFIXES)}.")
    text = renderers[path.suffix.lower()](board)
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise HarnessError(f"{path} cannot be written: {error.strerror or error}.") from error


def publish(board: Board, folder: Path, name: str | None = None) -> list[Path]:
    """Write a board into a folder in all forms, without pictures that are not free to share.

    Parameters
    ----------
    board
        The leaderboard.
    folder
        Made where it is not there.
    name
        What the files are called; None for the board's sources.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    HarnessError
        Where a file cannot be written.
    """
    stem = name or "-".join(sorted({row.source for row in board.rows}))
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip(".-")[:80] or "board"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HarnessError(f"{folder} cannot be made: {error.strerror or error}.") from error
    paths = [folder / f"{stem}{suffix}" for suffix in SUFFIXES]
    for path in paths:
        write(board, path)
    return paths
