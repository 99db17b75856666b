"""The lines of a file that somebody else may have written, one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from harness.files import open_regular

_LONGEST = 1 << 20  # bytes of a line; what is longer is cut, and so says nothing


def plain_lines(path: Path, most: int) -> Iterator[bytes]:
    """The lines of a plain file of at most so many bytes. Raises ``OSError`` where it is none, or larger."""
    with os.fdopen(open_regular(path), "rb") as file:
        if (size := os.fstat(file.fileno()).st_size) > most:
            raise OSError(0, f"it has {size} bytes, and at most {most} are read")
        while line := file.readline(_LONGEST):
            yield line
