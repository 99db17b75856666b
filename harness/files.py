"""Files: written so that nobody ever sees half of one, and read only where they are what they should be."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

_BINARY = getattr(os, "O_BINARY", 0)


def write_whole(path: Path, data: bytes, private: bool = False) -> None:
    """Write a file that appears whole or not at all, with the folders above it, and that a power cut leaves so.

    ``private``: it, and folders that are made for it, are the user's alone, whatever the umask says.

    Raises
    ------
    OSError
        Where it cannot be written; what was there before stays.
    """
    _make_folder(path.parent, 0o700 if private else 0o777)
    draft = draft_of(path)
    try:
        draft.touch(0o600 if private else 0o666)
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
    sync_folder(path.parent)


def draft_of(path: Path) -> Path:
    """Where to write what shall become a file, in its folder."""
    # Not the process id alone: two machines that share a folder may have the same.
    return path.with_name(f".{path.name}.{uuid4().hex}.part")


def sync_folder(folder: Path) -> None:
    """Have a folder's entries on the disk, where the file system can: a renamed file is not there before."""
    with suppress(OSError):  # Windows opens no folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """Open a file that must be a plain one: a link may lead anywhere, and a device or a pipe never ends.

    Raises
    ------
    OSError
        Where it cannot be opened, or is no plain file.
    """
    # Without O_NONBLOCK opening a pipe waits for its other end.
    more = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | _BINARY
    if path.is_symlink():
        raise OSError(0, "it is a link, and only plain files are read")
    handle = os.open(path, flags | more, 0o644)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(0, "it is no plain file")
    return handle


def read_regular(path: Path, most: int) -> bytes:
    """What a plain file of at most so many bytes holds. Raises ``OSError`` where it is none, or larger."""
    with os.fdopen(open_regular(path), "rb") as file:
        if (size := os.fstat(file.fileno()).st_size) > most:
            raise OSError(0, f"it has {size} bytes, and at most {most} are read")
        return file.read(most)


def _make_folder(folder: Path, mode: int) -> None:
    """Make a folder and those above it, all of one mode, which ``mkdir`` gives the last alone."""
    if not folder.is_dir():
        _make_folder(folder.parent, mode)
        folder.mkdir(mode, exist_ok=True)
