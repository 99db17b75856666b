"""The picture of an explanation: the image with its boxes, the ranking of the concepts, the coloured answer.

Sizes are inches from the top left corner. Questions, answers and names are data: matplotlib's formula syntax
(``$``) is switched off for all of them.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Any, Protocol

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from harness.contracts.attributor import Attribution
from harness.imaging.frame import Box, Letterbox
from harness.text import plain

INK, MUTED, ACCENT, BAR, COMPOSITE, RULE = "#1f2933", "#7b8794", "#e8590c", "#9fb3c8", "#d5dde5", "#e4e7eb"
HEAT = LinearSegmentedColormap.from_list("drop", ["#ffffff", "#ffd8a8", "#ff922b", "#d9480f"])

WIDTH, MARGIN, PANEL = 11.0, 0.4, 4.7
FONT_POINTS, LINE, COLUMN = 9.5, 0.25, 9.5 * 0.602 / 72  # a character of DejaVu Sans Mono is 0.602 em wide
MAX_LINES = 24
MAX_CAVEATS, CAVEAT, WARNING = 12, 0.19, "#a33b00"
FAINT = 0.3  # the least full scale where nothing was decisive, so that small numbers look small


class Drawable(Protocol):
    """What can be drawn: :class:`harness.explaining.explanation.Explanation` says what each part is."""

    @property
    def image(self) -> np.ndarray: ...

    @property
    def question(self) -> str: ...

    @property
    def answer(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def attributor(self) -> str: ...

    @property
    def attribution(self) -> Attribution: ...

    @property
    def boxes(self) -> Sequence[Box]: ...

    @property
    def frame(self) -> Letterbox: ...

    @property
    def tokens(self) -> Sequence[str] | None: ...

    @property
    def headline(self) -> str: ...

    @property
    def caveats(self) -> Sequence[str]: ...


def draw_picture(explanation: Drawable) -> Figure:
    """The picture as a matplotlib ``Figure``, apart from pyplot's global state."""
    attribution = explanation.attribution
    question = textwrap.wrap(plain(explanation.question), 105)[:3] or [""]
    header = 0.95 + 0.26 * len(question)
    columns = int((WIDTH - 2 * MARGIN) / COLUMN)
    lines: list[list[tuple[str, float]]] = []
    if explanation.tokens is not None and attribution.token_scores is not None:
        lines = wrap(list(zip(explanation.tokens, attribution.token_scores, strict=True)), columns)
    shown = lines[:MAX_LINES]
    footer = 0.75 + LINE * (len(shown) + (len(shown) < len(lines))) if lines else 0.0
    caveats = [line for text in explanation.caveats for line in textwrap.wrap(plain(text), 150)][:MAX_CAVEATS]
    height = header + PANEL + footer + 0.3 + CAVEAT * len(caveats)

    fig = Figure(figsize=(WIDTH, height), dpi=150)
    FigureCanvasAgg(fig)
    _header(fig, explanation, question, height)
    _image(fig, explanation, header, height)
    if attribution.concept_scores:
        _ranking(fig, explanation, header, height)
    if lines:
        _tokens(fig, shown, len(lines) - len(shown), attribution.fallback, header + PANEL + 0.2, height)
    for number, line in enumerate(caveats):
        _write(fig, MARGIN, height - 0.2 - CAVEAT * (len(caveats) - number), height, line, fontsize=9, color=WARNING)
    return fig


def draw_image(explanation: Drawable, wide: float = 4.0) -> Figure:
    """The image alone with what the method marked, ``wide`` inches wide, for a page that has the words beside it."""
    height, width = explanation.image.shape[:2]
    fig = Figure(figsize=(wide, wide * height / width), dpi=100)
    FigureCanvasAgg(fig)
    _marked(fig.add_axes((0, 0, 1, 1)), explanation)
    return fig


def wrap(tokens: list[tuple[str, float]], columns: int) -> list[list[tuple[str, float]]]:
    """Lines of (text, score) pieces at most ``columns`` characters wide; a token breaks only where it must.

    Tokens are kept whole on a line where they fit; a line break inside a token ends its line.
    """
    lines: list[list[tuple[str, float]]] = [[]]
    used = 0
    for token, score in tokens:
        for k, part in enumerate(token.split("\n")):
            if k:
                lines.append([])
                used = 0
            text = plain(part, lines=True)
            while text:
                if used and used + _columns(text) > columns:
                    lines.append([])
                    used = 0
                    text = text.lstrip(" ") or text
                piece = _head(text, columns - used)
                lines[-1].append((piece, score))
                used += _columns(piece)
                text = text[len(piece) :]
    return [line for line in lines if line]


