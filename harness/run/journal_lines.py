"""The lines of a journal: JSON, each with a checksum, so that a bit that flipped on a disk is found.

A line is a JSON object whose last field, ``crc``, is the CRC-32 of the text before it, in eight hexadecimal digits. It
tells of accidents; against somebody who means to deceive there is ``harness leaderboard verify``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from zlib import crc32

from pydantic_core import from_json

from harness.files import open_regular

_SUM = re.compile(rb', "crc": "([0-9a-f]{8})"\}\Z')
_LONGEST = 32 << 20  # bytes of a line that is still read
_LARGEST = 16 << 30  # bytes of a journal that is
_START = b'{"format": '


class Line(NamedTuple):
    """A line as it lies there. ``row``: what it says; None where it is damaged. ``torn``: a crash left it so."""

    number: int
    data: bytes
    row: dict[str, Any] | None
    torn: bool


NOTHING = Line(1, b"", None, torn=True)  # the first line of an empty file


def encode(row: dict[str, Any]) -> bytes:
    """A line. Raises ``ValueError`` for NaN and infinity, which are no JSON."""
    text = json.dumps(row, allow_nan=False).encode("ascii")[:-1]
    return text + b', "crc": "%08x"}\n' % crc32(text)


def decode(data: bytes) -> dict[str, Any] | None:
    """What a line says; None where its checksum is not its own, or it has none."""
    found = _SUM.search(data)
    if found is None or crc32(data[: found.start()]) != int(found[1], 16):
        return None
    row = parse(data)
    if row is not None:
        del row["crc"]
    return row


def parse(data: bytes) -> dict[str, Any] | None:
    """A JSON object, whatever its checksum; None where it is none."""
    try:
        row = from_json(data, allow_inf_nan=False)
    except ValueError:  # it is quicker, and takes no halves of characters, which somebody's file name may hold
        try:
            row = json.loads(data)
        except (ValueError, RecursionError):
            return None
    return row if isinstance(row, dict) else None


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of a file, one after the other. Raises ``OSError`` where it cannot be read, or is no plain file."""
    with os.fdopen(open_regular(path), "rb") as file:
        if os.fstat(file.fileno()).st_size > _LARGEST:
            raise OSError(0, f"it is larger than {_LARGEST >> 30} GiB")
        yield from lines_of(file)


def lines_of(file: BinaryIO) -> Iterator[Line]:
    """The lines of an open file."""
    number = 0
    while data := file.readline(_LONGEST):
        number += 1
        whole = data.endswith(b"\n")
        line = data[:-1] if whole else data
        # A file system that had made room before the power went fills it with zeros.
        torn = not line.strip(b"\0") or (not whole and len(data) < _LONGEST)
        yield Line(number, data, None if torn else decode(line), torn)


def is_header_begun(data: bytes) -> bool:
    """Whether a file's first line, which was never finished, is the beginning of a header."""
    return data.startswith(_START) or _START.startswith(data)
