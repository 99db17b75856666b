"""Draw docs/phantoms.png: phantoms with their findings' boxes, one with its concepts, one with its counterfactual."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from plugins.phantom import splits
from plugins.phantom.film import film
from plugins.phantom.render import Film

OUT = Path("docs/phantoms.png")
COLOURS = ("#ff922b", "#4dabf7", "#69db7c", "#f783ac", "#ffd43b", "#9775fa")


def show(ax: Any, pixels: np.ndarray, title: str) -> None:
    """One film with its title."""
    ax.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
    ax.set_title(title, fontsize=8, color="#1f2933")
    ax.set_axis_off()


def boxes(ax: Any, shown: Film) -> None:
    """The exact box of each finding."""
    for finding, colour in zip(shown.findings, COLOURS, strict=False):
        box = shown.box(finding)
        ax.add_patch(
            Rectangle((box.x0, box.y0), box.x1 - box.x0, box.y1 - box.y0, fill=False, edgecolor=colour, linewidth=1.3)
        )


def main() -> None:
    """Draw."""
    fig = Figure(figsize=(11, 7.4), dpi=110)
    FigureCanvasAgg(fig)
    axes = fig.subplots(2, 4)
    shown = [film(seed) for seed in splits.BENCH[:60]]
    several = [s for s in shown if 1 <= len(s.findings) <= 3][:5]
    for ax, s in zip(axes.flat, several, strict=False):
        show(ax, s.render(), "\n".join(finding.attribute for finding in s.findings[:3]))
        boxes(ax, s)
    example = next(s for s in shown if any(f.kind == "pneumothorax" for f in s.findings))
    ax = axes[1, 1]
    show(ax, example.render(), "\n".join(finding.attribute for finding in example.findings))
    finding = next(f for f in example.findings if f.kind == "pneumothorax")
    show(axes[1, 2], example.render(frozenset({finding})), f"the same patient,\nno {finding.attribute}")
    ax = axes[1, 3]
    show(ax, example.render(frozenset(example.findings)), "the exact masks\nof the eleven concepts")
    for k, mask in enumerate(example.anatomy.masks().values()):
        ax.contour(mask, levels=[0.5], colors=[COLOURS[k % len(COLOURS)]], linewidths=0.9)
    fig.tight_layout(w_pad=0.3, h_pad=0.6)
    OUT.parent.mkdir(exist_ok=True)
    fig.savefig(OUT)


if __name__ == "__main__":
    main()
