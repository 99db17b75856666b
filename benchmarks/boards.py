"""How long a board takes, and how much memory, by the number of rows.

``python -m benchmarks.boards --rows 100000`` writes a journal of made-up results of nine methods and reads it into a
board, in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

METHODS = tuple(f"method-{letter}" for letter in "abcdefghi")
MODELS = ("m", "n")


def header(records: int) -> dict[str, Any]:
    """The header of a run of so many records a model."""
    from harness import Registry
    from harness.participants import choose
    from harness.run.header import FORMAT
    from harness.run.provenance import SCORING, describe_metric, environment

    registry = Registry.discover()
    metrics = choose(registry, [], [("metric", cls.name) for cls in registry.defaults("metric")])
    plugin = {"distribution": "d", "version": "1", "module": "m", "code": "c", "options": {}}
    return {
        "format": FORMAT, "scoring": SCORING, **environment(), "seed": 0, "limit": None, "named": [],
        "attributors": list(METHODS), "upsampling": "bilinear", "noise": False, "shard": None,
        "bench": {"direct": {"sha256": "x", "records": records * len(MODELS)}},
        "planned": {"direct": dict.fromkeys(MODELS, records)}, "available": records * len(MODELS),
        "samples": "x", "plugins": {"attributor": dict.fromkeys(METHODS, plugin),
                                    "model": dict.fromkeys(MODELS, plugin)},
        "metrics": {one.label: describe_metric(registry, one) for one in metrics},
    }  # fmt: skip


def write(folder: Path, rows: int) -> int:
    """A journal of about so many rows, and their timings. Returns how many it is."""
    from harness.run.journal_lines import encode
    from harness.run.row import KEY

    records = max(1, rows // (len(METHODS) * len(MODELS)))
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    head, written = header(records), 0
    with (folder / "journal.jsonl").open("wb") as file, (folder / "timings.jsonl").open("w") as timings:
        file.write(encode(head))
        for model in MODELS:
            for index in range(records):
                for name in METHODS:
                    figures = rng.random(4).round(6).tolist()
                    row = _row(index, model, name, figures)
                    file.write(encode(row))
                    about = {part: row[part] for part in KEY} | {"seconds": 0.25, "gpu_bytes": 1000}
                    timings.write(json.dumps({"stage": "attribute", **about}) + "\n")
                    written += 1
    return written


def _row(index: int, model: str, name: str, figures: list[float]) -> dict[str, Any]:
    return {
        "source": "s", "index": index, "model": model, "mode": "direct", "attributor": name, "image": f"{index:016x}",
        "attribute": f"finding {index % 12}", "answer": "Yes", "truth": [[10.0, 10.0, 60.0, 60.0]],
        "true_concepts": [], "truths": {}, "status": "ok", "error": None, "size": [288, 320],
        "boxes": [[1.5, 2.5, 30.25, 40.75], [50.0, 60.0, 99.0, 120.5]], "peak": [20.5, 30.5], "map_range": [0.0, 1.0],
        "map_values": 900, "map_noise": None, "concept": None, "concept_scores": None, "token_scores": [0.25] * 4,
        "concept_token_scores": None, "fallback": False, "completeness": None,
        "metrics": dict(zip(("iou", "precision", "recall", "f1"), figures, strict=True)), "unmeasured": {},
        "forward": 65, "backward": 0,
    }  # fmt: skip


def measure(folder: Path) -> None:
    """Make the board of a folder, and print what that took."""
    from leaderboard.board import make_board
    from leaderboard.render.csv_json import to_csv

    start = time.perf_counter()
    board = make_board([folder])
    made, cpu = time.perf_counter() - start, time.process_time()
    to_csv(board)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    both, both_cpu = time.perf_counter() - start, time.process_time()
    print(
        f"board {made:.1f} s (CPU {cpu:.1f} s), with its CSV {both:.1f} s (CPU {both_cpu:.1f} s), peak {peak:.2f} GiB",
        flush=True,
    )


def main() -> None:
    """Write a journal, and have its board made."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--measure", type=Path, help="of a folder that is there")
    args = parser.parse_args()
    if args.measure is not None:
        measure(args.measure)
        return
    with tempfile.TemporaryDirectory(prefix="harness-boards-") as folder:
        rows = write(Path(folder) / "run", args.rows)
        print(f"{rows:,} rows", flush=True)
        command = [sys.executable, "-m", "benchmarks.boards", "--measure", str(Path(folder) / "run")]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
