"""Plots as inline SVG that keeps its text size on every screen: x in percent of the width, y in pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.markup import Markup, el, join
from harness.run.header import MetricFacts
from leaderboard.board import Ranking
from leaderboard.render.cell_text import NOTHING, figure, figure_with_interval
from leaderboard.render.columns import headings
from leaderboard.statistics.ranking import Measures, Score
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


@dataclass(frozen=True)
class Axis:
    """An axis of a metric: its ends, and the figures that are marked on it."""

    low: float
    high: float
    ticks: list[float]

    @classmethod
    def of(cls, scores: Sequence[Score], metric: str) -> Axis:
        """One with room for every figure and interval, and for zero."""
        values = [value for score in scores if (value := score.means[metric]) is not None]
        values += [end for score in scores for end in score.intervals.get(metric, ())]
        low, high = min([0.0, *values]), max([0.0, *values])
        step = _step(high - low)
        first = math.floor(low / step + 1e-9)
        last = max(first + 1, math.ceil(high / step - 1e-9))
        # To the next half step, so that not too much of it is empty.
        end = last - 0.5 if last > first + 1 and last - 0.5 >= high / step - 1e-9 else last
        return cls(first * step, end * step, [k * step for k in range(first, math.floor(end) + 1)])

    def at(self, value: float) -> float:
        """Where a figure lies, 0 to 1."""
        return (value - self.low) / (self.high - self.low)


def _step(span: float) -> float:
    """A round distance between some six marks."""
    if span <= 0:
        return 0.1
    scale = 10.0 ** math.floor(math.log10(span / 6 + 1e-300))
    return next(k * scale for k in (1, 2, 5, 10) if k * scale >= span / 6 - 1e-12)


def whiskers(ranking: Ranking) -> Markup:
    """Every method's mean of the metric that ranks as a dot, its interval as a line."""
    measures = ranking.measures
    by, facts = measures.ranked_by, measures.ranking
    axis = Axis.of(ranking.scores, by)
    grid = [el("line", x1=_at(tick, axis), x2=_at(tick, axis), y1=0, y2=ROW, class_="grid") for tick in axis.ticks]
    rows = []
    for score in ranking.scores:
        mean = score.means[by]
        if mean is None:
            continue
        low, high = score.intervals.get(by, (None, None))
        marks = [el("circle", cx=_at(mean, axis), cy=ROW // 2, r=5, class_="dot")]
        if low is not None and high is not None:
            line = el("line", x1=_at(low, axis), x2=_at(high, axis), y1=ROW // 2, y2=ROW // 2, class_="whisker")
            marks.insert(0, line)
        rows += [
            el("span", score.name, class_="name"),
            el("svg", *grid, *marks, width="100%", height=ROW, aria_hidden="true"),
            el("span", figure_with_interval(score, measures, mark=True), class_="value"),
        ]
    marks = [
        el("text", _tick(tick, facts), x=_at(tick, axis), y=14, text_anchor="middle", class_="tick")
        for tick in axis.ticks
    ]
    rows += [el("span"), el("svg", *marks, width="100%", height=20, aria_hidden="true"), el("span")]
    in_what = " in percent" if facts.percent else ""
    caption = el("figcaption", f"Mean {headings(measures)[by]}{in_what}, with its 95% interval over images")
    return el("figure", caption, el("div", *rows, class_="whiskers"), class_="plot")


def costs(ranking: Ranking) -> Markup | None:
    """The metric that ranks, of every method, against the images that it sends through the model, on a logarithmic
    scale."""
    measures = ranking.measures
    by, facts = measures.ranked_by, measures.ranking
    title = headings(measures)[by]
    means = [(mean, s) for s in ranking.scores if (mean := s.means[by]) is not None and s.forward is not None]
    if not means:
        return None
    axis = Axis.of([score for _, score in means], by)
    most = max(1.0, max(_cost(score) for _, score in means))
    span = math.log1p(most)

    def x(cost: float) -> float:
        return LEFT + 2 + (RIGHT - LEFT - 2) * math.log1p(cost) / span

    def y(mean: float) -> float:
        return TALL - BOTTOM - (TALL - BOTTOM - TOP) * axis.at(mean)

    parts = []
    for tick in axis.ticks:
        parts.append(el("line", x1=f"{LEFT}%", x2=f"{RIGHT}%", y1=y(tick), y2=y(tick), class_="grid"))
        place = {"x": f"{LEFT - 1.5}%", "text_anchor": "end", "class_": "tick"}
        parts.append(el("text", _tick(tick, facts), y=y(tick) + 4, **place))
    for count in [0, *(4**k for k in range(12) if 4**k <= most)]:
        place = {"x": f"{x(count):.2f}%", "text_anchor": "middle", "class_": "tick"}
        parts.append(el("text", str(count), y=TALL - BOTTOM + 20, **place))
    place = {"x": "50%", "text_anchor": "middle", "class_": "tick"}
    parts.append(el("text", "images through the model for each record (logarithmic)", y=TALL - 6, **place))
    points = [(x(_cost(score)), y(mean), score) for mean, score in means]
    for across, _, score in points:
        if ends := score.intervals.get(by):
            at = {"x1": f"{across:.2f}%", "x2": f"{across:.2f}%", "class_": "whisker thin"}
            parts.append(el("line", y1=y(ends[0]), y2=y(ends[1]), **at))
    parts += [el("circle", cx=f"{across:.2f}%", cy=down, r=5, class_="dot") for across, down, _ in points]
    for (across, down, score), height in zip(points, spread_labels([point[:2] for point in points]), strict=True):
        dx, anchor = (-10, "end") if across > 58 else (10, "start")
        name = score.name if len(score.name) <= 24 else score.name[:23] + "…"
        # In an svg of its own, x is in pixels again.
        inside = [el("text", name, x=dx, y=height + 4, text_anchor=anchor, class_="label")]
        if abs(height - down) > LABEL / 2:
            inside.insert(0, el("line", x1=0, y1=down, x2=0.8 * dx, y2=height, class_="leader"))
        parts.append(el("svg", *inside, x=f"{across:.2f}%"))
    said = "; ".join(f"{s.name}: {_cost(s):.3g} images, {title} {figure(mean, facts)}" for mean, s in means)
    picture = el("svg", *parts, width="100%", height=TALL, role="img", aria_label=f"{title} against cost. {said}")
    in_what = " in percent" if facts.percent else ""
    return el("figure", el("figcaption", f"{title}{in_what} against cost"), picture, class_="plot")


def heatmap(ranking: Ranking, parts: Sequence[Slice], title: str, by: str) -> Markup:
    """The metric that ranks by part of the records, as a table in heat colours: the better, the hotter."""
    measures = ranking.measures
    names = [score.name for score in ranking.scores]
    means = [score.means[measures.ranked_by] or 0.0 for part in parts for score in part.scores.values()]
    ends = min([0.0, *means]), max([0.0, *means])
    head = [
        el("th", by.capitalize(), scope="col"),
        el("th", "n", scope="col", title="records"),
        *(el("th", name, scope="col") for name in names),
    ]
    rows = []
    for part in parts:
        cells = [_cell(part.scores.get(name), measures, ends) for name in names]
        number = el("td", str(part.records))
        rows.append(el("tr", el("th", part.name, scope="row"), number, *cells))
    table = el("table", el("thead", el("tr", *head)), el("tbody", *rows), class_="heatmap")
    scroll = el("div", table, class_="scroll", tabindex=0, role="region", aria_label=title)
    return el("figure", el("figcaption", title), scroll, class_="plot")


def _cell(score: Score | None, measures: Measures, ends: tuple[float, float]) -> Markup:
    mean = None if score is None else score.means[measures.ranked_by]
    if score is None or mean is None:
        return el("td", NOTHING)
    facts, (low, high) = measures.ranking, ends
    spread_of = score.intervals.get(measures.ranked_by)
    small = el("small", "–".join(figure(end, facts, brief=True) for end in spread_of)) if spread_of else None
    good = mean - low if facts.higher_is_better else high - mean
    return el("td", join(figure(mean, facts, brief=True), small), class_=heat(good, high - low))


def _cost(score: Score) -> float:
    return (score.forward or 0.0) + (score.backward or 0.0)


def _tick(value: float, facts: MetricFacts) -> str:
    """A mark's label."""
    return f"{100 * value if facts.percent else value:.3g}"


def _at(value: float, axis: Axis) -> str:
    return f"{100 * axis.at(value):.2f}%"


def spread_labels(points: Sequence[tuple[float, float]]) -> list[float]:
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
