"""The results of a run's folder: its header and rows."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from harness.errors import HarnessError
from harness.run.header import Header
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


def read_results(folder: Path) -> Results:
    """The header and rows of a folder, checked.

    Raises
    ------
    HarnessError
        Where there is no journal, or a line of it lacks a field, has an unknown one, or one that cannot be.
    """
    header: Header | None = None
    rows: list[Row] = []
    digest = sha256()
    for line in walk_journal(folder):
        digest.update(line.data)
        if line.row is None:
            continue
        try:
            if header is None:
                header = Header.read(line.row)
            else:
                rows.append(_belonging(Row.read(line.row), header))
        except ValueError as error:
            why = plain(str(error), 300)
            raise HarnessError(
                f"The journal {folder / JOURNAL} is broken at line {line.number} ({why}); leave it out."
            ) from error
    assert header is not None
    return Results(folder, header, rows, digest.hexdigest())


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
