"""Does a method's map depend on what the model has learnt? The randomisation test of Adebayo et al. (2018).

``python -m scripts.sanity_check`` explains the same answers twice, once by each embedded model and once by the same
model with its weights shuffled within every tensor, and prints how alike the two maps of a method are: the Spearman
correlation over an 8 x 8 grid, mean over answers (arXiv 1810.03292, section 3). A method that explains the model
must come out near 0; a control that never looks at it comes out at 1.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from harness import Attribution, Attributor, Case, Registry
from harness.contracts.attributor import missing
from harness.imaging.frame import FRAME_SIDE
from scripts.evaluate_phantom_models import MODELS
from scripts.recorded import recorded

GRID = 8
RESULTS = Path("docs/sanity_check.json")
NEEDING_FILES = {"prompting-medsam", "maps-from-files"}


def shuffle(model: torch.nn.Module, seed: int) -> None:
    """Shuffle the entries of every weight tensor: the same numbers, and nothing that was learnt."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in model.parameters():
            flat = weights.flatten()
            weights.copy_(flat[torch.randperm(len(flat), generator=generator)].reshape(weights.shape))


def coarse_map(said: Attribution) -> np.ndarray:
    """What a method says, float [8, 8]: its saliency, or the share of each cell that its boxes cover."""
    if said.boxes is None:
        assert said.saliency is not None
        heat = np.asarray(said.saliency, float)
    else:
        heat = np.zeros((FRAME_SIDE, FRAME_SIDE))
        for x0, y0, x1, y1 in said.boxes:
            heat[round(y0) : round(y1), round(x0) : round(x1)] = 1
    cell = FRAME_SIDE // GRID
    pooled: np.ndarray = heat.reshape(GRID, cell, GRID, cell).mean((1, 3))
    return pooled


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's correlation of two maps; a flat map is like nothing but itself."""
    if not np.ptp(one) or not np.ptp(other):
        return float(np.array_equal(one, other))
    return float(spearmanr(one.ravel(), other.ravel()).statistic)


def likenesses(model_name: str, methods: Sequence[Attributor], limit: int) -> dict[str, list[float]]:
    """Every method's likeness for each answer, under the model and the same model shuffled."""
    cls, answers = recorded(model_name, limit)
    trained, shuffled = cls(), cls()
    for model in (trained, shuffled):
        model.load()
    shuffle(shuffled.model, 0)  # type: ignore[attr-defined]
    methods = [method for method in methods if not missing(method, cls)]
    captures = frozenset[Any]().union(*(method.captures for method in methods))
    found: dict[str, list[float]] = {method.name: [] for method in methods}
    for one in answers:
        cases = [
            Case(model, one.frame, one.question, one.answer, one.content, one.seed, captures)
            for model in (trained, shuffled)
        ]
        for method in methods:
            before, after = (coarse_map(method.attribute(case)) for case in cases)
            found[method.name].append(likeness(before, after))
    return found


def main() -> None:
    """Compare, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit", type=int, default=24, help="answers of each model")
    args = parser.parse_args()
    classes = [cls for cls in Registry.discover().all("attributor") if cls.name not in NEEDING_FILES]
    methods = [cls() for cls in classes]
    for method in methods:
        method.load()
    report = {}
    for model in MODELS:
        found = likenesses(model, methods, args.limit)
        report[model] = {name: round(float(np.mean(values)), 3) for name, values in found.items()}
        print(f"{model}, {args.limit} answers")
        for name, value in sorted(report[model].items(), key=lambda item: item[1]):
            print(f"  {value:6.3f}  {name}")
    RESULTS.write_text(json.dumps({"limit": args.limit, "spearman": report}, indent=1) + "\n")


if __name__ == "__main__":
    main()
