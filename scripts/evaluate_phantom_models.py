"""Do the embedded models read the image? Balanced accuracy per finding on test films, and two controls.

``python -m scripts.evaluate_phantom_models`` asks each model, through its plugin, about every finding on films where
it is there and on films where it is not, in both modes. Controls: a blank frame, and the frame of another patient; a
model that reads the image is at chance on both.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from harness import Model, Registry
from harness.bench.verdict import final_answer
from harness.contracts.mode import MODES, Mode, question
from harness.imaging.frame import FRAME_SIDE
from harness.imaging.read import letterbox
from plugins.phantom import splits
from plugins.phantom.film import film
from plugins.phantom.vocabulary import FINDINGS

MODELS = ("phantom-qwen2.5-vl", "phantom-gemma3")
RESULTS = Path("docs/phantom_models.json")


def cases(each: int) -> tuple[np.ndarray, list[tuple[int, list[int], list[int]]]]:
    """Frames, and for each finding ``each`` frames that show it and ``each`` that do not."""
    frames: list[np.ndarray] = []
    present: list[list[bool]] = []
    for seed in splits.TEST:
        shown = film(seed)
        frames.append(letterbox(shown.image(), FRAME_SIDE)[0])
        present.append([finding in shown.findings for finding in FINDINGS])
        if np.sum(present, axis=0).min() >= each:
            break
    table = np.array(present)
    rows = [
        (k, np.flatnonzero(table[:, k])[:each].tolist(), np.flatnonzero(~table[:, k])[:each].tolist())
        for k in range(len(FINDINGS))
    ]
    return np.stack(frames), rows


def balanced(model: Model, frames: np.ndarray, there: list[int], absent: list[int], asked: str) -> float:
    """Mean of the shares of right answers where the finding is there and where it is not."""
    yes = np.mean([final_answer(model.answer(frames[k], asked)) == "yes" for k in there])
    no = np.mean([final_answer(model.answer(frames[k], asked)) == "no" for k in absent])
    return float((yes + no) / 2)


def main() -> None:
    """Ask, count, print and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--each", type=int, default=50, help="films with, and films without, a finding")
    parser.add_argument("--model", action="append", choices=MODELS)
    parser.add_argument("--mode", action="append", choices=MODES)
    args = parser.parse_args()
    registry = Registry.discover()
    frames, rows = cases(args.each)
    print(f"{len(frames)} test films, {args.each} with and {args.each} without each finding")
    for name in args.model or MODELS:
        model = registry.find("model", name)()
        model.load()
        for mode in args.mode or MODES:
            accuracy, controls = _report(model, frames, rows, mode)
            worst = min(accuracy.items(), key=lambda item: item[1])
            print(f"{name} {mode}: mean {np.mean(list(accuracy.values())):.3f}, worst {worst}")
            for title, value in [*accuracy.items(), *controls.items()]:
                print(f"    {value:.3f}  {title}")
            # Read anew: another process may have written about the other model.
            results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
            report = {"each": args.each, "films": len(frames), "accuracy": accuracy, "controls": controls}
            results.setdefault(name, {})[mode] = report
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def _report(
    model: Model, frames: np.ndarray, rows: list[tuple[int, list[int], list[int]]], mode: Mode
) -> tuple[dict[str, float], dict[str, float]]:
    """Balanced accuracy of each finding, and the mean of each control's."""
    accuracy, blank, swapped = {}, [], []
    black, other = np.zeros_like(frames[:1]), np.roll(frames, 7, axis=0)
    for k, there, absent in rows:
        asked = question(FINDINGS[k].attribute, mode)
        accuracy[FINDINGS[k].attribute] = balanced(model, frames, there, absent, asked)
        blank.append(balanced(model, black, [0], [0], asked))
        # The frame of another patient, who has the finding or not, as it happens.
        swapped.append(balanced(model, other, there[:10], absent[:10], asked))
    return accuracy, {"blank frame": float(np.mean(blank)), "another patient's frame": float(np.mean(swapped))}


if __name__ == "__main__":
    main()
