"""Reading annotation files strictly: every fault is one sentence with the file, the place and the field.

A fault of a whole file is a ``HarnessError``; one of a row, which costs no more than the row, a :class:`RowFault`.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.imaging.frame import Box

# What pandas reads as a missing value; the release was built with its defaults.
MISSING = frozenset(
    {
        "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>",
        "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
    }
)  # fmt: skip
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_SHOWN = 60
_AGAIN = "the file is not in the published format: export or download it again."
_FAR = 1e9  # pixels; no edge is there, and a float holds it


class RowFault(HarnessError):
    """What is wrong with one row or entry of a file, ``where``: "FILE, line N"."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where = where


def fault(where: str, field: str, what: str) -> RowFault:
    """The error for a field that is not as published. ``what`` goes on after "the field ... "."""
    return RowFault(where, f"the field {field!r} {what}; {_AGAIN}")


def shown(value: Any) -> str:
    """A value as an error message shows it: in one line, and not the whole of a huge one."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


@dataclass(frozen=True)
class AnnotationRow:
    """A row of a table: its fields as text, and ``where`` it is, "FILE, line N".

    ``odd`` says what is wrong with the line as a whole, if anything is; its fields are then what they seem to be.
    """

    where: str
    fields: dict[str, str]
    odd: str | None = None

    def check(self) -> None:
        """Raise :class:`RowFault` where the line as a whole is odd."""
        if self.odd is not None:
            raise self.fault(self.odd)

    def fault(self, what: str) -> RowFault:
        """The error for the line as a whole. ``what`` goes on after the line's number."""
        return RowFault(self.where, f"{what}; {_AGAIN}")

    def get(self, field: str) -> str:
        """A field as it stands, be the row sound or not; empty where the line ends before it."""
        return self.fields.get(field, "")

    def __getitem__(self, field: str) -> str:
        if field not in self.fields:
            self.check()
            raise fault(self.where, field, "is missing, the line ends before it")
        return self.fields[field]

    def number(self, field: str) -> float:
        """A number, as of pixels."""
        text = self[field].strip(" ")
        value = float(text) if _NUMBER.fullmatch(text) else math.nan
        if not abs(value) < _FAR:
            raise fault(self.where, field, f"should be a number, it is {shown(self[field])}")
        return value

    def file_name(self, field: str) -> str:
        """A word that names a file in a folder, and nothing outside of it."""
        return file_name(self.where, field, self[field])


def read_rows(path: Path, delimiter: str, columns: Sequence[str]) -> Iterator[AnnotationRow]:
    """The rows of a text table (UTF-8, with or without a byte order mark; the first line names the columns).

    It reads what pandas' ``read_csv`` reads: a field may be quoted, blank lines are passed over. Other columns
    than ``columns`` may be there, in any order. A line with more fields than there are columns, one that is no
    UTF-8, and one with a field of unheard-of length are ``odd``, and no reason to stop. Raises ``HarnessError`` for a
    file that cannot be read, is empty, lacks a column or has one twice.
    """
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="", errors="surrogateescape") as file:
            reader = csv.reader(file, delimiter=delimiter)
            header = next(reader, [])
            if not header:
                raise HarnessError(f"The file {path} is empty, download it again.")
            for column in columns:
                if header.count(column) != 1:
                    number = "no column" if column not in header else "several columns"
                    raise HarnessError(
                        f"{path}, line 1: it names {number} {column!r}, but {shown(', '.join(header))}; "
                        "the file is not as it was published, download it again."
                    )
            while True:
                try:
                    values = next(reader, None)
                except csv.Error as error:
                    odd = f"it is no line of a text table ({error})"
                    yield AnnotationRow(f"{path}, line {reader.line_num}", {}, odd)
                    continue
                line = reader.line_num
                if values is None:
                    return
                if values:
                    fields = dict(zip(header, values, strict=False))
                    yield AnnotationRow(f"{path}, line {line}", fields, _oddity(values, header))
    except OSError as error:
        raise HarnessError(f"The file {path} cannot be read: {error.strerror or error}.") from error
    except csv.Error as error:
        raise HarnessError(
            f"{path}, after line {line}: this is no text table ({error}); download the file again."
        ) from error


def _oddity(values: Sequence[str], header: Sequence[str]) -> str | None:
    """What is wrong with a line as a whole, if anything is."""
    if len(values) > len(header):
        return f"it has {len(values)} fields, the first line names {len(header)}"
    try:
        "".join(values).encode()
    except UnicodeEncodeError:
        return "it holds bytes that are no UTF-8"
    return None


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises ``HarnessError`` for one that cannot be read, or is none."""
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise HarnessError(f"The file {path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise HarnessError(f"The file {path} is no JSON ({error}); download it again.") from error


def file_name(where: str, field: str, value: Any) -> str:
    """``value``, which is to name a file inside a folder. Raises ``HarnessError`` for all that could lead out.

    Links are followed: users put data sets together by them. What an annotation file says is not trusted.
    """
    if not isinstance(value, str) or value in ("", ".", "..") or not value.isprintable():
        raise fault(where, field, f"should name a file, it is {shown(value)}")
    if set(value) & set("/\\:"):
        raise fault(where, field, f"should name a file and no path, it is {shown(value)}")
    return value


def file_path(where: str, field: str, value: Any) -> str:
    """``value``, which is to name a file in a folder or in one below it: each of its parts is a :func:`file_name`."""
    if not isinstance(value, str):
        raise fault(where, field, f"should name a file, it is {shown(value)}")
    return "/".join(file_name(where, field, part) for part in value.split("/"))


def corner_and_size(where: str, field: str, value: Any) -> Box:
    """A box from a list of its left, top, width and height; the latter two are positive."""
    x, y, width, height = four_numbers(where, field, value)
    if not (width > 0 and height > 0):
        raise fault(where, field, f"should be left, top, width and height, it is {shown(value)}")
    return Box(x, y, x + width, y + height)


def four_numbers(where: str, field: str, value: Any) -> Box:
    """A box, x0 y0 x1 y1, from a list of four numbers. Raises ``HarnessError`` for anything else."""
    right = isinstance(value, (list, tuple)) and len(value) == 4
    if not (right and all(type(edge) in (int, float) and abs(edge) < _FAR for edge in value)):
        raise fault(where, field, f"should be a list of four numbers, it is {shown(value)}")
    return Box(*map(float, value))


def whole_pixels(boxes: Iterable[Box]) -> list[Box]:
    """Boxes with their edges rounded, halves to even: what the release measured against."""
    return [Box(*map(float, map(round, box))) for box in boxes]


def covering(boxes: Iterable[Box]) -> tuple[Box, ...]:
    """The boxes that cover anything. An inverted or empty one covers no pixel, as half-open boxes go."""
    return tuple(box for box in boxes if box.area > 0)
