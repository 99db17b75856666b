"""Which methods a planted cause fools: a test by film, for each method of a run on the planted benchmark.

``python -m scripts.planted_test RUN`` prints for each method and mode on how many films its boxes lie more on the
lesion, which the models do not use, than on the mark, which they answer by. An answer of which the boxes lie on both
alike, or on neither, is left out. A film counts as fooled where more than half of its answers are (two models may have
been asked about it); one that is half and half is left out. The null hypothesis is a method that takes the one as often
as the other: an exact two-sided binomial test over the films.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from harness.contracts.mode import MODES
from leaderboard.read.joined import read_runs


def films(values: dict[str, list[float]]) -> tuple[int, int]:
    """How many films fooled a method, and how many it saw through."""
    means = np.array([np.mean(one) for one in values.values()])
    return int((means > 0.5).sum()), int((means < 0.5).sum())


def main() -> None:
    """Read, count, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, nargs="+", help="folder of a run, with a journal")
    args = parser.parse_args()
    found: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in read_runs(args.run):
        for row in run.rows:
            cause, lesion = row.metrics.get("iou"), row.metrics.get("iou-plausible")
            if cause is not None and lesion is not None and cause != lesion:
                found[row.mode, row.attributor][row.image or str(row.index)].append(float(lesion > cause))
    for mode in MODES:
        print(f"\n| {mode}: method | fooled films | seen through | share fooled, % | p |")
        print("| --- | ---: | ---: | ---: | ---: |")
        counted = {name: films(values) for (told, name), values in found.items() if told == mode}
        for name, (yes, no) in sorted(counted.items(), key=lambda item: -item[1][0]):
            p = binomtest(yes, yes + no).pvalue if yes + no else 1.0
            share = f"{100 * yes / (yes + no):.0f}" if yes + no else "–"
            print(f"| {name} | {yes} | {no} | {share} | {'< 0.001' if p < 0.001 else f'{p:.3f}'} |")


if __name__ == "__main__":
    main()
