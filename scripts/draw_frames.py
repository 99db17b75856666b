"""Draw docs/frames.png: an image's native pixels, the frame that a model sees, and what a half-open box covers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle

from harness.imaging.frame import FRAME_SIDE, Box, Letterbox
from harness.imaging.read import letterbox
from plugins.sources.phantom import Phantom

OUT = Path(__file__).parents[1] / "docs" / "frames.png"
INK, MUTED, TRUTH, CONTENT, GRID = "#1f2933", "#7b8794", "#e8590c", "#1971c2", "#ffffff"
ATTRIBUTE, CELLS = "pleural effusion", 8


def outline(ax: Any, box: Box, colour: str, **style: Any) -> None:
    """A box's edges."""
    size = box.x1 - box.x0, box.y1 - box.y0
    style = {"linewidth": 2, "clip_on": False, **style}
    ax.add_patch(Rectangle((box.x0, box.y0), *size, fill=False, edgecolor=colour, **style))


def picture(ax: Any, pixels: np.ndarray, title: str) -> None:
    """Pixels with their coordinates along the edges."""
    tall, wide = pixels.shape[:2]
    ax.imshow(pixels, extent=(0, wide, tall, 0))
    ax.set_xticks([0, wide])
    ax.set_yticks([0, tall])
    ax.tick_params(length=3, labelsize=9, colors=MUTED)
    ax.xaxis.tick_top()
    for spine in ax.spines.values():
        spine.set_color(MUTED)
    ax.set_title(title, fontsize=11, color=INK, fontweight="bold", pad=22)


def label(ax: Any, box: Box, text: str, colour: str) -> None:
    """Coordinates below a box."""
    ax.text(
        (box.x0 + box.x1) / 2, box.y1 + 6, text, ha="center", va="top", fontsize=8.5, color="white",
        bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.5},
    )  # fmt: skip


def numbers(box: Box) -> str:
    """A box's edges as text."""
    return "  ".join(f"{edge:.1f}".removesuffix(".0") for edge in box)


def example() -> tuple[np.ndarray, Box]:
    """A film and the box of its finding."""
    source = Phantom()
    sample = next(sample for sample in source.samples() if sample.attribute == ATTRIBUTE)
    return source.image(sample), sample.boxes[0]


def half_open(ax: Any) -> None:
    """Pixels, and the box that covers six of them."""
    box, wide, tall = Box(2, 1, 5, 3), 7, 5
    for x in range(wide):
        for y in range(tall):
            inside = box.x0 <= x < box.x1 and box.y0 <= y < box.y1
            face = "#ffe8cc" if inside else "white"
            ax.add_patch(Rectangle((x, y), 1, 1, facecolor=face, edgecolor="#ced4da", linewidth=1))
    outline(ax, box, TRUTH, linewidth=2.5)
    ax.plot(4.5, 1.5, "o", color=INK, markersize=4)
    ax.annotate(
        "pixel [row 1, column 4]\ncovers 4 ≤ x < 5, 1 ≤ y < 2", (4.5, 1.5), (3.5, 3.45), fontsize=8.5, color=INK,
        ha="center", va="top", bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.8},
    )  # fmt: skip
    ax.set(xlim=(0, wide), ylim=(tall, 0), aspect="equal", xticks=range(wide + 1), yticks=range(tall + 1))
    ax.xaxis.tick_top()
    ax.tick_params(length=0, labelsize=8.5, colors=MUTED)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_title("Box(2, 1, 5, 3) covers 3 x 2 pixels", fontsize=11, color=INK, fontweight="bold", pad=22)


def main() -> None:
    """Draw."""
    film, truth = example()
    frame, place = letterbox(film, FRAME_SIDE)
    assert place == Letterbox(film.shape[1], film.shape[0])
    fig = Figure(figsize=(12.5, 4.6), dpi=110)
    FigureCanvasAgg(fig)
    native, seen, boxes = fig.subplots(1, 3, width_ratios=(1, 1.1, 1), gridspec_kw={"wspace": 0.38})
    picture(native, film, f"native: {place.width} x {place.height}")
    outline(native, truth, TRUTH)
    label(native, truth, numbers(truth), TRUTH)
    picture(seen, frame, f"frame: {FRAME_SIDE} x {FRAME_SIDE}")
    for k in range(1, CELLS):
        line: dict[str, Any] = {"color": GRID, "linewidth": 0.5, "alpha": 0.35}
        seen.axhline(k * FRAME_SIDE / CELLS, **line)
        seen.axvline(k * FRAME_SIDE / CELLS, **line)
    outline(seen, place.content, CONTENT, linestyle=(0, (5, 3)))
    outline(seen, place.to_frame(truth), TRUTH)
    label(seen, place.to_frame(truth), numbers(place.to_frame(truth)), TRUTH)
    content = place.content
    seen.text(
        FRAME_SIDE / 2, FRAME_SIDE + 9, f"case.content {numbers(content)} (dashed)", ha="center", va="top",
        fontsize=8.5, color=CONTENT,
    )  # fmt: skip
    seen.text(
        FRAME_SIDE / 2, FRAME_SIDE + 21, f"grid: the image tokens of a model that has {CELLS} x {CELLS}", ha="center",
        va="top", fontsize=8.5, color=MUTED,
    )  # fmt: skip
    for (start, end), text, side, y in (
        ((native, seen), "to_frame", "-|>", 0.62), ((native, seen), "to_native", "<|-", 0.42),
    ):  # fmt: skip
        arrow = ConnectionPatch(
            (1.06, y), (-0.16, y), "axes fraction", "axes fraction", axesA=start, axesB=end, arrowstyle=side,
            mutation_scale=14, color=INK, linewidth=1.4,
        )  # fmt: skip
        fig.add_artist(arrow)
        left, right = start.get_position().x1, end.get_position().x0
        height = start.get_position().y0 + y * start.get_position().height
        fig.text((left + right) / 2 - 0.012, height + 0.015, text, ha="center", va="bottom", fontsize=8.5, color=INK)
    half_open(boxes)
    fig.savefig(OUT, facecolor="white", bbox_inches="tight", pad_inches=0.15, metadata={"Software": None})


if __name__ == "__main__":
    main()
