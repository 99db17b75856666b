"""Which weights and data files a plugin computes with: a hub's commit, or a SHA-256 of what the files hold.

A file is hashed whole. Reading gigabytes takes a while (about a second for one and a half on a recent machine), so
the hash of a large file is kept in the user's cache under the file's path, size and times of change. ``ctime`` is
among them, which no copying tool can set: a file that was replaced is hashed again even where size and ``mtime`` are
as before. Neither torch nor the files' formats are needed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from harness.run.cache import digest_of, shared

_LARGE = 64 << 20  # bytes; smaller files are hashed every time
_BLOCK = 1 << 20
_COMMIT = re.compile(r"[0-9a-f]{40}")


def identities(paths: Sequence[Path]) -> dict[str, str | None]:
    """By name, what identifies each of the files or folders: :func:`identity`. Names do not tell where they lie."""
    found: dict[str, str | None] = {}
    for path in paths:
        name = _name(path)
        while name in found:
            name += "'"
        found[name] = identity(path)
    return found


def identity(path: Path) -> str | None:
    """``commit:`` and the commit of a snapshot in a hub's cache, else ``sha256:`` and a digest; None where
    nothing is there.

    A folder's digest is over the names and contents of the files that lie in it, hidden ones and those of
    subfolders left out.
    """
    if snapshot := _snapshot(path):
        return f"commit:{snapshot.name}"
    try:
        if not path.is_dir():
            return f"sha256:{_hash(path)}"
        files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
        return f"sha256:{digest_of([[file.name, _hash(file)] for file in files])}"
    except OSError:
        return None


def _snapshot(path: Path) -> Path | None:
    """The snapshot of a hub's cache (``models--OWNER--NAME/snapshots/COMMIT``) that a path is or lies in."""
    for folder in (path, *path.parents):
        if folder.parent.name == "snapshots" and _COMMIT.fullmatch(folder.name):
            return folder
    return None


def _name(path: Path) -> str:
    snapshot = _snapshot(path)
    if snapshot is None:
        return path.name
    return snapshot.parent.parent.name.removeprefix("models--").replace("--", "/")


def _hash(path: Path) -> str:
    about = path.stat()
    if about.st_size < _LARGE:
        return sha256(path.read_bytes()).hexdigest()
    key = digest_of(["weights", str(path.resolve()), about.st_size, about.st_mtime_ns, about.st_ctime_ns])
    return str(shared().get(key, lambda: _hash_blocks(path)))


def _hash_blocks(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
