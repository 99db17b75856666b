"""Write a board in all its forms, with what it takes to repeat it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from harness.errors import HarnessError
from harness.files import write_whole
from leaderboard.board import Board
from leaderboard.render import csv_json, markdown
from leaderboard.render.html import page

SUFFIXES = (".md", ".json", ".csv", ".html")


def check_output(path: Path) -> None:
    """Raise ``HarnessError`` where a board cannot be written to a file: known before anything is read for it."""
    if path.suffix.lower() not in SUFFIXES:
        raise HarnessError(f"{path} should end in one of {', '.join(SUFFIXES)}.")
    if path.is_dir():
        raise HarnessError(f"{path} is a folder; give a file.")
    check_folder(path.parent)


def check_folder(folder: Path) -> None:
    """Raise ``HarnessError`` where a folder cannot be written to, nor made."""
    there = next((one for one in (folder, *folder.absolute().parents) if one.exists()), folder)
    if not there.is_dir():
        raise HarnessError(f"{there} is no folder, so that nothing can be written to {folder}.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise HarnessError(f"Nothing may be written to {there}.")


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
    check_output(path)
    text = renderers[path.suffix.lower()](board)
    try:
        write_whole(path, text.encode())
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
    stem = name or "-".join(board.table.used("source"))
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip(".-")[:80] or "board"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HarnessError(f"{folder} cannot be made: {error.strerror or error}.") from error
    paths = [folder / f"{stem}{suffix}" for suffix in SUFFIXES]
    for path in paths:
        write(board, path)
    return paths
