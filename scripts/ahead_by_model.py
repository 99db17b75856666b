"""Is one method ahead of every other, for each model and mode by itself?

``python -m scripts.ahead_by_model RUN --method medfocus-zoom`` prints what each other method has, how far the method is
ahead, and the p of the boards' test (a bootstrap-t over images of the differences paired by record), adjusted by Holm
for the other methods of the line's group.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from leaderboard.read.joined import read_runs
from leaderboard.statistics.mean_test import bootstrap_t
from leaderboard.statistics.resampling import cluster_sums, holm


def main() -> None:
    """Read, test, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, nargs="+", help="folder of a run, with a journal")
    parser.add_argument("--method", default="medfocus-zoom")
    parser.add_argument("--metric", default="iou")
    args = parser.parse_args()
    found: dict[tuple[str, str], dict[str, dict[tuple[str, int], float]]] = defaultdict(lambda: defaultdict(dict))
    images: dict[tuple[str, int], str] = {}
    for run in read_runs(args.run):
        for row in run.rows:
            key = row.source, row.index
            images[key] = row.image or str(row.index)
            found[row.mode, row.model][row.attributor][key] = 100 * float(row.metrics.get(args.metric) or 0)
    for (mode, model), methods in sorted(found.items()):
        own = methods.pop(args.method)
        keys = sorted(own)
        ahead = np.array([[own[key] - rest[key] for rest in methods.values()] for key in keys])
        sums, _ = cluster_sums(ahead, np.array([images[key] for key in keys]))
        adjusted = holm(bootstrap_t(sums))
        print(f"\n{mode}, {model}: {args.method} {np.mean(list(own.values())):.1f} of {len(keys)} records")
        print("\n| method | IoU | behind by | p |\n| --- | ---: | ---: | ---: |")
        order = np.argsort(ahead.mean(0), kind="stable")
        for place in order:
            name, rest = list(methods.items())[place]
            p = "< 0.001" if adjusted[place] < 0.001 else f"{adjusted[place]:.3f}"
            print(f"| {name} | {np.mean(list(rest.values())):.1f} | {ahead[:, place].mean():.1f} | {p} |")


if __name__ == "__main__":
    main()
