"""Reading journals: what they are called, what their lines must have, and what is wrong with one that does not fit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.run.header import FORMAT
from harness.run.journal_lines import Line, parse, read_lines
from harness.run.row import KEY
from harness.run.shards import JOURNAL

TIMINGS = "timings.jsonl"
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Layout:
    """The names of a journal's two files, its format, the fields that say what a line is about, and who writes it."""

    journal: str
    timings: str
    format: int
    key: tuple[str, ...]
    command: str

    def aside(self, why: str) -> str:
        """The file beside the journal for lines that are no longer in it."""
        return f"{Path(self.journal).stem}-{why}.jsonl"


EVALUATION = Layout(JOURNAL, TIMINGS, FORMAT, KEY, "harness eval")


def read_journal(folder: Path, layout: Layout = EVALUATION) -> tuple[dict[str, Any], Rows]:
    """The header and the rows of a folder's journal, as they lie there; a torn last line is left out.

    Raises ``HarnessError`` where there is no journal, or a line of it is no journal line.
    """
    header, *rows = [line.row for line in walk_journal(folder, layout) if line.row is not None]
    return header, rows


def walk_journal(folder: Path, layout: Layout = EVALUATION) -> Iterator[Line]:
    """The lines of a folder's journal, one after the other: the header, the rows, and a torn last line as it lies.

    Raises ``HarnessError`` as :func:`read_journal` does.
    """
    path = folder / layout.journal
    line: Line | None = None
    try:
        for line in read_lines(path):
            if line.number == 1:
                found = parse(line.data) or {}
                if "format" not in found:
                    raise _headless(path, layout)
                check_header(line, found, path, layout)
            elif (line.row is None and not line.torn) or (line.row is not None and not is_row(line.row, layout)):
                raise _damaged(path, line, layout)
            yield line
            if line.torn:
                break
        else:
            if line is None:
                raise _headless(path, layout)
            return
    except FileNotFoundError:
        raise HarnessError(f"There is no journal in {folder}; `{layout.command}` writes one.") from None
    except OSError as error:
        raise HarnessError(f"The journal {path} cannot be read: {error.strerror or error}.") from error
    if line.number < sum(1 for _ in read_lines(path)):
        raise _damaged(path, line, layout)


def _headless(path: Path, layout: Layout) -> HarnessError:
    if read_copy(path.parent, layout) is not None:
        return HarnessError(f"{path} has lost its header; the same `{layout.command}` again takes it from its copy.")
    return HarnessError(f"{path} is no journal of {layout.command}: it has no header.")


def read_header(folder: Path, layout: Layout = EVALUATION) -> dict[str, Any] | None:
    """The header of a folder's journal; None where there is none that can be gone on from."""
    with suppress(OSError):
        first = next(read_lines(folder / layout.journal), None)
        if first is None or first.row is None:
            return read_copy(folder, layout) if first is not None and not first.torn else None
        if is_row(first.row, layout):
            return read_copy(folder, layout)  # the header's line is gone
        if first.row.get("format") == layout.format:
            return first.row
    return None


def read_copy(folder: Path, layout: Layout) -> dict[str, Any] | None:
    """The second copy of a journal's header; None where there is none of this format."""
    with suppress(OSError):
        line = next(read_lines(folder / layout.aside("header")), None)
        if line is not None and line.row is not None and line.row.get("format") == layout.format:
            return line.row
    return None


def differences(old: Any, new: Any, at: str = "") -> list[str]:
    """Where two JSON values differ, each as "path: old, now new"."""
    if isinstance(old, dict) and isinstance(new, dict):
        found: list[str] = []
        for name in sorted(old.keys() | new.keys()):
            found += differences(old.get(name), new.get(name), f"{at}.{name}" if at else name)
        return found
    return [] if old == new else [f"{at}: {_brief(old)}, now {_brief(new)}"]


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def check_header(line: Line, found: dict[str, Any], path: Path, layout: Layout) -> None:
    """Raise ``HarnessError`` unless a first line is a header of this format, undamaged."""
    if found["format"] != layout.format:
        raise HarnessError(
            f"The journal {path} is of format {_brief(found['format'])}, and this version of the harness reads "
            f"format {layout.format}; give --fresh to start anew, or another --output."
        )
    if line.row is None:
        raise HarnessError(
            f"The header of the journal {path} is damaged: it does not match its checksum. Take the file from a copy, "
            "or give --fresh to start anew."
        )


def is_row(row: dict[str, Any], layout: Layout) -> bool:
    """Whether it has the fields that no row can be without."""
    return _lacking(row, layout) is None


def _lacking(row: dict[str, Any], layout: Layout) -> str | None:
    """A field that no row can be without, and this one is."""
    return next((part for part in (*layout.key, "status") if part not in row), None)


def _damaged(path: Path, line: Line, layout: Layout) -> HarnessError:
    lacking = _lacking(line.row, layout) if line.row is not None else None
    why = f"the field {lacking!r} is missing" if lacking else "it does not match its checksum"
    return HarnessError(
        f"The journal {path} is damaged at line {line.number} ({why}); the same `{layout.command}` again sets the "
        "damaged lines aside and computes them anew."
    )
