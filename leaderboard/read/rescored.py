"""Figures that ``harness rescore`` added to a run: a file for each metric, beside the journal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from harness.errors import HarnessError
from harness.files import write_whole
from harness.run.header import MetricFacts
from harness.run.line import JournalLine
from harness.run.measure import Measured
from harness.run.results import Results, RowReader
from harness.run.row import KEY, Number, Row
from leaderboard.read.plain_lines import plain_lines

RESCORED = "rescored-*.jsonl"
_LARGEST = 4 << 30  # bytes of a file that is still read


class _Rescored(JournalLine):
    """The first line of a file of added figures."""

    format: Literal[1]
    metric: str
    about: MetricFacts
    journal_sha256: Annotated[str, Field(max_length=64)]


class _Figure(JournalLine):
    """Every other line: one result's figure, or why there is none."""

    key: Annotated[list[str | int], Field(min_length=len(KEY), max_length=len(KEY))]
    figure: Number | None = None
    unmeasured: str | None = None


class MeasuredReader:
    """As :class:`harness.run.results.RowReader`, with the figures that were added since, as if the run had measured
    them. ``rescored``: these metrics.

    Raises ``HarnessError`` as that does, and where added figures are none, or of another state of the journal.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._reader = RowReader(folder)
        self._added = [_Added(path) for path in sorted(folder.glob(RESCORED))]
        self.rescored = tuple(one.head.metric for one in self._added)
        more = {one.head.metric: one.head.about for one in self._added}
        header, self.begins = self._reader.header, self._reader.begins
        self.header = header.model_copy(update={"metrics": {**header.metrics, **more}}) if more else header

    def __iter__(self) -> Iterator[tuple[Row, bytes]]:
        for row, data in self._reader:
            for added in self._added:
                row = added.put(row)
            yield row, data
        for added in self._added:
            added.finish(self.digest)

    @property
    def digest(self) -> str:
        """SHA-256 of the journal, once all rows were gone through."""
        return self._reader.digest


def read_measured(folder: Path) -> Results:
    """All that :class:`MeasuredReader` reads."""
    reader = MeasuredReader(folder)
    rows = [row for row, _ in reader]
    return Results(folder, reader.header, rows, reader.digest, reader.rescored)


class _Added:
    """A file of added figures, read beside the journal: its lines are in the order of the rows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = self._read()
        head = next(self._lines, None)
        try:
            self.head = _Rescored.read(head)
        except ValueError as error:
            raise self._none(error) from error
        self._next = self._figure()

    def put(self, row: Row) -> Row:
        """A row with its figure, where there is one."""
        found = self._next
        if found is None or tuple(found.key) != row.key:
            return row
        self._next = self._figure()
        name = self.head.metric
        if found.unmeasured is not None:
            return row.model_copy(update={"unmeasured": {**row.unmeasured, name: found.unmeasured}})
        return row.model_copy(update={"metrics": {**row.metrics, name: found.figure}})

    def finish(self, digest: str) -> None:
        """After the last row: raise ``HarnessError`` where these are the figures of other rows."""
        left = self._next
        while self._next is not None:
            self._next = self._figure()
        if left is not None or self.head.journal_sha256 != digest:
            raise HarnessError(
                f"{self._path} was measured from another state of the journal; run `harness rescore "
                f"{self._path.parent} --metric {self.head.metric}` again, or remove it."
            )

    def _figure(self) -> _Figure | None:
        line = next(self._lines, None)
        try:
            return None if line is None else _Figure.read(line)
        except ValueError as error:
            raise self._none(error) from error

    def _read(self) -> Iterator[Any]:
        try:
            for line in plain_lines(self._path, _LARGEST):
                yield json.loads(line)
        except OSError as error:
            raise HarnessError(f"{self._path} cannot be read: {error.strerror or error}.") from error
        except (ValueError, RecursionError) as error:
            raise self._none(error) from error

    def _none(self, error: Exception) -> HarnessError:
        return HarnessError(
            f"{self._path} holds no figures of a metric ({error}); remove it and run `harness rescore`."
        )


def write_rescored(results: Results, metric: str, about: MetricFacts, measured: Iterable[tuple[Row, Measured]]) -> Path:
    """Add a metric's figures to a folder. Returns the file. Raises ``HarnessError`` where it cannot be written."""
    head = _Rescored(format=1, metric=metric, about=about, journal_sha256=results.digest)
    lines = [head.model_dump(mode="json")]
    for row, found in measured:
        if metric in found.metrics:
            lines.append({"key": list(row.key), "figure": found.metrics[metric]})
        elif metric in found.unmeasured:
            lines.append({"key": list(row.key), "unmeasured": found.unmeasured[metric]})
    path = results.folder / RESCORED.replace("*", metric)
    try:
        write_whole(path, "".join(json.dumps(line) + "\n" for line in lines).encode("ascii"))
    except OSError as error:
        raise HarnessError(f"The figures cannot be written to {path}: {error.strerror or error}.") from error
    return path
