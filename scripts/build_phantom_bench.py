"""Build the phantom benchmarks that ship: choose patients and list their findings; ``harness build`` does the rest.

``python -m scripts.build_phantom_bench`` writes ``samples.json``, the records that survive, and ``survival.json``,
which says by finding, contrast and gate what was dropped; ``--planted`` does so for the planted causes. Nothing is
random: the same patients and weights give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from harness import Registry
from harness.building.benchmark import Built, make_benchmark
from harness.building.settings import BuildSettings
from harness.contracts.mode import MODES
from harness.imaging.frame import Box
from plugins.phantom import splits
from plugins.phantom.film import PLAIN, PLANTED, film
from plugins.phantom.kinds import ATTRIBUTES
from plugins.phantom.marks import MARKS
from plugins.phantom.population import ORDINARY
from plugins.phantom.truth import Truth
from plugins.sources.phantom import BENCH, PLANTED_BENCH, Phantom, PhantomPlanted

MODELS = ("phantom-qwen2.5-vl", "phantom-gemma3")
PLANTED_MODELS = tuple(f"{name}-planted" for name in MODELS)
PATIENTS, PLANTED_PATIENTS = splits.BENCH[:500_000], splits.BENCH[500_000:]
SMALL = 1.5  # per cent of the film: the signal of a finding below this is small


def samples(each: int) -> Iterator[dict[str, Any]]:
    """Findings of the benchmark's patients, in the order of their seeds, until there are ``each`` of every kind."""
    counts: Counter[str] = Counter()
    for seed in PATIENTS:
        if all(counts[kind] >= each for kind in ATTRIBUTES):
            return
        image = f"{PLAIN}:{seed}"
        shown = film(image)
        truth = Truth(shown)
        for kind in shown.findings:
            if counts[kind] < each:
                counts[kind] += 1
                others = [box for other in shown.findings if other != kind for box in truth.boxes(other)]
                yield row(truth, image, kind) | {
                    "boxes": edges(truth.boxes(kind)), "region": edges(truth.regions(kind)), "others": edges(others),
                    "concepts": truth.acceptable(kind),
                }  # fmt: skip


def planted(each: int) -> Iterator[dict[str, Any]]:
    """Films with a lesion and the mark that stands in for it, ``each`` of every kind."""
    for kind in MARKS:
        made = 0
        for seed in PLANTED_PATIENTS:
            image = f"{PLANTED}:{seed}:{kind}"
            shown = film(image)
            if kind in shown.drawn:
                truth, made = Truth(shown), made + 1
                yield row(truth, image, kind) | {
                    "boxes": edges([shown.mark_boxes[kind]]), "plausible": edges(truth.boxes(kind)), "concepts": (),
                }  # fmt: skip
            if made == each:
                break


def row(truth: Truth, image: str, kind: str) -> dict[str, Any]:
    """What every sample has: its name, and how plain and how large its finding is."""
    shown = truth.film
    size = 100 * float(shown.signal(kind).mean())
    return {"image": image, "attribute": kind, "contrast": round(shown.drawn[kind].contrast, 3), "size": round(size, 2)}


def edges(boxes: Any) -> list[list[int]]:
    """Boxes as lists of whole pixels."""
    return [[int(edge) for edge in Box(*box)] for box in boxes]


def group(sample: dict[str, Any]) -> str:
    """Whether a finding is plain or subtle, large or small."""
    plain = "ordinary" if sample["contrast"] >= ORDINARY else "subtle"
    return f"{plain} contrast, {'small' if sample['size'] < SMALL else 'large'}"


def survival(built: Built, report: dict[str, Any], listed: list[dict[str, Any]]) -> dict[str, Any]:
    """The counts that ship: a build's report by mode and model, and what was dropped by contrast and size."""
    fates: dict[tuple[str, str, str], Counter[str]] = {}
    for one in built.judged:
        key = one.record.mode, one.record.model, group(listed[one.record.index])
        fates.setdefault(key, Counter())[one.dropped or "survived"] += 1
    shipped: dict[str, Any] = {}
    apart = ("mode", "model", "source", "attributes")
    for run in sorted(report["filter"], key=lambda run: (run["mode"], run["model"])):
        mine = {name: counts for (mode, model, name), counts in sorted(fates.items())
                if (mode, model) == (run["mode"], run["model"])}  # fmt: skip
        shipped[f"{run['mode']} {run['model']}"] = {
            **{key: value for key, value in run.items() if key not in apart},
            "by contrast and size": {
                name: {"samples": counts.total(), **dict(sorted(counts.items()))} for name, counts in mine.items()
            },
            "by attribute": run["attributes"],
        }
    return shipped


def main() -> None:
    """List, build, copy."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--each", type=int, default=36, help="samples of each kind of finding")
    parser.add_argument("--planted", action="store_true", help="the benchmark of planted causes")
    parser.add_argument("--work", type=Path, default=Path("work/bench"), help="the build, which goes on from there")
    parser.add_argument("--fresh", action="store_true", help="discard the build that is there")
    args = parser.parse_args()
    bench, models = (PLANTED_BENCH, PLANTED_MODELS) if args.planted else (BENCH, MODELS)
    listed = list((planted if args.planted else samples)(args.each))
    bench.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(sample) for sample in listed)
    (bench / "samples.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(f"{len(listed)} samples, mean size {np.mean([sample['size'] for sample in listed]):.1f}% of the film")
    source = PhantomPlanted.name if args.planted else Phantom.name
    folder = args.work / source
    settings = BuildSettings(sources=[source], models=list(models), output=folder, fresh=args.fresh)
    built = make_benchmark(Registry.discover(), settings)
    if built.interrupted:
        raise SystemExit(130)
    for mode in MODES:
        shutil.copyfile(folder / f"{mode}.json", bench / f"{mode}.json")
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    kept = survival(built, report, listed)
    (bench / "survival.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
