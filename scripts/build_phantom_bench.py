"""Build the phantom benchmark that ships: samples, both models' answers, and the causal filter over them.

``python -m scripts.build_phantom_bench --patients N`` writes ``samples.json``, the records that survive and a report of
what was dropped and why. Nothing is random: the same patients and weights give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import time

from harness import Registry
from harness.benchmark import write_records
from harness.causal import Survival, ask, counterfactuals, judge
from harness.source import MODES
from plugins.phantom import splits
from plugins.sources.phantom import BENCH, Phantom, enumerate_samples
from scripts.evaluate_phantom_models import MODELS


def main() -> None:
    """Ask every model about every sample in every mode, filter, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--patients", type=int, default=100)
    args = parser.parse_args()
    registry = Registry.discover()
    editor, source = registry.find("editor", "phantom")(), Phantom()
    models = [registry.find("model", name)() for name in MODELS]
    for model in models:
        model.load()
    survival, records, samples, start = Survival(), [], [], time.perf_counter()
    for sample in enumerate_samples(splits.BENCH[: args.patients]):
        samples.append([sample.image, sample.attribute, [int(edge) for edge in sample.boxes[0]]])
        image = source.image(sample)
        images = (image, *counterfactuals(editor, image, sample, 0))
        for model in models:
            for mode in MODES:
                record = ask(model, images, sample, mode)
                reason = judge(record)
                survival.add(record, sample, reason)
                if reason is None:
                    records.append(record)
        if len(samples) % 20 == 0:
            print(f"{len(samples)} samples, {len(records)} records, {time.perf_counter() - start:.0f} s", flush=True)
    BENCH.mkdir(exist_ok=True)
    rows = ",\n".join(json.dumps(row) for row in samples)
    (BENCH / "samples.json").write_text(f"[\n{rows}\n]\n", encoding="utf-8")
    write_records(BENCH, records)
    (BENCH / "survival.json").write_text(json.dumps(survival.as_dict(), indent=1) + "\n", encoding="utf-8")
    print("\n".join(survival.lines()))


if __name__ == "__main__":
    main()