def _full_scale(scores: list[float], faint: bool) -> float:
    """The score that gets the longest bar or the deepest colour."""
    largest = max(scores, default=0.0)
    return max(largest, FAINT) if faint else largest if largest > 0 else 1.0


def _number(score: float) -> str:
    return f"{score:.2f}" if score == 0 or abs(score) >= 0.005 else f"{score:.1e}"


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _head(text: str, columns: int) -> str:
    """The longest beginning that fits, at least one character."""
    end = 1
    while end < len(text) and _columns(text[: end + 1]) <= columns:
        end += 1
    return text[:end]


def _axes(fig: Figure, left: float, top: float, width: float, tall: float, height: float) -> Any:
    """Axes placed in inches from the figure's top left corner; ``height`` is the figure's."""
    return fig.add_axes((left / WIDTH, 1 - (top + tall) / height, width / WIDTH, tall / height))


def _write(fig: Figure, left: float, top: float, height: float, text: str, **style: Any) -> None:
    """Text whose top left corner is at (left, top) inches."""
    style = {"color": INK, "va": "top", "ha": "left", "fontsize": 10, **style}
    fig.text(left / WIDTH, 1 - top / height, text, parse_math=False, **style)


def _header(fig: Figure, explanation: Drawable, question: list[str], height: float) -> None:
    attribution = explanation.attribution
    top = 0.3
    for line in question:
        _write(fig, MARGIN, top, height, line, fontsize=12, fontweight="bold")
        top += 0.26
    answer = textwrap.shorten(plain(explanation.answer), 110, placeholder=" …")
    _write(fig, MARGIN, top + 0.02, height, f"Answer: {answer}", fontsize=11)
    verdict = plain(explanation.headline)
    _write(fig, MARGIN, top + 0.27, height, verdict, fontsize=11, color=ACCENT, fontweight="bold")
    sure = "" if attribution.confidence is None else f"  ·  confidence {attribution.confidence:.2f}"
    method = plain(f"{explanation.attributor}{sure}  ·  {explanation.model}", lines=True)
    _write(fig, WIDTH - MARGIN, top + 0.29, height, method, fontsize=9, color=MUTED, ha="right")


def _image(fig: Figure, explanation: Drawable, top: float, height: float) -> None:
    ranked = bool(explanation.attribution.concept_scores)
    room = 4.9 if ranked else WIDTH - 2 * MARGIN
    tall, wide = explanation.image.shape[:2]
    scale = min(room / wide, PANEL / tall)
    # Alone, the image stands in the middle; beside a ranking it keeps to the left.
    left = MARGIN if ranked else (WIDTH - wide * scale) / 2
    _marked(_axes(fig, left, top, wide * scale, tall * scale, height), explanation)


def _marked(ax: Any, explanation: Drawable) -> None:
    """The image with the map and the boxes."""
    tall, wide = explanation.image.shape[:2]
    ax.imshow(explanation.image, extent=(0, wide, tall, 0), interpolation="antialiased")
    if explanation.attribution.saliency is not None:
        _overlay(ax, explanation)
    for box in explanation.boxes:
        place, size = (box.x0, box.y0), (box.x1 - box.x0, box.y1 - box.y0)
        frame: dict[str, Any] = {"fill": False, "clip_on": False}
        ax.add_patch(Rectangle(place, *size, edgecolor="black", linewidth=3.6, alpha=0.55, **frame))
        ax.add_patch(Rectangle(place, *size, edgecolor=ACCENT, linewidth=2, **frame))
    ax.set_xlim(0, wide)
    ax.set_ylim(tall, 0)
    ax.set_axis_off()


def _overlay(ax: Any, explanation: Drawable) -> None:
    """The saliency map over the image, the more opaque the higher."""
    saliency = explanation.attribution.saliency
    assert saliency is not None
    x0, y0, x1, y1 = (round(edge) for edge in explanation.frame.content)
    part = np.nan_to_num(np.asarray(saliency, float)[y0:y1, x0:x1])
    span = part.max() - part.min()
    level = (part - part.min()) / span if span > 0 else np.zeros_like(part)
    tall, wide = explanation.image.shape[:2]
    ax.imshow(
        level, cmap="inferno", vmin=0, vmax=1, alpha=0.6 * np.sqrt(level), extent=(0, wide, tall, 0),
        interpolation="nearest",
    )  # fmt: skip


