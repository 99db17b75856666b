"""Figures that ``harness rescore`` added to a run: a file for each metric, beside the journal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from harness.errors import HarnessError
from harness.files import read_regular, write_whole
from harness.run.header import MetricFacts
from harness.run.line import JournalLine
from harness.run.measure import Measured
from harness.run.results import Results, read_results
from harness.run.row import KEY, Number, ResultKey, Row

RESCORED = "rescored-*.jsonl"
_LARGEST = 1 << 30  # bytes of a file that is still read


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


def read_measured(folder: Path) -> Results:
    """The header and rows of a folder, with the figures that were added since, as if the run had measured them.

    Raises ``HarnessError`` as :func:`harness.run.results.read_results` does, and where added figures are none, or of
    another state of the journal.
    """
    results = read_results(folder)
    added = [_read_rescored(found, results.digest) for found in sorted(folder.glob(RESCORED))]
    header, rows = results.header, results.rows
    for head, figures in added:
        header = header.model_copy(update={"metrics": {**header.metrics, head.metric: head.about}})
        rows = [_with_figure(row, head.metric, figures) for row in rows]
    return replace(results, header=header, rows=rows, rescored=tuple(head.metric for head, _ in added))


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


def _with_figure(row: Row, metric: str, figures: dict[ResultKey, _Figure]) -> Row:
    found = figures.get(row.key)
    if found is None:
        return row
    if found.unmeasured is not None:
        return row.model_copy(update={"unmeasured": {**row.unmeasured, metric: found.unmeasured}})
    return row.model_copy(update={"metrics": {**row.metrics, metric: found.figure}})


def _read_rescored(path: Path, digest: str) -> tuple[_Rescored, dict[ResultKey, _Figure]]:
    try:
        lines = [json.loads(line) for line in read_regular(path, _LARGEST).splitlines()]
        head, figures = _Rescored.read(lines[0]), [_Figure.read(line) for line in lines[1:]]
    except OSError as error:
        raise HarnessError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, IndexError, RecursionError) as error:
        again = "remove it and run `harness rescore`"
        raise HarnessError(f"{path} holds no figures of a metric ({error}); {again}.") from error
    if head.journal_sha256 != digest:
        raise HarnessError(
            f"{path} was measured from another state of the journal; run `harness rescore {path.parent} --metric "
            f"{head.metric}` again, or remove it."
        )
    return head, {ResultKey(*figure.key): figure for figure in figures}  # type: ignore[arg-type]
