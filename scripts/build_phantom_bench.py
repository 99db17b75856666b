"""Build the phantom benchmark that ships: samples, both models' answers, and the causal filter over them.

``python -m scripts.build_phantom_bench --patients N`` writes ``samples.json``, the records that survive, and
``survival.json``, which says what was dropped and why. Nothing is random: the same patients and weights give the same
bytes.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor

from harness import Model, Registry
from harness.benchmark import Record, write_records
from harness.causal import Survival, ask, counterfactuals, judge
from harness.source import MODES, Sample
from plugins.editors.phantom import PhantomEditor
from plugins.phantom import splits
from plugins.sources.phantom import BENCH, Phantom, enumerate_samples
from scripts.evaluate_phantom_models import MODELS

_loaded: list[Model] = []


def load() -> None:
    """Bring the models into a worker's memory."""
    import torch

    torch.set_num_threads(1)
    registry = Registry.discover()
    for name in MODELS:
        _loaded.append(registry.find("model", name)())
        _loaded[-1].load()


def answers(sample: Sample) -> list[Record]:
    """Every model's answers about one sample and its edits, in both modes."""
    image = Phantom().image(sample)
    images = (image, *counterfactuals(PhantomEditor(), image, sample))
    return [ask(model, images, sample, mode) for model in _loaded for mode in MODES]


def main() -> None:
    """Ask, filter, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--patients", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    samples = list(enumerate_samples(splits.BENCH[: args.patients]))
    survival, kept, start = Survival(), list[Record](), time.perf_counter()
    with ProcessPoolExecutor(args.workers, initializer=load) as pool:
        for sample, records in zip(samples, pool.map(answers, samples), strict=True):
            for record in records:
                reason = judge(record)
                survival.add(record, sample, reason)
                if reason is None:
                    kept.append(record)
            if sample.index % 20 == 0:
                seconds = time.perf_counter() - start
                print(f"{sample.index + 1} of {len(samples)} samples, {len(kept)} records, {seconds:.0f} s", flush=True)
    BENCH.mkdir(exist_ok=True)
    rows = ",\n".join(json.dumps([s.image, s.attribute, [int(edge) for edge in s.boxes[0]]]) for s in samples)
    (BENCH / "samples.json").write_text(f"[\n{rows}\n]\n", encoding="utf-8")
    write_records(BENCH, kept)
    (BENCH / "survival.json").write_text(json.dumps(survival.as_dict(), indent=1) + "\n", encoding="utf-8")
    print("\n".join(survival.lines()))


if __name__ == "__main__":
    main()
