"""A leaderboard as Markdown, with where every figure comes from. The same journals give the same bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from leaderboard.board import Board, Failure, Table
from leaderboard.read.provenance import plugins, settings
from leaderboard.render.cell_text import paper_header, paper_row, plain, slice_header, slice_row
from leaderboard.render.legend import CAUTIONS, explained
from leaderboard.statistics.slices import TITLES

FAILURES_SHOWN, SLICES_SHOWN = 10, 24
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
        yield from _breakdowns(table)
    yield from ("", "## How to read it", "")
    for names, meaning in explained(used):
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
        yield from _table(["Setting", "Value"], settings(run), left=2)
        yield ""
        columns = ["Kind", "Plugin", "Distribution", "Module", "Options"]
        yield from _table(columns, plugins(run.header), left=5)


def _breakdowns(table: Table) -> Iterator[str]:
    """IoU by everything that has more than one part; of many parts, those with the most records."""
    for by, title in TITLES.items():
        parts = table.breakdowns.get(by, [])
        if len(parts) < 2:
            continue
        shown = sorted(parts, key=lambda part: -part.records)[:SLICES_SHOWN]
        yield from ("", f"### {escape(table.name)}: IoU by {title}", "")
        rows = [slice_row(table, part) for part in parts if part in shown]
        yield from _table(slice_header(table, by), rows, left=1)
        if len(shown) < len(parts):
            yield from ("", f"Others, with fewer records, in the CSV and JSON: {len(parts) - len(shown)}.")


def _failures(failures: Sequence[Failure]) -> Iterator[str]:
    rows = [[", ".join(f.attributors), f.error, str(f.count)] for f in failures[:FAILURES_SHOWN]]
    yield from _table(["Attributor", "Why", "Results"], rows, left=2)
    rest = failures[FAILURES_SHOWN:]
    if rest:
        yield from (
            "",
            f"Further reasons, in the journal: {len(rest)} ({sum(f.count for f in rest)} results).",
        )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 0) -> Iterator[str]:
    """A pipe table; the first ``left`` columns are text, and the one that holds the attributor's name."""
    yield f"| {' | '.join(map(escape, header))} |"
    sides = ("---" if place < left or name == "Attributor" else "---:" for place, name in enumerate(header))
    yield f"| {' | '.join(sides)} |"
    for row in rows:
        yield f"| {' | '.join(map(escape, row))} |"
