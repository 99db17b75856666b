"""The results of a run's folder: its header and rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from harness.errors import HarnessError
from harness.run.header import Header
from harness.run.journal_lines import Line
from harness.run.journal_reading import JOURNAL, walk_journal
from harness.run.row import Row
from harness.text import plain


@dataclass(frozen=True)
class Results:
    """What a folder holds. ``digest``: SHA-256 of its journal, hexadecimal. ``rescored``: metrics that were measured
    after the run."""

    folder: Path
    header: Header
    rows: list[Row]
    digest: str
    rescored: tuple[str, ...] = ()


class RowReader:
    """A folder's rows one after the other, checked, each with the bytes of its line: ``for row, data in reader``, once.

    ``header`` is there from the beginning, and so is ``begins``, how many bytes it takes; ``digest`` is that of the
    whole journal once all rows were gone through.
    Raises ``HarnessError`` as :func:`read_results` does.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines = walk_journal(folder)
        first = next(self._lines)
        self.begins = len(first.data)
        self._sha256 = sha256(first.data)
        try:
            self.header = Header.read(first.row)
        except ValueError as error:
            raise self._broken(first, error) from error

    def __iter__(self) -> Iterator[tuple[Row, bytes]]:
        for line in self._lines:
            self._sha256.update(line.data)
            if line.row is None:
                continue
            try:
                row = _belonging(Row.read(line.row), self.header)
            except ValueError as error:
                raise self._broken(line, error) from error
            yield row, line.data

    @property
    def digest(self) -> str:
        """SHA-256 of what was read."""
        return self._sha256.hexdigest()

    def _broken(self, line: Line, error: ValueError) -> HarnessError:
        path, why = self.folder / JOURNAL, plain(str(error), 300)
        return HarnessError(f"The journal {path} is broken at line {line.number} ({why}); leave it out.")


def read_results(folder: Path) -> Results:
    """The header and rows of a folder, checked.

    Raises
    ------
    HarnessError
        Where there is no journal, or a line of it lacks a field, has an unknown one, or one that cannot be.
    """
    reader = RowReader(folder)
    rows = [row for row, _ in reader]
    return Results(folder, reader.header, rows, reader.digest)


def _belonging(row: Row, header: Header) -> Row:
    """A row. Raises ``ValueError`` where the run of a header has no such result."""
    if row.attributor not in header.attributors:
        raise ValueError(f"its attributor {row.attributor!r} is not in the header")
    if row.model not in header.planned.get(row.mode, {}):
        raise ValueError(f"its model {row.model!r} has no {row.mode} records in the header")
    for name in [*row.metrics, *row.unmeasured]:
        if name not in header.metrics:
            raise ValueError(f"its metric {name!r} is not in the header")
    return row
