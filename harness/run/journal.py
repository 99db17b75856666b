"""The append-only journal of a run: a header line, then a line for every finished result.

``journal.jsonl`` holds nothing that depends on the time or the place, so that two runs of the same command
give the same bytes; ``timings.jsonl`` beside it holds the seconds. Each line is on the disk before the next
one is begun, and the same command goes on where it was stopped. An evaluation's lines are each about a
(sample, model, mode, attributor); other commands' journals differ in their :class:`Layout` alone.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.run.header import FORMAT
from harness.run.row import KEY
from harness.run.shards import JOURNAL

TIMINGS = "timings.jsonl"
_KEPT = "; what is finished is kept, and the same command goes on there once they can"


@dataclass(frozen=True)
class Layout:
    """The names of a journal's two files, its format, the fields that say what a line is about, and who writes it."""

    journal: str
    timings: str
    format: int
    key: tuple[str, ...]
    command: str


EVALUATION = Layout(JOURNAL, TIMINGS, FORMAT, KEY, "harness eval")


class Journal:
    """A folder's journal, opened for one writer: ``with Journal(folder, header) as journal:
    journal.add(row)``.

    ``header`` is everything that the results depend on, as JSON. A journal already there must have the same
    header, unless ``fresh``, which discards it. That goes for the versions of libraries and the device too:
    results of two environments in one journal could not be told apart, and no single run would repeat them.
    ``rows`` holds the rows by the values of ``layout.key``, with those that were there before. Raises
    ``HarnessError`` where another process writes to the folder, the header differs, or the folder cannot be
    written.
    """

    def __init__(self, folder: Path, header: dict[str, Any], fresh: bool = False, layout: Layout = EVALUATION) -> None:
        self.folder, self.layout = folder, layout
        self.rows = dict[tuple[Any, ...], dict[str, Any]]()
        self._path = folder / layout.journal
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._journal = _open(self._path)
        except OSError as error:
            raise _unwritable(folder, error) from error
        try:
            _lock(self._journal, folder)
            self._timings = _open(folder / layout.timings)
            self._begin(header, fresh)
        except OSError as error:
            self.close()
            raise _unwritable(folder, error) from error
        except BaseException:
            self.close()
            raise

    def _begin(self, header: dict[str, Any], fresh: bool) -> None:
        if fresh:
            os.ftruncate(self._journal, 0)
            os.ftruncate(self._timings, 0)
        _mend(self._journal, self._path)
        _mend(self._timings, self.folder / self.layout.timings)
        # Through JSON and back, so that a tuple here equals a list there.
        wanted = {"format": self.layout.format, **json.loads(_line(header))}
        if os.fstat(self._journal).st_size == 0:
            self._append(self._journal, wanted)
            return
        found, rows = read_journal(self.folder, self.layout)
        changes = _other_weights(found, wanted) or differences(found, wanted)
        if changes:
            raise HarnessError(
                f"{self._path} is from a run with other settings ({'; '.join(changes)}); "
                "give --fresh to discard it, or another --output."
            )
        self.rows = {self._key(row): row for row in rows}

    def add(self, row: dict[str, Any]) -> None:
        """Append one finished row; it is on the disk when this returns. Raises ``ValueError`` for NaN."""
        self._append(self._journal, row)
        self.rows[self._key(row)] = row

    def _key(self, row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(row[part] for part in self.layout.key)

    def time(self, stage: str, seconds: float, **about: Any) -> None:
        """Append how long one stage took, in seconds."""
        self._append(self._timings, {"stage": stage, **about, "seconds": round(seconds, 4)})

    def _append(self, file: int, row: dict[str, Any]) -> None:
        data = (_line(row) + "\n").encode("ascii")
        size = os.fstat(file).st_size
        try:
            while data:  # a disk that is almost full takes a part first and fails at the next attempt
                data = data[os.write(file, data) :]
            if file == self._journal:
                os.fsync(file)
        except BaseException as error:  # Ctrl-C too: a line is there whole or not at all
            with suppress(OSError):  # else the next start mends it
                os.ftruncate(file, size)
            if isinstance(error, OSError):
                raise _unwritable(self.folder, error, _KEPT) from error
            raise

    def close(self) -> None:
        """Close the files and give the lock back."""
        for name in ("_journal", "_timings"):
            if hasattr(self, name):
                os.close(getattr(self, name))
                delattr(self, name)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_journal(folder: Path, layout: Layout = EVALUATION) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The header and the rows of a folder's journal, as they lie there; a torn last line is left out.

    Raises ``HarnessError`` where there is no journal, or a line of it is no journal line.
    """
    path = folder / layout.journal
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise HarnessError(f"There is no journal in {folder}; `{layout.command}` writes one.") from None
    except OSError as error:
        raise HarnessError(f"The journal {path} cannot be read: {error.strerror or error}.") from error
    lines = data.split(b"\n")[:-1]
    parsed = [_parse(line) for line in lines]
    if parsed and parsed[-1] is None:
        parsed.pop()
    if not parsed or parsed[0] is None or "format" not in parsed[0]:
        raise HarnessError(f"The journal {path} has no header; give --fresh to start anew.")
    if parsed[0]["format"] != layout.format:
        raise HarnessError(
            f"The journal {path} is of format {_brief(parsed[0]['format'])}, and this version of the harness reads "
            f"format {layout.format}; give --fresh to start anew, or another --output."
        )
    rows: list[dict[str, Any]] = []
    for number, row in enumerate(parsed[1:], 2):
        lacking = [part for part in (*layout.key, "status") if part not in row] if row is not None else []
        if row is None or lacking:
            why = f"the field {lacking[0]!r} is missing" if lacking else "it is no JSON object"
            raise HarnessError(f"The journal {path} is broken at line {number} ({why}); give --fresh to start anew.")
        rows.append(row)
    return parsed[0], rows


def differences(old: Any, new: Any, at: str = "") -> list[str]:
    """Where two JSON values differ, each as "path: old, now new"."""
    if isinstance(old, dict) and isinstance(new, dict):
        found: list[str] = []
        for name in sorted(old.keys() | new.keys()):
            found += differences(old.get(name), new.get(name), f"{at}.{name}" if at else name)
        return found
    return [] if old == new else [f"{at}: {_brief(old)}, now {_brief(new)}"]


def _other_weights(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The plugins of a header, each in words, whose weights or data files are not those of another header."""
    changes = []
    for kind, plugins in new.get("plugins", {}).items():
        for name, about in plugins.items():
            before = old.get("plugins", {}).get(kind, {}).get(name)
            if isinstance(before, dict) and isinstance(about, dict) and before.get("weights") != about.get("weights"):
                what = "; ".join(differences(before.get("weights"), about.get("weights"), "weights"))
                changes.append(f"the weights of the {kind} {name!r} are not those that it began with, {what}")
    return changes


def _brief(value: Any) -> str:
    text = _line(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _line(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)


def _lock(file: int, folder: Path) -> None:
    try:
        import fcntl
    except ImportError:  # not on Windows: there two runs in one folder go unnoticed
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise HarnessError(f"Another run writes to {folder}; wait for it, or give another --output.") from None
    except OSError:  # a file system without locks
        return


def _mend(file: int, path: Path) -> None:
    """Cut off a last line that a crash left incomplete, or full of what is no JSON."""
    data = path.read_bytes()
    keep = data.rfind(b"\n") + 1
    last = data.rfind(b"\n", 0, max(keep - 1, 0)) + 1
    if keep and _parse(data[last:keep]) is None:
        keep = last
    if keep < len(data):
        os.ftruncate(file, keep)


def _unwritable(folder: Path, error: OSError, more: str = "") -> HarnessError:
    return HarnessError(f"Results cannot be written to {folder}: {error.strerror or error}{more}.")
