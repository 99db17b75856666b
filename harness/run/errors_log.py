"""``errors.log`` beside a journal: the traceback of each failed row, for people to read; nothing reads it back.

What the disk does with it harms no result, and it stays small however many rows fail.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from traceback import format_exception

from harness.text import plain

ERRORS_LOG = "errors.log"
_FRAMES, _CHARACTERS = 20, 8000  # of one traceback: the last ones, where the fault is
_BYTES = 10 << 20


def traceback_of(error: BaseException) -> str:
    """The end of an error's traceback."""
    try:
        text = "".join(format_exception(error, limit=-_FRAMES))
    except Exception:  # an exception of a plugin's that cannot say what it is about
        text = f"{type(error).__name__}, which has no traceback\n"
    return plain(text[-_CHARACTERS:], lines=True)


def log_error(folder: Path, key: Iterable[object], traceback: str) -> None:
    """Append the traceback of the row of a key."""
    path = folder / ERRORS_LOG
    entry = f"{plain(', '.join(map(str, key)))}\n{traceback.rstrip()}\n\n"
    with suppress(OSError):
        if not path.exists() or path.stat().st_size < _BYTES:
            with path.open("a", encoding="utf-8") as file:
                file.write(entry)
