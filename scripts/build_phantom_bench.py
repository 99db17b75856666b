"""Build the phantom benchmark that ships: choose its patients and list their findings; ``harness build`` does the rest.

``python -m scripts.build_phantom_bench --patients N`` writes ``samples.json``, the records that survive, and
``survival.json``, which says what was dropped and why. Nothing is random: the same patients and weights give the same
bytes.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness import Registry
from harness.building.benchmark import make_benchmark
from harness.building.settings import BuildSettings
from harness.contracts.mode import MODES
from plugins.phantom import splits
from plugins.sources.phantom import BENCH, enumerate_samples
from scripts.evaluate_phantom_models import MODELS


def write_samples(patients: int) -> None:
    """List the findings of the first patients of the benchmark's split, as the source reads them."""
    samples = enumerate_samples(splits.BENCH[:patients])
    rows = ",\n".join(json.dumps([s.image, s.attribute, [int(edge) for edge in s.boxes[0]]]) for s in samples)
    BENCH.mkdir(exist_ok=True)
    (BENCH / "samples.json").write_text(f"[\n{rows}\n]\n", encoding="utf-8")


def survival(report: dict[str, Any]) -> dict[str, Any]:
    """The counts that ship: a build's report by mode and model, without its settings."""
    runs = {f"{run['mode']} {run['model']}": run for run in report["filter"]}
    apart = ("mode", "model", "source", "attributes")
    return {
        name: {key: value for key, value in run.items() if key not in apart} | {"by attribute": run["attributes"]}
        for name, run in sorted(runs.items())
    }


def main() -> None:
    """List, build, copy."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--patients", type=int, default=100)
    args = parser.parse_args()
    write_samples(args.patients)
    with TemporaryDirectory() as name:
        folder = Path(name)
        settings = BuildSettings(sources=["phantom"], models=list(MODELS), output=folder)
        make_benchmark(Registry.discover(), settings)
        for mode in MODES:
            shutil.copyfile(folder / f"{mode}.json", BENCH / f"{mode}.json")
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    (BENCH / "survival.json").write_text(json.dumps(survival(report), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
