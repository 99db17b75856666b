"""A leaderboard on the console."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.text import beside, plain, say
from leaderboard.board import Board, Ranking
from leaderboard.render.cell_text import in_percent
from leaderboard.render.columns import (
    FAILED,
    FALLBACK,
    GAIN,
    PASSES,
    RECORDS,
    Column,
    console_columns,
    has_intervals,
    headings,
    metrics_with_figures,
    model_columns,
)
from leaderboard.statistics.ranking import Score

_FAILURES_SHOWN = 5
_NARROW = 100
_FOLDED = 20  # characters of a method's name that must fit in one line
_WIDE_METRICS = 4  # with fewer, short headings and folded names are the better way to make room
_SPARE = (PASSES.heading, FALLBACK.heading, GAIN, FAILED.heading)  # columns that go before the interval does
_LONG = 8  # letters of a heading's word that short lines have room for


def show(board: Board, console: Console) -> None:
    """Print every ranking, then what a reader must know: where no results are shown, if there is such a place."""
    left_out: dict[str, None] = {}
    for ranking in board.rankings:
        names, columns = _fitting(ranking, console)
        every = console_columns(ranking, metrics_with_figures(ranking), has_intervals(ranking))
        shown = {column.heading for column in columns}
        left_out |= dict.fromkeys(column.heading for column in every if column.heading not in shown)
        title = f"{ranking.name}: {ranking.extent}, {in_percent(ranking.measures, names)}"
        _print(console, title, columns, ranking.scores)
        if len(ranking.models) > 1:
            _print(console, title_by_model(ranking), model_columns(ranking), ranking.scores)
    notes = beside(console)
    if left_out:
        which = ", ".join(left_out)
        say(notes, f"No room here for {which}: --output FILE.md, .csv, .json or .html has all.", wrap=True)
    for note in board.notes:
        say(notes, note, wrap=True)
    for failure in board.failures[:_FAILURES_SHOWN]:
        say(notes, f"  {failure.count} x {', '.join(failure.attributors)}: {failure.error}", "red", wrap=True)
    if len(board.failures) > _FAILURES_SHOWN:
        say(notes, f"  and {len(board.failures) - _FAILURES_SHOWN} more reasons, in the journal")


def title_by_model(ranking: Ranking) -> str:
    """The title of the table by model."""
    measures = ranking.measures
    in_what = f", {in_percent(measures, [])}" if measures.ranking.percent else ""
    return f"{ranking.name}: {headings(measures)[measures.ranked_by]} by model{in_what}"


def _fitting(ranking: Ranking, console: Console) -> tuple[list[str], list[Column]]:
    """The metrics that the main table shows, and its columns: as many as lines have room for.

    A mean without its interval says little, so that all else goes first: of the metrics what is widest, as then the
    most stay, but for the one that ranks; then what else is known of a method.
    """
    fitting: tuple[list[str], list[Column]] = [], []
    for names, columns, fixed in _choices(ranking, console.width >= _NARROW):
        fitting = names, columns
        table = _table(console, columns, ranking.scores, fixed)
        # How wide it would like to be, which the console's own width would hide.
        if console.measure(table, options=console.options.update(width=10_000)).maximum <= console.width:
            break
    return fitting


def _choices(ranking: Ranking, wide: bool) -> Iterator[tuple[list[str], list[Column], int | None]]:
    """Metrics, columns, and how wide methods' names may be at most: less and less, the last in any case."""
    most = list(_fewer_and_fewer(ranking))
    for interval in (True, False) if has_intervals(ranking) else (False,):
        for names in most if wide else []:
            if len(names) >= min(_WIDE_METRICS, len(most[0])):
                yield names, console_columns(ranking, names, interval), None
        for names in most:
            columns = console_columns(ranking, names, interval)
            yield names, columns, _FOLDED
        for spare in _SPARE:
            columns = [column for column in columns if column.heading != spare]
            yield names, columns, _FOLDED


def _fewer_and_fewer(ranking: Ranking) -> Iterator[list[str]]:
    """All metrics, then one less each time."""
    names = metrics_with_figures(ranking)
    titles = headings(ranking.measures)
    yield list(names)
    while len(names) > 1:
        widths = [max(map(len, _brief(titles[name]).split())) for name in names[1:]]
        widest = max(range(len(widths)), key=lambda place: (widths[place], place))
        del names[1 + widest]
        yield list(names)


def _brief(heading: str) -> str:
    """A heading where lines are short."""
    if heading == RECORDS.heading:
        return "n"
    return " ".join(word if len(word) <= _LONG else f"{word[:4]}." for word in heading.split())


def _print(console: Console, title: str, columns: Sequence[Column], scores: Sequence[Score]) -> None:
    fixed = None
    if any(column.may_fold and not column.name for column in columns):
        # Beside many models the attributor's name stays readable, and theirs are folded.
        fixed = _FOLDED if console.width < _NARROW else _FOLDED + 10
    console.print(Text(plain(title), style="bold"))
    console.print()
    console.print(_table(console, columns, scores, fixed))
    console.print()


def _table(console: Console, columns: Sequence[Column], scores: Sequence[Score], fixed: int | None) -> Table:
    """The table. ``fixed``: how wide the methods' names may be at most; None for as wide as they are."""
    # Where lines are short, one space must do between columns.
    gap = 0 if console.width < _NARROW else 1
    table = Table(box=box.SIMPLE_HEAD, padding=(0, gap, 0, 0), show_edge=False)
    for column in columns:
        heading = column.heading if gap or column.may_fold else _brief(column.heading)
        width = None
        if column.name and fixed is not None:
            width = min(fixed, max(len(cell) for cell in (heading, *map(column.cell, scores))))
        table.add_column(
            Text(heading.replace(" ", "\n"), justify="left" if column.name else "right"),
            justify="left" if column.name else "right",
            overflow="fold",
            no_wrap=not column.may_fold,
            width=width,
        )
    for score in scores:
        cells = (Text(column.cell(score)) for column in columns)
        table.add_row(*cells, style="bold" if score.rank == 1 else "")
    return table
