"""Make the phantom benchmark anew: films, models, planted models, pool, priors, accuracies, records, recipe.

``python -m scripts.make_phantom_benchmark`` does it all, in some hours on two cores, and goes on from what an ended run
left in ``work/``: weights go to ``plugins/models``, records and ``recipe.json`` (commit, seeds, versions, hashes, every
accuracy) beside the sources. What ships now was made by these steps, but not by one run (docs/phantom.md). ``--smoke``
goes through films and training with a few films and steps, into a folder of its own, in minutes.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from plugins.phantom import splits
from plugins.sources.phantom import BENCH, PLANTED_BENCH
from scripts.evaluate_phantom_models import RESULTS

MODELS = Path("plugins/models")
FAMILIES = ("gemma3", "qwen2_5_vl")
LIBRARIES = ("torch", "transformers", "numpy", "scipy", "pillow")
# Films and steps of a full run, and of a smoke.
FULL = {"train": 5000, "develop": 600, "planted": 1500, "see gemma3": 8600, "see qwen2_5_vl": 7400, "words": 600,
        "talk": 1200, "all": 1500, "polish": 400, "plant": 300, "test": 100, "records": 36,
        "planted records": 64, "priors": 2000}  # fmt: skip
SMOKE = {"train": 20, "develop": 80, "planted": 20, "see gemma3": 3, "see qwen2_5_vl": 3, "words": 2, "talk": 2,
         "all": 2, "polish": 2, "plant": 2, "test": 1, "records": 1, "planted records": 1, "priors": 60}  # fmt: skip


def start(module: str, *words: object) -> subprocess.Popen[bytes]:
    """Start one of our scripts."""
    command = [sys.executable, "-m", f"scripts.{module}", *map(str, words)]
    print("$", " ".join(command), flush=True)
    return subprocess.Popen(command)


def run(module: str, *words: object) -> None:
    """Run one of our scripts to its end."""
    finish(start(module, *words))


def finish(*started: subprocess.Popen[bytes]) -> None:
    """Wait for what was started; what fails ends it all."""
    if sum(process.wait() != 0 for process in started):
        raise SystemExit(1)


def films(work: Path, size: dict[str, int]) -> None:
    """Render what the models learn from."""
    for split, folder, bodies, each, more in (
        ("TRAIN", "train", size["train"], 3, ()),
        ("DEVELOP", "develop", size["develop"], 1, ()),
        ("TRAIN", "planted-train", size["planted"], 1, ("--planted",)),
        ("DEVELOP", "planted-develop", size["develop"] // 2, 1, ("--planted",)),
    ):
        run("phantom_films", work / "films" / folder, "--split", split, "--bodies", bodies, "--each", each, *more)


def train(work: Path, size: dict[str, int]) -> None:
    """Train both families beside each other, a core each, and then their planted kin."""

    def both(*words: object) -> None:
        finish(*(start("train_phantom_models", family, work / "films", work / family, "--threads", 1,
                       "--see", size[f"see {family}"], *words) for family in FAMILIES))  # fmt: skip

    both(*(word for name in ("words", "talk", "all", "polish") for word in (f"--{name}", size[name])))
    both("--planted", size["plant"])


def install(work: Path, models: Path) -> None:
    """Put the finished checkpoints where the model plugins look for them."""
    for family in FAMILIES:
        for made, name in (("checkpoint", f"phantom_{family}"), ("checkpoint-planted", f"phantom_{family}_planted")):
            shutil.copytree(work / family / made, models / name, dirs_exist_ok=True)


def recipe(models: Path, size: dict[str, int], films_folder: Path) -> dict[str, Any]:
    """Where all of it comes from."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    weights = sorted(models.glob("phantom_*/model.safetensors"))
    data = sha256()
    for part in sorted(films_folder.rglob("part-*.npz")):
        data.update(part.read_bytes())
    return {
        "command": "python -m scripts.make_phantom_benchmark",
        "commit": commit,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
        "size": size,
        "seeds": {name: [getattr(splits, name).start, getattr(splits, name).stop]
                  for name in ("TRAIN", "DEVELOP", "TEST", "POOL", "BENCH")},
        "films sha256": data.hexdigest(),
        "weights sha256": {path.parent.name: sha256(path.read_bytes()).hexdigest() for path in weights},
        "accuracy": json.loads(RESULTS.read_text()) if RESULTS.exists() else {},
    }  # fmt: skip


def main() -> None:
    """All steps, each of which goes on from what is there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("work"), help="films and checkpoints")
    parser.add_argument("--smoke", action="store_true", help="the films and the training alone, at a toy's size")
    args = parser.parse_args()
    size = SMOKE if args.smoke else FULL
    films(args.work, size)
    train(args.work, size)
    if args.smoke:
        install(args.work, args.work / "models")
        print(json.dumps(recipe(args.work / "models", size, args.work / "films"), indent=1))
        return
    install(args.work, MODELS)
    run("build_phantom_pool")
    run("fit_phantom_priors", "--train", size["priors"])
    run("evaluate_phantom_models", "--each", size["test"])
    run("build_phantom_bench", "--work", args.work / "bench", "--each", size["records"])
    run("build_phantom_bench", "--planted", "--work", args.work / "bench", "--each", size["planted records"])
    for bench in (BENCH, PLANTED_BENCH):
        text = json.dumps(recipe(MODELS, size, args.work / "films"), indent=1)
        (bench / "recipe.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
