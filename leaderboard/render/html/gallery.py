"""The gallery of a page: for each record the image, the truth, every method's map and boxes, concepts, tokens."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from harness.imaging.frame import FRAME_SIDE, Box, to_boxes
from harness.markup import Markup, el, join, verbatim
from harness.run.row import Row
from leaderboard.render.cell_text import figure
from leaderboard.render.columns import headings
from leaderboard.render.html.gallery_reader import Pictured
from leaderboard.render.html.plots import heat
from leaderboard.statistics.ranking import Measures

CONCEPTS = 6
FAINT = 0.3  # the least full scale where nothing was decisive, so that small numbers look small
_ARM = 5  # of the cross at a map's maximum, frame pixels


def render_gallery(records: Sequence[Pictured], measures: Measures) -> Markup:
    """All records. The image of each is in the page once, and drawn again by reference."""
    frames = [
        el("image", id=f"image-{k}", href=record.image, width=FRAME_SIDE, height=FRAME_SIDE)
        for k, record in enumerate(records)
    ]
    images = el("svg", el("defs", *frames), width=0, height=0, aria_hidden="true")
    box, cross = "M2 3H24V15H2Z", "M8 9H18M13 4V14"
    keys = {"true boxes": (box, "true"), "the method's boxes": (box, "said"), "its map's maximum": (cross, "peak")}
    lines = []
    for what, (path, kind) in keys.items():
        swatch = el("svg", el("path", d=path, class_=kind), width=26, height=18, aria_hidden="true")
        lines.append(el("span", swatch, el("span", what)))
    legend = el("p", *lines, class_="legend muted")
    return join(images, legend, *(_record(record, k, measures) for k, record in enumerate(records)))


def _record(record: Pictured, number: int, measures: Measures) -> Markup:
    row = record.rows[0]
    draw = partial(_picture, record, number, measures)
    more = [*map(_concepts, record.rows), *(_tokens(row, record.tokens) for row in record.rows)]
    return el(
        "article",
        el("h3", f"{row.attribute}: {row.model}, {row.mode}"),
        el("p", f"{row.source}, sample {row.index}. The model's answer: {row.answer}"),
        el("div", draw(None), *map(draw, record.rows), class_="pictures"),
        el("div", *more, class_="more"),
        class_="record",
    )


def _picture(record: Pictured, number: int, measures: Measures, row: Row | None) -> Markup:
    """The image with the truth, and what one method says of it."""
    parts = [el("use", href=f"#image-{number}")]
    source = record.maps.get(row.attributor) if row else None
    if source is not None:
        parts.append(el("image", href=source, width=FRAME_SIDE, height=FRAME_SIDE))
    parts += [_rect(record, box, kind) for box in _truth(record.rows[0]) for kind in ("halo", "true")]
    if row is None:
        caption, said = el("figcaption", el("b", "The image and the truth")), "The image with its true boxes"
    else:
        parts += [_rect(record, box, kind) for box in to_boxes(row.boxes) for kind in ("halo", "said")]
        if row.peak:
            x, y, *_ = record.frame.to_frame(Box(*row.peak, *row.peak))
            cross = f"M{x - _ARM:.1f} {y:.1f}H{x + _ARM:.1f}M{x:.1f} {y - _ARM:.1f}V{y + _ARM:.1f}"
            parts.append(el("path", d=cross, class_="peak"))
        result = _result(row, measures)
        said = f"What {row.attributor} points at: {result}"
        caption = el("figcaption", el("b", row.attributor), el("br"), result)
    frame = {"viewBox": f"0 0 {FRAME_SIDE} {FRAME_SIDE}"}
    return el("figure", el("svg", *parts, role="img", aria_label=said, **frame), caption)


def _truth(row: Row) -> Sequence[Box]:
    """The true boxes that can be drawn."""
    return to_boxes([edges for edges in row.truth if None not in edges])  # type: ignore[misc]


def _result(row: Row, measures: Measures) -> str:
    """A result in words: what the method named, and its figures, the one that ranks first."""
    if row.status != "ok":
        return f"{row.status.replace('_', ' ')}: {row.error or ''}"
    titles = headings(measures)
    order = sorted(measures.facts, key=lambda name: name != measures.ranked_by)
    words = [
        f"{titles[name]} {figure(value, measures.facts[name], brief=True)}"
        for name in order
        if (value := row.metrics.get(name)) is not None
    ]
    named = "whole image" if row.fallback else row.concept
    return ", ".join([*words[:1], *([named] if named else []), *words[1:]])


def _rect(record: Pictured, box: Box, kind: str) -> Markup:
    x0, y0, x1, y1 = record.frame.to_frame(box)
    # A hair inside the frame, so that a box around everything shows.
    x0, y0, x1, y1 = max(x0, 1), max(y0, 1), min(x1, FRAME_SIDE - 1), min(y1, FRAME_SIDE - 1)
    return el("rect", x=x0, y=y0, width=max(x1 - x0, 0.0), height=max(y1 - y0, 0.0), class_=kind)


def _concepts(row: Row) -> Markup | None:
    """A method's most important concepts, as bars."""
    if not row.concept_scores:
        return None
    ranked = sorted(row.concept_scores.items(), key=lambda item: -item[1])[:CONCEPTS]
    full = _full([score for _, score in ranked], row.fallback)
    lines = []
    for name, score in ranked:
        width = f"{100 * min(max(score / full, 0), 1):.1f}%"
        bar = el("rect", x=0, y=2, width=width, height=10, class_="bar")
        lines += [
            el("b", name) if name == row.concept else el("span", name),
            el("svg", bar, width="100%", height=14, aria_hidden="true"),
            el("span", f"{score:.2g}"),
        ]
    truth = f" (true: {' or '.join(row.true_concepts)})" if row.true_concepts else ""
    return el("div", el("h4", f"{row.attributor}: concepts{truth}"), el("div", *lines, class_="concepts"))


def _tokens(row: Row, tokens: Sequence[str] | None) -> Markup | None:
    """The answer, each token the darker the more it owes to what the method points at."""
    scores = row.token_scores
    if not scores or tokens is None or len(tokens) != len(scores):
        return None
    full = _full(scores, row.fallback)
    spans = [
        el("span", verbatim(token), class_=heat(score, full), title=f"{score:.2g}")
        for token, score in zip(tokens, scores, strict=True)
    ]
    return el("div", el("h4", f"{row.attributor}: the answer, token by token"), el("div", *spans, class_="tokens"))


def _full(scores: Sequence[float], faint: bool) -> float:
    most = max(scores, default=0.0)
    return max(most, FAINT) if faint else most if most > 0 else 1.0
