"""A leaderboard in a script or a notebook: the console's tables, as text and as HTML."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from leaderboard.board import Board
from leaderboard.publish import write
from leaderboard.render.cell_text import main_header, main_row, model_header, model_row
from leaderboard.render.console import show
from leaderboard.render.html.markup import Markup, el

WIDTH = 100


@dataclass(frozen=True, repr=False)
class View:
    """A board that shows itself. ``board`` has the figures: ``view.board.tables[0].scores[0].iou``."""

    board: Board

    def save(self, path: str | Path) -> None:
        """Write it to a .md, .csv, .json or .html file, in full. Raises ``HarnessError`` where that fails."""
        write(self.board, Path(path))

    def __repr__(self) -> str:
        text = io.StringIO()
        show(self.board, Console(file=text, width=WIDTH, force_jupyter=False, color_system=None))
        return "\n".join(line.rstrip() for line in text.getvalue().splitlines())

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        parts: list[Markup] = []
        for table in self.board.tables:
            header = main_header(table, wide=True)
            rows = [main_row(table, score, wide=True) for score in table.scores]
            parts.append(_table(f"{table.name}: {table.extent}, in percent", header, rows))
            if len(table.models) > 1:
                rows = [model_row(table, score) for score in table.scores]
                parts.append(_table(f"{table.name}: IoU by model, in percent", model_header(table), rows))
        return el("div", *parts, *(el("p", note) for note in self.board.notes))


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    head = el("thead", el("tr", *(_cell("th", place, name) for place, name in enumerate(header))))
    body = el("tbody", *(el("tr", *(_cell("td", place, cell) for place, cell in enumerate(row))) for row in rows))
    caption = el("caption", title, style="caption-side: top; text-align: left; font-weight: bold")
    return el("table", caption, head, body)


def _cell(kind: str, place: int, text: str) -> Markup:
    """A cell; all but the attributor's name stand to the right."""
    return el(kind, text, style=f"text-align: {'left' if place == 1 else 'right'}")
