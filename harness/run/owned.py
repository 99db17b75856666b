"""Files of a cache that nobody but their user can have written: what others may write, they may forge."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

from harness.text import plain

_told: set[Path] = set()


def read_own(folder: Path, path: Path) -> bytes | None:
    """What a file below a folder holds; None where it is not there, or is not to be trusted.

    The file and its folders up to ``folder`` must belong to the user, and no one else may be able to write to them;
    what is wrong with them is said once a folder. On systems that do not know such owners all is trusted.
    """
    with suppress(OSError):
        # From the top: in a folder of the user's own no other can have put anything, not even what hangs when opened.
        for place in dict.fromkeys((folder, path.parent)):
            if not _trusted(folder, place, place.stat()):
                return None
        with path.open("rb") as file:
            return file.read() if _trusted(folder, path, os.fstat(file.fileno())) else None
    return None


def _trusted(folder: Path, place: Path, about: os.stat_result) -> bool:
    if not hasattr(os, "geteuid"):
        return True
    if about.st_uid != os.geteuid():
        why, remedy = f"{place} belongs to another user", "give a folder of your own by --cache (or --edits of a build)"
    elif about.st_mode & 0o022:
        why, remedy = f"others may write to {place}", f"`chmod -R go-w {folder}` forbids it"
    else:
        return True
    if folder not in _told:
        _told.add(folder)
        sentence = f"What {folder} holds is not used but computed anew, as {why}; {remedy}."
        logging.getLogger(__name__).warning("%s", plain(sentence))
    return False
