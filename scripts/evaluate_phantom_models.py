"""Do the embedded models read the image? Balanced accuracy per finding on test films, and controls.

``python -m scripts.evaluate_phantom_models`` asks each model, through its plugin, about every finding on films where
it is there (of ordinary contrast, and apart from these subtle ones) and on films where it is not, in both modes.
Controls: a blank frame, and the frame of another patient; a model that reads the image is at chance on both.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness import Model, Registry
from harness.bench.verdict import final_answer
from harness.contracts.mode import MODES, Mode, question
from harness.imaging.frame import FRAME_SIDE
from harness.imaging.read import letterbox
from plugins.phantom import splits
from plugins.phantom.kinds import ATTRIBUTES
from plugins.phantom.population import ORDINARY, person
from plugins.phantom.radiograph import Radiograph
from scripts.build_phantom_bench import MODELS, SMALL

RESULTS = Path("docs/phantom_models.json")


class Films:
    """Test films, and how plain and how large each finding on them is."""

    def __init__(self, seeds: Sequence[int], each: int) -> None:
        frames, contrast, size = [], [], []
        for seed in seeds:
            film = Radiograph(person(seed))
            frames.append(letterbox(film.image(), FRAME_SIDE)[0])
            contrast.append([film.drawn[k].contrast if k in film.drawn else 0.0 for k in ATTRIBUTES])
            size.append([100 * film.signal(k).mean() if k in film.drawn else 0.0 for k in ATTRIBUTES])
            plain = np.array(contrast) >= ORDINARY
            if plain.sum(0).min() >= each:
                break
        self.frames, self.contrast, self.size = np.stack(frames), np.array(contrast), np.array(size)

    def rows(self, k: int, each: int) -> dict[str, list[int]]:
        """Films for one finding: without it, with a plain one, with a subtle one, with a plain but small one."""
        there, plain = self.contrast[:, k] > 0, self.contrast[:, k] >= ORDINARY
        groups = {"absent": ~there, "ordinary": plain, "subtle": there & ~plain,
                  "ordinary, small": plain & (self.size[:, k] < SMALL)}  # fmt: skip
        return {name: np.flatnonzero(chosen)[:each].tolist() for name, chosen in groups.items()}


def said(model: Model, frames: np.ndarray, rows: Sequence[int], asked: str, verdict: str) -> float:
    """The share of films of which the model says so."""
    return float(np.mean([final_answer(model.answer(frames[k], asked)) == verdict for k in rows])) if rows else np.nan


def report(model: Model, films: Films, mode: Mode, each: int) -> dict[str, Any]:
    """Balanced accuracy by finding on films of ordinary contrast, sensitivity to the rest, and the controls."""
    accuracy, subtle, small, blank, other = {}, {}, {}, [], []
    black, exchanged = np.zeros_like(films.frames[:1]), np.roll(films.frames, 7, axis=0)
    for k, name in enumerate(ATTRIBUTES):
        rows, asked = films.rows(k, each), question(name, mode)
        no = said(model, films.frames, rows["absent"], asked, "no")
        accuracy[name] = (said(model, films.frames, rows["ordinary"], asked, "yes") + no) / 2
        subtle[name] = said(model, films.frames, rows["subtle"], asked, "yes")
        small[name] = said(model, films.frames, rows["ordinary, small"], asked, "yes")
        some = slice(0, min(each, 10))
        blank.append(sum(said(model, black, [0], asked, verdict) for verdict in ("yes", "no")) / 2)
        # The frame of another patient, who has the finding or not, as it happens.
        yes = said(model, exchanged, rows["ordinary"][some], asked, "yes")
        other.append((yes + said(model, exchanged, rows["absent"][some], asked, "no")) / 2)
    rounded = {
        name: {k: round(v, 3) for k, v in found.items() if np.isfinite(v)}
        for name, found in (("accuracy", accuracy), ("found though subtle", subtle), ("found though small", small))
    }
    controls = {
        "blank frame": round(float(np.mean(blank)), 3),
        "another patient's frame": round(float(np.mean(other)), 3),
    }
    return {"each": each, "films": len(films.frames), **rounded, "controls": controls}


def main() -> None:
    """Ask, count, print and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--each", type=int, default=40, help="films with, and films without, a finding")
    parser.add_argument("--develop", action="store_true", help="development films: nothing is written")
    parser.add_argument("--model", action="append", choices=MODELS)
    parser.add_argument("--mode", action="append", choices=MODES)
    args = parser.parse_args()
    registry = Registry.discover()
    films = Films(splits.DEVELOP[2000:] if args.develop else splits.TEST, args.each)
    print(f"{len(films.frames)} films, {args.each} with and {args.each} without each finding")
    for name in args.model or MODELS:
        model = registry.find("model", name)()
        model.load()
        for mode in args.mode or MODES:
            found = report(model, films, mode, args.each)
            worst = min(found["accuracy"].items(), key=lambda item: item[1])
            print(f"{name} {mode}: mean {np.mean(list(found['accuracy'].values())):.3f}, worst {worst}")
            print(json.dumps({key: found[key] for key in found if key not in ("each", "films")}, indent=1))
            if not args.develop:
                # Read anew: another process may have written about the other model.
                results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
                results.setdefault(name, {})[mode] = found
                RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
