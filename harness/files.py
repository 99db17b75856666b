"""Writing files so that nobody ever sees half of one."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from uuid import uuid4


def write_whole(path: Path, data: bytes, private: bool = False) -> None:
    """Write a file that appears whole or not at all, with the folders above it.

    ``private``: it, and folders that are made for it, are the user's alone, whatever the umask says.

    Raises
    ------
    OSError
        Where it cannot be written; what was there before stays.
    """
    # Not the process id alone: two machines that share a folder may have the same.
    draft = path.with_name(f".{path.name}.{uuid4().hex}.part")
    _make_folder(path.parent, 0o700 if private else 0o777)
    try:
        draft.touch(0o600 if private else 0o666)
        draft.write_bytes(data)
        draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


def _make_folder(folder: Path, mode: int) -> None:
    """Make a folder and those above it, all of one mode, which ``mkdir`` gives the last alone."""
    if not folder.is_dir():
        _make_folder(folder.parent, mode)
        folder.mkdir(mode, exist_ok=True)
