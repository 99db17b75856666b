"""What is saved where frames are looked at once: both modes of the embedded records with the image memory and without.

Run from the repository's root: ``python -m benchmarks.image_memory [--limit N]``. The two sides take turns, record by
record, on the same frames; printed are the seconds of the methods and their ratio. The bits are compared on the way.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from harness import load_attributor, load_model
from harness.bench.records import read_records
from harness.contracts.case import Case
from harness.contracts.mode import MODES
from harness.imaging.read import letterbox
from plugins.sources.phantom import BENCH, Phantom

MODELS = ("phantom-qwen2.5-vl", "phantom-gemma3")
METHODS = ("medfocus", "medfocus-zoom", "occlusion", "rise")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit", type=int, default=24, help="samples a model, each in both modes")
    args = parser.parse_args()
    source = Phantom(None)
    samples = {sample.index: sample for sample in source.samples()}
    methods = {name: load_attributor(name) for name in METHODS}
    for label in MODELS:
        model = load_model(label)
        records = {mode: {r.index: r for r in rows if r.model == label} for mode, rows in read_records(BENCH).items()}
        both = sorted(records["direct"].keys() & records["reasoning"].keys())
        for name, method in methods.items():
            spent = {"with": 0.0, "without": 0.0}
            for index in both[:: max(1, len(both) // args.limit)][: args.limit]:
                frame, place = letterbox(source.image(samples[index]))
                maps: dict[str, list[np.ndarray]] = {}
                for side in spent:
                    model._memory.clear()
                    model._memory._on = side == "with"
                    for mode in MODES:
                        question, answer = samples[index].question(mode), records[mode][index].prediction.strip()
                        case = Case(model, frame, question, answer, place.content)
                        start = time.perf_counter()
                        said = method.attribute(case)
                        spent[side] += time.perf_counter() - start
                        maps.setdefault(side, []).append(np.array(said.boxes or said.saliency))
                assert all((a == b).all() for a, b in zip(maps["with"], maps["without"], strict=True))
            count = 2 * args.limit
            print(
                f"{label:20} {name:14} {spent['with'] / count:.3f} s a record with, {spent['without'] / count:.3f} s "
                f"without: {spent['without'] / spent['with']:.2f} times"
            )


if __name__ == "__main__":
    main()
