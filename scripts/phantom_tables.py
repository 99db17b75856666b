"""Write the tables of docs/phantom.md from the files that ship.

``python -m scripts.phantom_tables`` puts the accuracies (docs/phantom_models.json) and what the causal filter did
(survival.json of either benchmark) between the marks in the page; ``--check`` changes nothing and fails where it would.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

from harness.building.causal import GATES
from harness.contracts.mode import MODES
from plugins.phantom.kinds import ATTRIBUTES
from plugins.sources.phantom import BENCH, PLANTED_BENCH
from scripts.build_phantom_bench import MODELS
from scripts.evaluate_phantom_models import RESULTS

PAGE = Path("docs/phantom.md")
TITLES = {"phantom-qwen2.5-vl": "Qwen2.5-VL", "phantom-gemma3": "Gemma 3"}


def accuracies(results: dict[str, Any]) -> str:
    """Balanced accuracy by finding, model and mode; then the means, the controls and the rest."""
    columns = [(name, mode) for name in MODELS for mode in MODES]
    lines = ["| finding | " + " | ".join(f"{TITLES[name]} {mode}" for name, mode in columns) + " |",
             "| --- |" + " ---: |" * len(columns)]  # fmt: skip

    def add(title: str, figures: list[float]) -> None:
        lines.append(f"| {title} | " + " | ".join(f"{100 * one:.1f}" for one in figures) + " |")

    found = [results[name][mode] for name, mode in columns]
    for kind in ATTRIBUTES:
        add(kind, [one["accuracy"][kind] for one in found])
    add("**mean**", [float(np.mean(list(one["accuracy"].values()))) for one in found])
    for group, title in (("found though subtle", "subtle ones found"), ("found though small", "small ones found")):
        add(title, [float(np.mean(list(one[group].values()))) for one in found])
    for control in found[0]["controls"]:
        add(control, [one["controls"][control] for one in found])
    return "\n".join(lines)


def survivals(report: dict[str, Any]) -> str:
    """What each gate dropped, by mode and model."""
    gates = [gate.reason for gate in GATES]
    lines = ["| answers | samples | " + " | ".join(gates) + " | survived |", "| --- |" + " ---: |" * (len(gates) + 2)]
    for run, counts in report.items():
        cells = [counts["samples"], *(counts[gate] for gate in gates)]
        share = f"{counts['survived']} ({100 * counts['survived'] / counts['samples']:.0f}%)"
        lines.append(f"| {run} | " + " | ".join(map(str, cells)) + f" | {share} |")
    return "\n".join(lines)


def page(text: str) -> str:
    """The page with its tables as they must be."""
    tables = {
        "accuracies": accuracies(json.loads(RESULTS.read_text(encoding="utf-8"))),
        "survival": survivals(json.loads((BENCH / "survival.json").read_text(encoding="utf-8"))),
        "planted survival": survivals(json.loads((PLANTED_BENCH / "survival.json").read_text(encoding="utf-8"))),
    }
    for name, table in tables.items():
        mark = re.compile(f"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not mark.search(text):
            raise SystemExit(f"{PAGE} has no place for the table {name!r}.")
        text = mark.sub(rf"\g<1>\n{table}\n\n\g<2>", text)
    return text


def main() -> None:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing")
    args = parser.parse_args()
    before = PAGE.read_text(encoding="utf-8")
    after = page(before)
    if args.check and before != after:
        sys.exit(f"{PAGE} is not up to date: python -m scripts.phantom_tables")
    PAGE.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
