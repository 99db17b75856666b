"""A leaderboard in a script or a notebook: the console's tables, as text and as HTML."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from harness.markup import Markup, el
from leaderboard.board import Board, board_of
from leaderboard.publish import write
from leaderboard.render.cell_text import in_percent
from leaderboard.render.columns import Column, console_columns, has_intervals, metrics_with_figures, model_columns
from leaderboard.render.console import show, title_by_model
from leaderboard.statistics.ranking import Score

WIDTH = 100


@dataclass(frozen=True, repr=False)
class BoardView:
    """A leaderboard that shows itself: by ``print``, and in a notebook.

    Attributes
    ----------
    board
        All that it shows: ``view.board.rankings[0].scores[0].means["iou"]``.
    """

    board: Board

    def rank_by(self, metric: str) -> BoardView:
        """The same leaderboard, ranked by another metric.

        Parameters
        ----------
        metric
            The label of one that was measured.

        Returns
        -------
        BoardView
            A new one; this one stays as it is.

        Raises
        ------
        HarnessError
            Where none of the runs measured it.
        """
        return BoardView(board_of(self.board.table, self.board.runs, metric))

    def save(self, path: str | Path) -> None:
        """Write it to a file, in full.

        Parameters
        ----------
        path
            Ends in .md, .csv, .json or .html, which says in what form.

        Raises
        ------
        HarnessError
            For another suffix, and where the file cannot be written.
        """
        write(self.board, Path(path))

    def __repr__(self) -> str:
        text = io.StringIO()
        show(self.board, Console(file=text, width=WIDTH, force_jupyter=False, color_system=None))
        return "\n".join(line.rstrip() for line in text.getvalue().splitlines())

    def _repr_html_(self) -> str:
        """What a notebook shows: every metric, as a page has room."""
        parts: list[Markup] = []
        for ranking in self.board.rankings:
            names = metrics_with_figures(ranking)
            title = f"{ranking.name}: {ranking.extent}, {in_percent(ranking.measures, names)}"
            parts.append(_table(title, console_columns(ranking, names, has_intervals(ranking)), ranking.scores))
            if len(ranking.models) > 1:
                parts.append(_table(title_by_model(ranking), model_columns(ranking), ranking.scores))
        return el("div", *parts, *(el("p", note) for note in self.board.notes))


def _table(title: str, columns: Sequence[Column], scores: Sequence[Score]) -> Markup:
    head = el("thead", el("tr", *(_cell("th", column, column.heading) for column in columns)))
    lines = [el("tr", *(_cell("td", column, column.cell(score)) for column in columns)) for score in scores]
    caption = el("caption", title, style="caption-side: top; text-align: left; font-weight: bold")
    return el("table", caption, head, el("tbody", *lines))


def _cell(kind: str, column: Column, text: str) -> Markup:
    """A cell; all but text stands to the right."""
    return el(kind, text, style=f"text-align: {'left' if column.name else 'right'}")
