"""Plots as inline SVG that keeps its text size on every screen: x in percent of the width, y in pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

from leaderboard.board import Table
from leaderboard.render.cell_text import with_interval
from leaderboard.render.html.markup import Markup, el, join
from leaderboard.statistics.ranking import Score
from leaderboard.statistics.slices import Slice

ROW = 26  # pixels
TALL, TOP, BOTTOM = 340, 12, 46  # of the scatter plot, pixels
LEFT, RIGHT = 9.0, 97.0  # of its axes, percent
LABEL, NEAR = 15, 38.0  # labels nearer than this, pixels and percent, would cover each other
LEVELS = 9  # of a heat colour, besides none


def heat(value: float, full: float) -> str:
    """The class of a heat colour for a value, 0 to ``full``."""
    level = round(LEVELS * min(max(value / full, 0), 1)) if full > 0 else 0
    return f"heat h{level}"


def whiskers(table: Table) -> Markup:
    """Mean IoU of every method as a dot, its interval as a line."""
    scores = [score for score in table.scores if score.iou is not None]
    full = _full(scores)
    ticks = _ticks(full)
    grid = [el("line", x1=_at(tick, full), x2=_at(tick, full), y1=0, y2=ROW, class_="grid") for tick in ticks]
    rows = []
    for score in scores:
        iou, (low, high) = score.iou or 0.0, score.intervals.get("iou", (None, None))
        marks = [el("circle", cx=_at(iou, full), cy=ROW // 2, r=5, class_="dot")]
        if low is not None and high is not None:
            line = el("line", x1=_at(low, full), x2=_at(high, full), y1=ROW // 2, y2=ROW // 2, class_="whisker")
            marks.insert(0, line)
        rows += [
            el("span", score.attributor, class_="name"),
            el("svg", *grid, *marks, width="100%", height=ROW, aria_hidden="true"),
            el("span", with_interval(score, "iou", mark=True), class_="value"),
        ]
    axis = [
        el("text", f"{100 * tick:.0f}", x=_at(tick, full), y=14, text_anchor="middle", class_="tick")
        for tick in ticks
    ]
    rows += [el("span"), el("svg", *axis, width="100%", height=20, aria_hidden="true"), el("span")]
    caption = el("figcaption", "Mean IoU in percent, with its 95% interval over images")
    return el("figure", caption, el("div", *rows, class_="whiskers"), class_="plot")


def costs(table: Table) -> Markup | None:
    """IoU of every method against the images that it sends through the model, on a logarithmic scale."""
    scores = [score for score in table.scores if score.iou is not None and score.forward is not None]
    if not scores:
        return None
    full = _full(scores)
    most = max(1.0, max(_cost(score) for score in scores))
    span = math.log1p(most)

    def x(cost: float) -> float:
        return LEFT + 2 + (RIGHT - LEFT - 2) * math.log1p(cost) / span

    def y(iou: float) -> float:
        return TALL - BOTTOM - (TALL - BOTTOM - TOP) * iou / full

    parts = []
    for tick in _ticks(full):
        parts.append(el("line", x1=f"{LEFT}%", x2=f"{RIGHT}%", y1=y(tick), y2=y(tick), class_="grid"))
        place = {"x": f"{LEFT - 1.5}%", "text_anchor": "end", "class_": "tick"}
        parts.append(el("text", f"{100 * tick:.0f}", y=y(tick) + 4, **place))
    for tick in [0, *(4**k for k in range(12) if 4**k <= most)]:
        place = {"x": f"{x(tick):.2f}%", "text_anchor": "middle", "class_": "tick"}
        parts.append(el("text", str(tick), y=TALL - BOTTOM + 20, **place))
    place = {"x": "50%", "text_anchor": "middle", "class_": "tick"}
    parts.append(el("text", "images through the model for each record (logarithmic)", y=TALL - 6, **place))
    points = [(x(_cost(score)), y(score.iou or 0.0), score) for score in scores]
    for across, _, score in points:
        ends = score.intervals.get("iou")
        if ends:
            at = {"x1": f"{across:.2f}%", "x2": f"{across:.2f}%", "class_": "whisker thin"}
            parts.append(el("line", y1=y(ends[0]), y2=y(ends[1]), **at))
    parts += [el("circle", cx=f"{across:.2f}%", cy=down, r=5, class_="dot") for across, down, _ in points]
    for (across, down, score), height in zip(points, spread([point[:2] for point in points]), strict=True):
        dx, anchor = (-10, "end") if across > 58 else (10, "start")
        name = score.attributor if len(score.attributor) <= 24 else score.attributor[:23] + "…"
        # In an svg of its own, x is in pixels again.
        inside = [el("text", name, x=dx, y=height + 4, text_anchor=anchor, class_="label")]
        if abs(height - down) > LABEL / 2:
            inside.insert(0, el("line", x1=0, y1=down, x2=0.8 * dx, y2=height, class_="leader"))
        parts.append(el("svg", *inside, x=f"{across:.2f}%"))
    said = "; ".join(f"{s.attributor}: {_cost(s):.3g} images, IoU {100 * (s.iou or 0):.1f}" for s in scores)
    picture = el("svg", *parts, width="100%", height=TALL, role="img", aria_label=f"IoU against cost. {said}")
    return el("figure", el("figcaption", "IoU in percent against cost"), picture, class_="plot")


def findings(table: Table, parts: Sequence[Slice], title: str, by: str) -> Markup:
    """IoU by part of the records as a table in heat colours."""
    names = [score.attributor for score in table.scores]
    full = max((score.iou or 0.0 for part in parts for score in part.scores.values()), default=0.0)
    head = [
        el("th", by.capitalize(), scope="col"),
        el("th", "n", scope="col", title="records"),
        *(el("th", name, scope="col") for name in names),
    ]
    rows = []
    for part in parts:
        cells = [_cell(part.scores.get(name), full) for name in names]
        number = el("td", str(part.records))
        rows.append(el("tr", el("th", part.name, scope="row"), number, *cells))
    table_ = el("table", el("thead", el("tr", *head)), el("tbody", *rows), class_="heatmap")
    scroll = el("div", table_, class_="scroll", tabindex=0, role="region", aria_label=title)
    return el("figure", el("figcaption", title), scroll, class_="plot")


def _cell(score: Score | None, full: float) -> Markup:
    if score is None or score.iou is None:
        return el("td", "–")
    ends = score.intervals.get("iou")
    interval = el("small", f"{100 * ends[0]:.0f}–{100 * ends[1]:.0f}") if ends else None
    return el("td", join(f"{100 * score.iou:.0f}", interval), class_=heat(score.iou, full))


def _cost(score: Score) -> float:
    return (score.forward or 0.0) + (score.backward or 0.0)


def _full(scores: Sequence[Score]) -> float:
    """The right end of an axis: the highest figure or interval, to the next ten percent."""
    most = max([score.iou or 0.0 for score in scores] + [s.intervals["iou"][1] for s in scores if "iou" in s.intervals])
    return max(1, math.ceil(most * 10 - 1e-9)) / 10


def _ticks(full: float) -> list[float]:
    step = 0.1 if full <= 0.6 else 0.2
    return [k * step for k in range(int(full / step + 1e-9) + 1)]


def _at(value: float, full: float) -> str:
    return f"{100 * value / full:.2f}%"


def spread(points: Sequence[tuple[float, float]]) -> list[float]:
    """Heights of the labels of points (percent across, pixels down), so that those near across do not overlap.

    A label moves down to where there is room; at the bottom, all that are in its way move up.
    """
    order = sorted(range(len(points)), key=lambda place: points[place][1])
    heights = [down for _, down in points]
    for above, place in ((above, place) for k, place in enumerate(order) for above in order[:k]):
        if abs(points[above][0] - points[place][0]) < NEAR:
            heights[place] = max(heights[place], heights[above] + LABEL)
    for k, place in reversed(list(enumerate(order))):
        near = [below for below in order[k + 1 :] if abs(points[below][0] - points[place][0]) < NEAR]
        heights[place] = min([heights[place], TALL - BOTTOM - 4.0, *(heights[below] - LABEL for below in near)])
    return heights
