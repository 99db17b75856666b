"""The results of a run's folder: its header and rows."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from harness.errors import HarnessError
from harness.run.header import Header
from harness.run.journal_reading import JOURNAL, read_journal
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


def read_results(folder: Path) -> Results:
    """The header and rows of a folder, checked.

    Raises
    ------
    HarnessError
        Where there is no journal, or a line of it lacks a field, has an unknown one, or one that cannot be.
    """
    path = folder / JOURNAL
    first, lines = read_journal(folder)
    header: Header | None = None
    rows: list[Row] = []
    for number, line in enumerate([first, *lines], 1):
        try:
            if header is None:
                header = Header.read(line)
            else:
                rows.append(_belonging(Row.read(line), header))
        except ValueError as error:
            raise HarnessError(
                f"The journal {path} is broken at line {number} ({plain(str(error), 300)}); leave it out."
            ) from error
    assert header is not None
    return Results(folder, header, rows, _digest(path))


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


def _digest(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise HarnessError(f"The journal {path} cannot be read: {error.strerror or error}.") from error
