"""Draw docs/survival.png: what the causal filter dropped from the phantom benchmark, by finding, contrast and gate.

``python -m scripts.draw_survival`` reads ``survival.json`` beside the records.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from harness.building.causal import CUT_OFF, FAILED, GATES
from harness.contracts.mode import MODES
from plugins.phantom.kinds import ATTRIBUTES
from plugins.sources.phantom import BENCH

OUT = Path("docs/survival.png")
SURVIVED = "survived"
PARTS = (SURVIVED, *(gate.reason for gate in GATES), CUT_OFF, FAILED)
COLOURS = ("#2b8a3e", "#adb5bd", "#e8590c", "#1971c2", "#9c36b5", "#ffd43b", "#212529")


def total(runs: list[dict[str, Any]], group: str, name: str) -> dict[str, int]:
    """The counts of one finding, or of one group of contrast and size, over both models."""
    found = [run[group][name] for run in runs]
    return {part: sum(one.get(part, 0) for one in found) for part in ("samples", *PARTS)}


def bars(ax: Any, rows: list[tuple[str, dict[str, int]]]) -> None:
    """One bar a row: the shares that survived and that each gate dropped."""
    for place, (_, counts) in enumerate(rows):
        start = 0.0
        for part, colour in zip(PARTS, COLOURS, strict=True):
            share = 100 * counts[part] / max(1, counts["samples"])
            ax.barh(place, share, left=start, color=colour, height=0.72)
            start += share
        ax.text(101, place, str(counts["samples"]), va="center", fontsize=7, color="#495057")
    ax.set(xlim=(0, 100), ylim=(len(rows) - 0.4, -0.6), yticks=range(len(rows)))
    ax.set_yticklabels([name for name, _ in rows], fontsize=8)
    ax.tick_params(length=0, labelsize=8)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)


def main() -> None:
    """Draw."""
    report = json.loads((BENCH / "survival.json").read_text(encoding="utf-8"))
    fig = Figure(figsize=(11, 6.4), dpi=100)
    FigureCanvasAgg(fig)
    axes = fig.subplots(2, 2, sharex=True, gridspec_kw={"height_ratios": (len(ATTRIBUTES), 4)})
    drawn: set[str] = set()
    for column, mode in enumerate(MODES):
        runs = [run for name, run in report.items() if name.startswith(f"{mode} ")]
        kinds = [(name, total(runs, "by attribute", name)) for name in ATTRIBUTES]
        bars(axes[0, column], sorted(kinds, key=lambda row: -row[1][SURVIVED] / max(1, row[1]["samples"])))
        groups = [(name, total(runs, "by contrast and size", name)) for name in runs[0]["by contrast and size"]]
        bars(axes[1, column], groups)
        axes[0, column].set_title(
            {"direct": "Direct answers", "reasoning": "Reasoning"}[mode], fontsize=11, fontweight="bold", loc="left"
        )
        axes[1, column].set_xlabel("per cent of the samples, both models", fontsize=8)
        drawn |= {part for _, counts in kinds for part in PARTS if counts[part]}
    for part, colour in zip(PARTS, COLOURS, strict=True):
        if part in drawn:
            axes[0, 0].barh(0, 0, color=colour, label=part)
    fig.legend(loc="lower center", ncols=5, fontsize=8, frameon=False)
    fig.tight_layout(rect=(0, 0.05, 1, 1))
    fig.savefig(OUT)


if __name__ == "__main__":
    main()