def _ranking(fig: Figure, explanation: Drawable, top: float, height: float) -> None:
    attribution = explanation.attribution
    scores = sorted((attribution.concept_scores or {}).items(), key=lambda item: -item[1])[:20]
    # A concept without a box of its own is a union of others.
    single = set(attribution.concept_boxes or ()) or {name for name, _ in scores}
    left, room = 7.35, WIDTH - 7.35 - MARGIN - 0.35
    ax = _axes(fig, left, top + 0.3, room, PANEL - (0.6 if len(single) < len(scores) else 0.3), height)
    _write(fig, 5.45, top, height, "Importance of each concept", fontsize=10.5, fontweight="bold")
    reach = _full_scale([score for _, score in scores], attribution.fallback)
    for row, (name, score) in enumerate(scores):
        chosen = name == attribution.concept
        colour = ACCENT if chosen else BAR if name in single else COMPOSITE
        hatch = None if name in single else "////"
        ax.barh(row, score, color=colour, height=0.66, hatch=hatch, edgecolor="white")
        style: dict[str, Any] = {"va": "center", "fontsize": 9.5, "parse_math": False}
        style |= {"color": ACCENT if chosen else INK, "fontweight": "bold" if chosen else "normal"}
        label = textwrap.shorten(plain(name), 32, placeholder="…")
        ax.text(-0.03 * reach, row, label, ha="right", **style)
        ax.text(max(score, 0) + 0.02 * reach, row, _number(score), ha="left", **style)
    ax.set_xlim(0, reach)
    ax.set_ylim(len(scores) - 0.5, -0.5)
    ax.set_xticks([])
    ax.set_yticks([])
    for side in ("top", "right", "bottom"):
        ax.spines[side].set_visible(False)
    ax.spines["left"].set_color(RULE)
    if len(single) < len(scores):
        note = "hatched: several regions hidden at once"
        _write(fig, left, top + PANEL - 0.2, height, note, fontsize=8.5, color=MUTED)


def _tokens(
    fig: Figure, lines: list[list[tuple[str, float]]], hidden: int, faint: bool, top: float, height: float
) -> None:
    width = WIDTH - 2 * MARGIN
    scores = [score for line in lines for _, score in line]
    norm = Normalize(0, _full_scale(scores, faint))
    title = "Answer, token by token: what each one owes to the region"
    _write(fig, MARGIN, top, height, title, fontsize=10.5, fontweight="bold")
    if max(scores) > 0:
        _colour_bar(fig, norm, top, height)
    count = len(lines) + (hidden > 0)
    ax = _axes(fig, MARGIN, top + 0.3, width, LINE * count, height)
    for row, line in enumerate(lines):
        column = 0
        for text, score in line:
            wide = _columns(text)
            colour = HEAT(norm(score))
            ax.add_patch(Rectangle((column, row + 0.06), wide, 0.88, color=colour, linewidth=0))
            dark = matplotlib.colors.rgb_to_hsv(colour[:3])[2] < 0.9
            style = {"fontsize": FONT_POINTS, "family": "DejaVu Sans Mono", "color": "white" if dark else INK}
            ax.text(column, row + 0.5, text, va="center_baseline", parse_math=False, **style)
            column += wide
    if hidden:
        ax.text(0, len(lines) + 0.5, f"… {hidden} more lines", va="center", fontsize=9, color=MUTED)
    ax.set_xlim(0, width / COLUMN)
    ax.set_ylim(count, 0)
    ax.set_axis_off()


def _colour_bar(fig: Figure, norm: Normalize, top: float, height: float) -> None:
    ax = _axes(fig, WIDTH - MARGIN - 1.9, top + 0.05, 1.4, 0.1, height)
    bar = fig.colorbar(ScalarMappable(norm, HEAT), cax=ax, orientation="horizontal")
    bar.set_ticks([])
    bar.outline.set_edgecolor(RULE)  # type: ignore[operator]
    style: dict[str, Any] = {"fontsize": 8.5, "color": MUTED, "va": "center"}
    middle = top + 0.1
    _write(fig, WIDTH - MARGIN - 1.98, middle, height, "0", **{**style, "ha": "right"})
    _write(fig, WIDTH - MARGIN - 0.42, middle, height, _number(float(norm.vmax or 0)), **style)
