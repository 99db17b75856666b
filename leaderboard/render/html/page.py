"""A leaderboard as one HTML page that asks for nothing else: no network, no file beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.markup import Markup, el, join, page
from harness.registry import Registry
from leaderboard.board import Board, Ranking
from leaderboard.read.provenance_lines import PLUGIN_COLUMNS, plugin_lines, setting_lines
from leaderboard.render.cell_text import in_percent
from leaderboard.render.columns import Column, headings, wide_columns
from leaderboard.render.html.gallery import render_gallery
from leaderboard.render.html.gallery_reader import read_gallery
from leaderboard.render.html.plots import costs, heatmap, whiskers
from leaderboard.render.legend import CAUTIONS, legend, means_and_intervals
from leaderboard.statistics.ranking import Score
from leaderboard.statistics.slices import TITLES

SLICES_SHOWN = 40
PRIVATE = (
    "This page shows images of a source that is not declared free to share. It is for those who may see them: "
    "do not publish it."
)


def render(board: Board, private: bool = False, registry: Registry | None = None) -> str:
    """The page. ``private``: with pictures of sources that are not declared free to share, and a warning.
    ``registry``: where the sources say so; None for what is installed."""
    shown, withheld = read_gallery(board, private, registry)
    sections: list[tuple[str, str]] = [(ranking.mode, ranking.name) for ranking in board.rankings]
    sections += [("gallery", "Gallery")] if shown or withheld else []
    sections += [("reading", "How to read it"), ("provenance", "Provenance")]
    links = [el("li", el("a", name, href=f"#{place}")) for place, name in sections]
    notes = [*([PRIVATE] if private and shown else []), *board.notes]
    percent = in_percent(board.measures, board.measures.facts)
    top = el(
        "header",
        el("h1", "Leaderboard"),
        el("p", f"Does an attribution method point at the evidence that the model used? Figures are {percent}."),
        *(el("p", note, class_="note") for note in notes),
        el("nav", el("ul", *links), aria_label="Sections"),
    )
    main = el(
        "main",
        *map(_mode, board.rankings),
        _gallery(render_gallery(shown, board.measures) if shown else None, withheld) if shown or withheld else None,
        _reading(board),
        _provenance(board),
    )
    footer = el("footer", "Written by harness leaderboard.")
    style, script = (_file(name) for name in ("page.css", "page.js"))
    return page("Leaderboard of visual attribution methods", style, top, main, footer, script=script)


def _file(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _mode(ranking: Ranking) -> Markup:
    extent = f"{ranking.extent}, about {ranking.images} {'image' if ranking.images == 1 else 'images'}."
    plots = el("div", whiskers(ranking), costs(ranking), class_="plots")
    head = el("h2", ranking.name, id=ranking.mode)
    return el("section", head, el("p", extent), _ranking(ranking), plots, *_slices(ranking))


def _slices(ranking: Ranking) -> Iterator[Markup]:
    title = headings(ranking.measures)[ranking.measures.ranked_by]
    for by, of_what in TITLES.items():
        parts = ranking.slices.get(by, [])
        if len(parts) < 2:
            continue
        shown = sorted(parts, key=lambda part: -part.records)[:SLICES_SHOWN]
        rest = len(parts) - len(shown)
        more = f"; {rest} with fewer records are in the CSV and JSON" if rest else ""
        caption = f"{ranking.name}: {title} by {of_what}{more}"
        yield heatmap(ranking, [part for part in parts if part in shown], caption, by)


def _ranking(ranking: Ranking) -> Markup:
    number, name, *rest = wide_columns(ranking)
    # The name first: it stays in sight where the rest scrolls.
    columns = [name, number, *rest]
    rows = []
    for score in ranking.scores:
        line = [
            el(
                "th" if column is name else "td",
                column.cell(score),
                scope="row" if column is name else None,
                data_value=_value(column, score),
            )
            for column in columns
        ]
        rows.append(el("tr", *line, class_="first" if score.rank == 1 else None))
    label = f"{ranking.name}: ranking; its headings sort it"
    head = el("thead", el("tr", *(_heading(column, column is number) for column in columns)))
    inner = el("table", head, el("tbody", *rows), class_="ranking")
    return join(
        el("div", inner, class_="scroll", tabindex=0, role="region", aria_label=label),
        el("p", role="status", class_="muted"),
    )


def _heading(column: Column, sorts: bool) -> Markup:
    """A heading that sorts the table. ``sorts``: whether the table is sorted by it at first."""
    return el(
        "th",
        el("button", column.heading, type="button"),
        scope="col",
        class_="text" if column.name else None,
        data_first="ascending" if column.less_is_better else "descending",
        data_kind="text" if column.name else "number",
        aria_sort="ascending" if sorts else None,
    )


def _value(column: Column, score: Score) -> str:
    """What a cell is sorted by; empty for nothing."""
    value = column.value(score)
    return "" if value is None else value if isinstance(value, str) else f"{value:.9g}"


def _gallery(records: Markup | None, withheld: list[str]) -> Markup:
    note = None
    if withheld:
        note = el("p", f"Not shown, because their images are not declared free to share: {', '.join(withheld)}.")
    return el("section", el("h2", "Gallery", id="gallery"), note, records)


def _reading(board: Board) -> Markup:
    terms = []
    for term, meaning in legend(board):
        terms += [el("dt", term), el("dd", meaning)]
    cautions = [el("li", caution) for caution in CAUTIONS]
    return el(
        "section", el("h2", "How to read it", id="reading"), el("p", means_and_intervals(board)), el("dl", *terms),
        el("h3", "What the figures do not say"), el("ul", *cautions),
    )  # fmt: skip


def _provenance(board: Board) -> Markup:
    parts: list[Markup] = []
    if board.failures:
        rows = [[", ".join(f.attributors), f.error, str(f.count)] for f in board.failures]
        failures = _facts(["Attributor", "Why", "Results"], rows)
        parts += [el("h3", "Failures"), el("p", f"Each counts as {board.worst}."), failures]
    for number, run in enumerate(board.runs, 1):
        if len(board.runs) > 1:
            parts.append(el("h3", f"Run {number}"))
        parts.append(_facts(["Setting", "Value"], setting_lines(run)))
        parts.append(_facts(PLUGIN_COLUMNS, plugin_lines(run.header)))
    return el("section", el("h2", "Provenance", id="provenance"), *parts)


def _facts(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    head = el("thead", el("tr", *(el("th", name, scope="col") for name in header)))
    lines = [el("tr", el("th", row[0], scope="row"), *(el("td", cell) for cell in row[1:])) for row in rows]
    table = el("table", head, el("tbody", *lines), class_="facts")
    return el("div", table, class_="scroll", tabindex=0, role="region", aria_label=header[0])
