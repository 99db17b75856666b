"""Writing files so that nobody ever sees half of one."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from uuid import uuid4


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all, with the folders above it.

    Raises
    ------
    OSError
        Where it cannot be written; what was there before stays.
    """
    # Not the process id alone: two machines that share a folder may have the same.
    draft = path.with_name(f".{path.name}.{uuid4().hex}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        draft.write_bytes(data)
        draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
