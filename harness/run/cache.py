"""Things kept on disk by content: each lies under a key that is a SHA-256 of all that it depends on.

A file lies at ``KEY[:2]/KEY.SUFFIX`` below a folder and appears whole or not at all, so that several processes may
write to one folder: whoever comes last replaces equal bytes. Nothing here is ever out of date, and all of it may be
deleted at any time. What others could have written is not used (:mod:`harness.run.owned`): a digest that anyone can
compute tells a torn file, not a forged one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.files import write_whole
from harness.run.owned import read_own

VARIABLE = "HARNESS_CACHE"
OFF = "off"


def digest_of(about: Any) -> str:
    """SHA-256 of ``about``, which is JSON, in 64 hexadecimal digits: the key of what depends on it."""
    return sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def path_of(folder: Path, key: str, suffix: str) -> Path:
    """Where the file of a key lies."""
    return folder / key[:2] / f"{key}.{suffix}"


class JsonCache:
    """Small JSON values by key, in files that carry a digest: one that is torn, altered or misnamed counts as missing.

    ``folder``: None keeps nothing. A folder that cannot be written keeps nothing either, as all can be made anew.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def get(self, key: str, make: Callable[[], Any]) -> Any:
        """The value of a key; where there is none, ``make`` makes it, as JSON, and it is kept."""
        if self.folder is None:
            return make()
        path = path_of(self.folder, key, "json")
        with suppress(ValueError, KeyError, TypeError, RecursionError):
            found = json.loads(read_own(self.folder, path) or b"")
            if found["digest"] == _digest(key, found["value"]):
                return found["value"]
        value = make()
        data = json.dumps({"digest": _digest(key, value), "value": value}).encode()
        with suppress(OSError):
            write_whole(path, data, private=True)
        return value


def shared() -> JsonCache:
    """The cache that all runs of a user share.

    It lies in the folder that the environment variable ``HARNESS_CACHE`` names, else in the user's cache folder;
    ``HARNESS_CACHE=off`` keeps nothing.
    """
    said = os.environ.get(VARIABLE, "")
    if said.lower() == OFF:
        return JsonCache(None)
    if said:
        return JsonCache(Path(said))
    with suppress(RuntimeError):  # no home
        return JsonCache(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "medground-harness")
    return JsonCache(None)


def _digest(key: str, value: Any) -> str:
    return digest_of([key, value])
