"""What a number format does to each method's maps: the same answers explained in float32 and in bfloat16.

``python -m scripts.number_formats`` runs ``harness eval --noise --keep-maps`` on the embedded models in either format,
and once more in float32 with another batch size, and prints for each method how alike its maps and boxes are, and which
share of its maps varies by no more than its noise. Control: ``center-prior``, which asks no model, is the same in all.
Where it was stopped, it goes on. Figures of methods that are not explained this time stay in the file.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
from rich.console import Console

import harness
from harness import Registry
from harness.contracts.explained import heat_of
from harness.imaging.correlation import rank_correlation
from harness.imaging.frame import FRAME_SIDE, Letterbox, to_boxes
from harness.imaging.overlap import overlap
from harness.run.noise import is_flat
from harness.run.results import read_results
from harness.run.row import ResultKey, Row
from leaderboard.kept_maps import read_map
from scripts.evaluate_phantom_models import MODELS

RESULTS = Path("docs/number_formats.json")
NEEDING_FILES = {"prompting-medsam", "maps-from-files"}
FLOAT, OTHER_BATCH, BFLOAT = "float32", "float32, batches of 5", "bfloat16"
RUNS: dict[str, tuple[list[str], bool]] = {
    FLOAT: (["dtype=float32"], True),
    OTHER_BATCH: (["dtype=float32", "batch_size=5"], False),
    BFLOAT: (["dtype=bfloat16"], True),
}


def explain(folder: Path, methods: Sequence[str], limit: int) -> dict[str, Path]:
    """The folders of the runs, by what they are called."""
    folders = {}
    for name, (settings, noise) in RUNS.items():
        folders[name] = folder / name.replace(", ", "-").replace(" ", "-")
        harness.evaluate(
            list(methods),
            list(MODELS),
            options=[f"{model}.{setting}" for model in MODELS for setting in settings],
            limit=limit,
            noise=noise,
            keep_maps=True,
            output=folders[name],
            threads=1,
            console=Console(stderr=True),
        )
    return folders


def likeness(one: Row, other: Row, folders: tuple[Path, Path]) -> tuple[float, float, bool]:
    """Of two results about one record: the rank correlation of their maps, the IoU of their boxes, and whether either
    has the other's digits."""
    assert one.size is not None
    content = Letterbox(*one.size).content
    maps = [heat_of(read_map(folder, row), FRAME_SIDE) for folder, row in zip(folders, (one, other), strict=True)]
    said, true = to_boxes(one.boxes), to_boxes(other.boxes)
    same = overlap(said, true).iou if said and true else float(said == true)
    equal = one.map_range == other.map_range and np.array_equal(*maps)
    return rank_correlation(*maps, content), same, equal


def figures(folders: dict[str, Path]) -> dict[str, dict[str, float | int | None]]:
    """For each method: how like float32 the other runs are, and the shares of flat maps."""
    rows: dict[str, dict[ResultKey, Row]] = {
        name: {row.key: row for row in read_results(folder).rows if row.status == "ok"}
        for name, folder in folders.items()
    }
    found: dict[str, dict[str, float | int | None]] = {}
    for method in dict.fromkeys(key.attributor for key in rows[FLOAT]):
        keys = [key for key in rows[FLOAT] if key.attributor == method and all(key in of for of in rows.values())]
        about: dict[str, float | int | None] = {"records": len(keys)}
        for name in (OTHER_BATCH, BFLOAT):
            pairs = [likeness(rows[FLOAT][k], rows[name][k], (folders[FLOAT], folders[name])) for k in keys]
            about[f"correlation, {name}"] = mean(correlation for correlation, _, _ in pairs)
            for flat in (False, True):
                some = [said[0] for key, said in zip(keys, pairs, strict=True) if is_flat(rows[name][key]) == flat]
                about[f"correlation of {'flat' if flat else 'other'} maps, {name}"] = mean(some) if some else None
            about[f"IoU of boxes, {name}"] = mean(same for _, same, _ in pairs)
            about[f"same digits, {name}"] = mean(equal for _, _, equal in pairs)
        for name in (FLOAT, BFLOAT):
            maps = [rows[name][key] for key in keys if rows[name][key].map_range is not None]
            about[f"flat, {name}"] = mean(is_flat(row) for row in maps) if maps else None
        found[method] = about
    return found


def mean(values: Iterable[float]) -> float:
    """With three decimals."""
    return round(fmean(values), 3)


def table(found: dict[str, dict[str, float | int | None]]) -> str:
    """Most of the figures in Markdown."""
    shown = {
        "records": "records",
        "batch": f"correlation, {OTHER_BATCH}",
        "same digits": f"same digits, {OTHER_BATCH}",
        "bfloat16": f"correlation, {BFLOAT}",
        "IoU": f"IoU of boxes, {BFLOAT}",
        "flat in float32": f"flat, {FLOAT}",
        "in bfloat16": f"flat, {BFLOAT}",
    }
    lines = [f"| method | {' | '.join(shown)} |", "| --- |" + " ---: |" * len(shown)]
    for method, about in found.items():
        values = [about[name] for name in shown.values()]
        cells = ["–" if v is None else f"{v:.2f}" if isinstance(v, float) else str(v) for v in values]
        lines.append(f"| `{method}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Explain, compare, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit", type=int, default=24, help="records, of both models and modes together")
    parser.add_argument("--work", type=Path, default=Path("number-formats"), help="folder of the runs")
    parser.add_argument("--attributor", action="append", help="only these methods")
    args = parser.parse_args()
    methods = args.attributor or [
        cls.name for cls in Registry.discover().all("attributor") if cls.name not in NEEDING_FILES
    ]
    found = figures(explain(args.work, methods, args.limit))
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    every = dict(sorted((kept | found).items(), key=lambda item: (item[1][f"correlation, {BFLOAT}"], item[0])))
    print(table(every))
    RESULTS.write_text(json.dumps(every, indent=1) + "\n")


if __name__ == "__main__":
    main()
