"""A leaderboard as Markdown, with where every figure comes from. The same journals give the same bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from harness.text import plain
from leaderboard.board import Board, Failure, Ranking
from leaderboard.read.provenance_lines import PLUGIN_COLUMNS, plugin_lines, setting_lines
from leaderboard.render.cell_text import in_percent
from leaderboard.render.columns import headings, slice_cells, slice_header, wide_columns
from leaderboard.render.legend import CAUTIONS, legend, means_and_intervals
from leaderboard.statistics.slices import TITLES

FAILURES_SHOWN, SLICES_SHOWN = 10, 24
# A backslash before ://, www. or @ keeps bare addresses from becoming links.
_SPECIAL = re.compile(r"([\\`*_\[\]|~$@]|:(?=//)|(?<=www)\.)", re.IGNORECASE)


def escape(text: str) -> str:
    """Text that Markdown shows as it is: no markup, no HTML, no link, no line break, no end of a cell."""
    text = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", text)


def render(board: Board) -> str:
    """The whole board."""
    return "\n".join(_lines(board)) + "\n"


def _lines(board: Board) -> Iterator[str]:
    yield from ("# Leaderboard", "")
    shown = in_percent(board.measures, board.measures.facts)
    yield f"Does an attribution method point at the evidence that the model used? Figures are {escape(shown)}."
    for note in board.notes:
        yield from ("", escape(note))
    for ranking in board.rankings:
        yield from ("", f"## {escape(ranking.name)}", "", f"{escape(ranking.extent)}.", "")
        columns = wide_columns(ranking)
        header, text = [column.heading for column in columns], [column.name for column in columns]
        yield from _table(header, [[column.cell(score) for column in columns] for score in ranking.scores], text)
        yield from _slices(ranking)
    yield from ("", "## How to read it", "", escape(means_and_intervals(board)), "")
    for term, meaning in legend(board):
        yield f"- **{escape(term)}**: {escape(meaning)}"
    yield from ("", "What the figures do not say:", "")
    yield from (f"- {caution}" for caution in CAUTIONS)
    if board.failures:
        yield from ("", "## Failures", "", f"Each counts as {board.worst}.", "")
        yield from _failures(board.failures)
    yield from ("", "## Provenance")
    for number, run in enumerate(board.runs, 1):
        if len(board.runs) > 1:
            yield from ("", f"### Run {number}")
        yield ""
        yield from _table(["Setting", "Value"], setting_lines(run), [True, True])
        yield ""
        yield from _table(PLUGIN_COLUMNS, plugin_lines(run.header), [True] * len(PLUGIN_COLUMNS))


def _slices(ranking: Ranking) -> Iterator[str]:
    """The metric that ranks by everything that has more than one part; of many parts, those with the most records."""
    title = headings(ranking.measures)[ranking.measures.ranked_by]
    for by, of_what in TITLES.items():
        parts = ranking.slices.get(by, [])
        if len(parts) < 2:
            continue
        shown = sorted(parts, key=lambda part: -part.records)[:SLICES_SHOWN]
        yield from ("", f"### {escape(ranking.name)}: {escape(title)} by {of_what}", "")
        header = slice_header(ranking, by)
        rows = [slice_cells(ranking, part) for part in parts if part in shown]
        yield from _table(header, rows, [place == 0 for place in range(len(header))])
        if len(shown) < len(parts):
            yield from ("", f"Others, with fewer records, in the CSV and JSON: {len(parts) - len(shown)}.")


def _failures(failures: Sequence[Failure]) -> Iterator[str]:
    rows = [[", ".join(f.attributors), f.error, str(f.count)] for f in failures[:FAILURES_SHOWN]]
    yield from _table(["Attributor", "Why", "Results"], rows, [True, True, False])
    rest = failures[FAILURES_SHOWN:]
    if rest:
        yield from (
            "",
            f"Further reasons, in the journal: {len(rest)} ({sum(f.count for f in rest)} results).",
        )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], text: Sequence[bool]) -> Iterator[str]:
    """A pipe table; columns of text stand to the left."""
    yield f"| {' | '.join(map(escape, header))} |"
    yield f"| {' | '.join('---' if left else '---:' for left in text)} |"
    for row in rows:
        yield f"| {' | '.join(map(escape, row))} |"
