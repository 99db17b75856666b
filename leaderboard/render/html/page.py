"""A leaderboard as one HTML page that asks for nothing else: no network, no file beside it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from leaderboard.board import Board, Table
from leaderboard.read.provenance import plugins, settings
from leaderboard.render.cell_text import MORE, paper_header, paper_row, plain
from leaderboard.render.html.gallery import gallery
from leaderboard.render.html.gallery_reader import exhibits
from leaderboard.render.html.markup import Markup, el, join
from leaderboard.render.html.plots import costs, findings, whiskers
from leaderboard.render.legend import CAUTIONS, explained
from leaderboard.statistics.ranking import Score
from leaderboard.statistics.slices import TITLES

SLICES_SHOWN = 40
# Columns of which less is better; of the others more is, but for the name.
_LESS = ("#", "Deletion", "Whole image", "Failed", "N/A", "Passes", "Seconds", "GPU GB", "p")
_FIELDS = {
    "#": "rank", "p": "p", "Precision": "precision", "Recall": "recall", "F1": "f1", **MORE,
    "Concept right": "concept", "Whole image": "fallback", "Records": "records", "Failed": "failed",
    "N/A": "not_applicable", "Seconds": "seconds", "GPU GB": "gpu_bytes",
}  # fmt: skip
PRIVATE = (
    "This page shows images of a source that is not declared free to share. It is for those who may see them: "
    "do not publish it."
)


def render(board: Board, private: bool = False) -> str:
    """The page. ``private``: with pictures of sources that are not declared free to share, and a warning."""
    style, script = (_file(name) for name in ("page.css", "page.js"))
    shown, withheld = exhibits(board, private)
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", "Leaderboard of visual attribution methods"),
        el("style", style),
    )
    sections = [(table.mode, table.name) for table in board.tables]
    sections += [("gallery", "Gallery")] if shown or withheld else []
    sections += [("reading", "How to read it"), ("provenance", "Provenance")]
    links = [el("li", el("a", name, href=f"#{place}")) for place, name in sections]
    notes = [*([PRIVATE] if private and shown else []), *board.notes]
    top = el(
        "header",
        el("h1", "Leaderboard"),
        el("p", "Does an attribution method point at the evidence that the model used? Figures are in percent."),
        *(el("p", note, class_="note") for note in notes),
        el("nav", el("ul", *links), aria_label="Sections"),
    )
    main = el(
        "main",
        *map(_mode, board.tables),
        _gallery(gallery(shown) if shown else None, withheld) if shown or withheld else None,
        _reading(board),
        _provenance(board),
    )
    body = el("body", top, main, el("footer", "Written by harness leaderboard."), el("script", script))
    return f"<!DOCTYPE html>\n{el('html', head, body, lang='en')}\n"


def _file(name: str) -> Markup:
    """A file of this package: ours, not to be escaped."""
    return Markup((Path(__file__).parent / name).read_text(encoding="utf-8"))


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode("ascii")


def _mode(table: Table) -> Markup:
    extent = f"{table.extent}, about {table.images} {'image' if table.images == 1 else 'images'}."
    plots = el("div", whiskers(table), costs(table), class_="plots")
    return el("section", el("h2", table.name, id=table.mode), el("p", extent), _ranking(table), plots, *_parts(table))


def _parts(table: Table) -> Iterator[Markup]:
    for by, title in TITLES.items():
        parts = table.breakdowns.get(by, [])
        if len(parts) < 2:
            continue
        shown = sorted(parts, key=lambda part: -part.records)[:SLICES_SHOWN]
        rest = len(parts) - len(shown)
        more = f"; {rest} with fewer records are in the CSV and JSON" if rest else ""
        yield findings(table, [part for part in parts if part in shown], f"{table.name}: IoU by {title}{more}", by)


def _ranking(table: Table) -> Markup:
    header = paper_header(table)
    # The name first: it stays in sight where the rest scrolls.
    order = [1, 0, *range(2, len(header))]
    heads = []
    for place in order:
        name = header[place]
        text = name == "Attributor"
        first = "ascending" if text or name in _LESS else "descending"
        sort = "ascending" if name == "#" else None
        facts = {"data_first": first, "data_kind": "text" if text else "number", "aria_sort": sort}
        heads.append(el("th", el("button", name, type="button"), scope="col", class_="text" if text else None, **facts))
    rows = []
    for score in table.scores:
        cells = paper_row(table, score)
        line = [el("th", cells[1], scope="row", data_value=score.attributor)]
        line += [el("td", cells[k], data_value=_value(table, score, header[k], k == 2)) for k in order[1:]]
        rows.append(el("tr", *line, class_="first" if score.rank == 1 else None))
    label = f"{table.name}: ranking; its headings sort it"
    inner = el("table", el("thead", el("tr", *heads)), el("tbody", *rows), class_="ranking")
    return join(
        el("div", inner, class_="scroll", tabindex=0, role="region", aria_label=label),
        el("p", role="status", class_="muted"),
    )


def _value(table: Table, score: Score, name: str, overall: bool) -> str:
    """What a cell is sorted by; empty for nothing. ``overall``: it is that of the IoU over all models."""
    models = {f"IoU {plain(model)}": model for model in table.models}
    if overall:
        value = score.iou
    elif name in models:
        value = score.by_model.get(models[name])
    elif name == "Passes":
        value = None if score.forward is None else score.forward + (score.backward or 0)
    else:
        value = getattr(score, _FIELDS[name])
    return "" if value is None else f"{value:.9g}"


def _gallery(cards: Markup | None, withheld: list[str]) -> Markup:
    note = None
    if withheld:
        note = el("p", f"Not shown, because their images are not declared free to share: {', '.join(withheld)}.")
    return el("section", el("h2", "Gallery", id="gallery"), note, cards)


def _reading(board: Board) -> Markup:
    used = {name for table in board.tables for name in paper_header(table)}
    terms = []
    for names, meaning in explained(used):
        terms += [el("dt", names), el("dd", meaning)]
    cautions = [el("li", caution) for caution in CAUTIONS]
    return el(
        "section", el("h2", "How to read it", id="reading"), el("dl", *terms),
        el("h3", "What the figures do not say"), el("ul", *cautions),
    )  # fmt: skip


def _provenance(board: Board) -> Markup:
    parts: list[Markup] = []
    if board.failures:
        rows = [[", ".join(f.attributors), f.error, str(f.count)] for f in board.failures]
        parts += [el("h3", "Failures"), el("p", "Each counts as zero."), _facts(["Attributor", "Why", "Results"], rows)]
    for number, run in enumerate(board.runs, 1):
        if len(board.runs) > 1:
            parts.append(el("h3", f"Run {number}"))
        parts.append(_facts(["Setting", "Value"], settings(run)))
        parts.append(_facts(["Kind", "Plugin", "Distribution", "Module", "Options"], plugins(run.header)))
    return el("section", el("h2", "Provenance", id="provenance"), *parts)


def _facts(header: list[str], rows: list[list[str]]) -> Markup:
    head = el("thead", el("tr", *(el("th", name, scope="col") for name in header)))
    lines = [el("tr", el("th", row[0], scope="row"), *(el("td", cell) for cell in row[1:])) for row in rows]
    table = el("table", head, el("tbody", *lines), class_="facts")
    return el("div", table, class_="scroll", tabindex=0, role="region", aria_label=header[0])
