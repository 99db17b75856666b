"""A leaderboard as Markdown, with where every figure comes from. The same journals give the same bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from leaderboard.cells import paper_header, paper_row, plain
from leaderboard.merge import Run
from leaderboard.notes import CAUTIONS, COLUMNS, OPTIONAL
from leaderboard.tables import Board, Failure

NONE = "none"
FAILURES_SHOWN = 10
# A backslash before ://, www. or @ keeps bare addresses from becoming links.
_SPECIAL = re.compile(r"([\\`*_\[\]|~$@]|:(?=//)|(?<=www)\.)", re.IGNORECASE)


def escape(text: str) -> str:
    """Text that Markdown shows as it is: no markup, no HTML, no link, no line break, no end of a cell."""
    text = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", text)


def render(board: Board) -> str:
    """The whole document."""
    return "\n".join(_lines(board)) + "\n"


def _lines(board: Board) -> Iterator[str]:
    yield from ("# Leaderboard", "")
    yield "Does an attribution method point at the evidence that the model used? Figures are in percent."
    for note in board.notes:
        yield from ("", escape(note))
    used: set[str] = set()
    for table in board.tables:
        header = paper_header(table)
        used.update(header)
        yield from ("", f"## {escape(table.name)}", "", f"{escape(table.extent)}.", "")
        yield from _table(header, [paper_row(table, score) for score in table.scores])
    yield from ("", "## How to read it", "")
    for names, meaning in COLUMNS:
        if names not in OPTIONAL or names in used:
            yield f"- **{escape(names)}**: {meaning}"
    yield from ("", "What the figures do not say:", "")
    yield from (f"- {caution}" for caution in CAUTIONS)
    if board.failures:
        yield from ("", "## Failures", "", "Each counts as zero.", "")
        yield from _failures(board.failures)
    yield from ("", "## Provenance")
    for number, run in enumerate(board.runs, 1):
        if len(board.runs) > 1:
            yield from ("", f"### Run {number}")
        yield ""
        yield from _table(["Setting", "Value"], _settings(run), left=2)
        yield ""
        columns = ["Kind", "Plugin", "Distribution", "Module", "Options"]
        yield from _table(columns, _plugins(run.header), left=5)


def _failures(failures: Sequence[Failure]) -> Iterator[str]:
    rows = [[", ".join(f.attributors), f.error, str(f.count)] for f in failures[:FAILURES_SHOWN]]
    yield from _table(["Attributor", "Why", "Results"], rows, left=2)
    rest = failures[FAILURES_SHOWN:]
    if rest:
        yield from (
            "",
            f"Further reasons, in the journal: {len(rest)} ({sum(f.count for f in rest)} results).",
        )


def _settings(run: Run) -> list[list[str]]:
    header = run.header
    rows = [
        [name, NONE if header.get(name) is None else str(header[name])]
        for name in ("harness", "python", "numpy", "torch", "transformers", "device", "seed", "limit")
    ]
    for mode, bench in header["bench"].items():
        counts = ", ".join(f"{model} {count}" for model, count in header["planned"][mode].items())
        rows.append([f"{mode} records", f"{counts} (of {bench['records']}; SHA-256 {bench['sha256']})"])
    rows.append(["samples", f"SHA-256 {header['samples']}"])
    complete = "complete" if run.finished == run.planned else "not finished"
    return [*rows, ["results", f"{run.finished} of {run.planned} ({complete})"]]


def _plugins(header: dict[str, Any]) -> list[list[str]]:
    return [
        [
            kind,
            name,
            f"{about['distribution']} {about['version']}".strip(),
            about["module"],
            ", ".join(f"{field}={_option(value)}" for field, value in about["options"].items()) or NONE,
        ]
        for kind, plugins in header["plugins"].items()
        for name, about in plugins.items()
    ]


def _option(value: Any) -> str:
    return value if isinstance(value, str) else NONE if value is None else json.dumps(value)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 0) -> Iterator[str]:
    """A pipe table; the first ``left`` columns are text, and the one that holds the attributor's name."""
    yield f"| {' | '.join(map(escape, header))} |"
    sides = ("---" if place < left or name == "Attributor" else "---:" for place, name in enumerate(header))
    yield f"| {' | '.join(sides)} |"
    for row in rows:
        yield f"| {' | '.join(map(escape, row))} |"
