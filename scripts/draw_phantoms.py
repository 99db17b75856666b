"""Draw docs/phantoms.png: films beside each other, one with its concepts, one with its counterfactual, two planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from harness.imaging.frame import Box
from plugins.phantom import splits
from plugins.phantom.film import film
from plugins.phantom.truth import Truth

OUT = Path("docs/phantoms.png")
COLOURS = ("#ff922b", "#4dabf7", "#69db7c", "#f783ac", "#ffd43b", "#9775fa")


def show(ax: Any, pixels: np.ndarray, title: str) -> None:
    """One film with its title."""
    ax.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
    ax.set_title(title, fontsize=8, color="#1f2933")
    ax.set_axis_off()


def outline(ax: Any, boxes: tuple[Box, ...], colour: str) -> None:
    """Boxes of one colour."""
    for x0, y0, x1, y1 in boxes:
        ax.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=colour, linewidth=1.2))


def main() -> None:
    """Draw."""
    fig = Figure(figsize=(13, 7.3), dpi=100)
    FigureCanvasAgg(fig)
    axes = fig.subplots(2, 5)
    shown = [film(f"phantom:{seed}") for seed in splits.BENCH[:40]]
    several = [s for s in shown if 2 <= len(s.findings) <= 4][:6]
    for ax, s in zip(axes.flat, several, strict=False):
        truth = Truth(s)
        show(ax, s.render(), "\n".join(s.findings[:3]) + "\n" * (3 - len(s.findings[:3])))
        for kind, colour in zip(s.findings, COLOURS, strict=False):
            outline(ax, truth.boxes(kind), colour)
    example = next(s for s in shown if "pneumothorax" in s.findings)
    show(axes[1, 1], example.render(), "\n".join(example.findings[:3]))
    show(axes[1, 2], example.render(frozenset({"pneumothorax"})), "the same patient,\nno pneumothorax")
    show(axes[1, 3], example.render(frozenset(example.findings)), "the exact masks\nof the eleven concepts")
    for k, mask in enumerate(example.anatomy.masks().values()):
        axes[1, 3].contour(mask, levels=[0.5], colors=[COLOURS[k % len(COLOURS)]], linewidths=0.9)
    planted = film(f"planted:{splits.BENCH[500_003]}:lung mass")
    show(axes[1, 4], planted.render(), "a planted cause (orange)\nand what looks like one (blue)")
    outline(axes[1, 4], tuple(planted.mark_boxes.values()), COLOURS[0])
    outline(axes[1, 4], Truth(planted).boxes("lung mass"), COLOURS[1])
    fig.tight_layout(w_pad=0.3, h_pad=0.6)
    OUT.parent.mkdir(exist_ok=True)
    fig.savefig(OUT)


if __name__ == "__main__":
    main()
