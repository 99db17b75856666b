"""The append-only journal of a run: a header line, then a line for every finished result.

``journal.jsonl`` holds nothing that depends on the time or the place, so that two runs of the same command
give the same bytes; ``timings.jsonl`` beside it holds the seconds. Each line is on the disk before the next
one is begun, and the same command goes on where it was stopped. An evaluation's lines are each about a
(sample, model, mode, attributor); other commands' journals differ in their :class:`Layout` alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.files import draft_of, open_regular, sync_folder, write_whole
from harness.run.journal_lines import NOTHING, Line, encode, is_header_begun, lines_of, parse
from harness.run.journal_reading import EVALUATION, Layout, Rows, check_header, differences, is_row, read_copy

_KEPT = "; what is finished is kept, and the same command goes on there once they can"
Keep = Callable[[dict[str, Any], Rows], Rows]


class Journal:
    """A folder's journal, opened for one writer: ``with Journal(folder, header) as journal: journal.add(row)``.

    Nothing is written before the first :meth:`add` or :meth:`commit`, so that a run which cannot begin leaves what was
    there. The header lies in a file of its own as well. Lines that are damaged are set aside in another one at once,
    which ``remarks`` tells.

    Parameters
    ----------
    folder
        Made if it is not there.
    header
        Everything that the results depend on, as JSON.
    fresh
        Discard what is there, but not before the first result is.
    keep
        Which of the rows that are there stay under the new header; called with the header that is there. It raises
        ``HarnessError`` where the two do not go together. None: all, and the two must be equal.

    Attributes
    ----------
    rows
        The rows by the values of ``layout.key``, with those that were there before.
    remarks
        What the user must know of the state in which the journal was, in sentences.
    discard
        Called when a fresh run's first result is there: removes what else the old run left.

    Raises
    ------
    HarnessError
        Where another process writes to the folder, the headers do not go together, the file is no journal, or the
        folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        header: dict[str, Any],
        fresh: bool = False,
        layout: Layout = EVALUATION,
        keep: Keep | None = None,
    ) -> None:
        self.folder, self.layout = folder, layout
        self.rows = dict[tuple[Any, ...], dict[str, Any]]()
        self.remarks: list[str] = []
        self.discard: Callable[[], None] = lambda: None
        self._path, self._new = folder / layout.journal, False
        self._fresh, self._pending, self._dropped = fresh, False, Rows()
        try:
            self._new = not folder.is_dir()
            folder.mkdir(parents=True, exist_ok=True)
            self._journal = self._open()
            self._timings = _open(folder / layout.timings)
            # Through JSON and back, so that a tuple here equals a list there.
            self._header = {"format": layout.format, **json.loads(json.dumps(header, allow_nan=False))}
            self._begin(keep or self._equal)
        except OSError as error:
            self.close()
            raise _unwritable(folder, error) from error
        except BaseException:
            self.close()
            raise

    def _open(self) -> int:
        """The journal's file, locked."""
        while True:
            file = _open(self._path)
            try:
                _lock(file, self.folder)
                # Whoever had it before may have put another file in its place.
                if os.path.samestat(os.fstat(file), self._path.stat()):
                    return file
            except FileNotFoundError:
                pass
            except BaseException:
                os.close(file)
                raise
            os.close(file)

    def _begin(self, keep: Keep) -> None:
        _cut(self._timings)
        with os.fdopen(os.dup(self._journal), "rb") as file:
            file.seek(0)
            first, *others = [*lines_of(file)] or [NOTHING]
        if first.torn and not others and is_header_begun(first.data):
            self._pending = True
            return
        found, lines = parse(first.data), others
        # Good rows, and before them no header: it is damaged, or gone.
        lost = any(line.row is not None for line in others) if first.row is None else is_row(first.row, self.layout)
        copy = read_copy(self.folder, self.layout) if lost else None
        if copy is not None:
            found, lines = copy, [first, *others]
        if found is None or "format" not in found:
            raise HarnessError(
                f"{self._path} is no journal of {self.layout.command}, and is left as it is; give another --output."
            )
        if self._fresh:
            self._pending = True
            return
        if copy is None:
            check_header(first, found, self._path, self.layout)
        found.pop("crc", None)
        if lines and lines[-1].torn:
            os.ftruncate(self._journal, os.fstat(self._journal).st_size - len(lines.pop().data))
        rows = [line.row for line in lines if line.row is not None and is_row(line.row, self.layout)]
        bad = [line for line in lines if line.row is None or not is_row(line.row, self.layout)]
        if bad:
            self._set_aside(found, rows, bad)
        elif copy is not None:
            self._replace(found, rows)
            self.remarks.append(f"{self._path} had lost its header, which was taken from its copy.")
        kept = keep(found, rows)
        self._pending = found != self._header or len(kept) < len(rows)
        self.rows = {self._key(row): row for row in kept}
        self._dropped = [row for row in rows if self._key(row) not in self.rows]

    def _equal(self, found: dict[str, Any], rows: Rows) -> Rows:
        changes = differences(found, self._header)
        if changes:
            raise HarnessError(
                f"{self._path} is from a run with other settings ({'; '.join(changes)}); "
                "give --fresh to discard it, or another --output."
            )
        return rows

    def _set_aside(self, header: dict[str, Any], rows: Rows, bad: list[Line]) -> None:
        """Move damaged lines to a file of their own, and write the journal without them."""
        aside = self.folder / self.layout.aside("damaged")
        _append_to(aside, (line.data for line in bad))
        self._replace(header, rows)
        first = f"line {bad[0].number}"
        which = first if len(bad) == 1 else f"{len(bad)} lines, the first of them {first},"
        self.remarks.append(
            f"{self._path} was damaged: {which} did not match its checksum and now lies in {aside.name}; what it held "
            "is computed again."
        )

    def commit(self) -> None:
        """Make the journal what it shall be from here on: the new header, and the rows that stay."""
        if not self._pending:
            return
        try:
            if self._dropped:
                _append_to(self.folder / self.layout.aside("replaced"), map(encode, self._dropped))
            self._replace(self._header, [*self.rows.values()])
            if self._fresh:
                os.ftruncate(self._timings, 0)
                self.discard()
        except OSError as error:
            raise _unwritable(self.folder, error, _KEPT) from error
        self._pending, self._dropped = False, []

    def _replace(self, header: dict[str, Any], rows: Iterable[dict[str, Any]]) -> None:
        """Put a journal of these lines in the place of the one that is there, whole or not at all."""
        # Without its header a journal is lost, whose rows are whole: so there are two of it.
        write_whole(self.folder / self.layout.aside("header"), encode(header))
        draft = draft_of(self._path)
        file = _open(draft)
        try:
            _lock(file, self.folder)
            with os.fdopen(os.dup(file), "wb") as out:
                for line in (header, *rows):
                    out.write(encode(line))
            os.fsync(file)
            draft.replace(self._path)
        except BaseException:
            os.close(file)
            with suppress(OSError):
                draft.unlink()
            raise
        sync_folder(self.folder)
        os.close(self._journal)
        self._journal = file

    def add(self, row: dict[str, Any]) -> None:
        """Append one finished row; it is on the disk when this returns. Raises ``ValueError`` for NaN."""
        data = encode(row)
        self.commit()
        self._append(self._journal, data)
        self.rows[self._key(row)] = row

    def _key(self, row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(row[part] for part in self.layout.key)

    def time(self, stage: str, seconds: float, **about: Any) -> None:
        """Append how long one stage took, in seconds."""
        line = {"stage": stage, **about, "seconds": round(seconds, 4)}
        self._append(self._timings, (json.dumps(line, allow_nan=False) + "\n").encode("ascii"))

    def _append(self, file: int, data: bytes) -> None:
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
        """Close the files and give the lock back; a journal without a line is none."""
        for name, file in (("_journal", self.layout.journal), ("_timings", self.layout.timings)):
            if hasattr(self, name):
                with suppress(OSError):
                    if os.fstat(getattr(self, name)).st_size == 0:
                        (self.folder / file).unlink()
                os.close(getattr(self, name))
                delattr(self, name)
        if self._new:
            with suppress(OSError):  # it holds something
                self.folder.rmdir()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open(path: Path) -> int:
    return open_regular(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)


def _append_to(path: Path, lines: Iterable[bytes]) -> None:
    file = _open(path)
    try:
        for line in lines:
            os.write(file, line if line.endswith(b"\n") else line + b"\n")
        os.fsync(file)
    finally:
        os.close(file)


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


def _cut(file: int) -> None:
    """Cut off a last line that a crash left incomplete."""
    with os.fdopen(os.dup(file), "rb") as copy:
        copy.seek(0)
        keep = sum(len(line.data) for line in lines_of(copy) if not line.torn)
    if keep < os.fstat(file).st_size:
        os.ftruncate(file, keep)


def _unwritable(folder: Path, error: OSError, more: str = "") -> HarnessError:
    return HarnessError(f"Results cannot be written to {folder}: {error.strerror or error}{more}.")
