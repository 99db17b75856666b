"""Separable unbalanced transport against POT's dense solver on the same images.

Run from the repository's root: ``python -m benchmarks.uot``. Prints seconds, their ratio and the
largest difference of the plans at 56 x 56 cells, and the time of the separable solver at 224 x 224, where a
dense plan would need 20 GB.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np

from plugins.attributors.medfocus.uot import Plan, pair_percentile, solve


def picture(grid: int, seed: int) -> np.ndarray:
    """A smooth body on an empty ground with sum 1, float64 [grid, grid]."""
    rng = np.random.default_rng(seed)
    y, x = (np.mgrid[0:grid, 0:grid] + 0.5) / grid - 0.5
    image = np.zeros((grid, grid))
    for cx, cy, wide, tall, level in rng.uniform((-0.3, -0.3, 0.08, 0.08, 0.2), (0.3, 0.3, 0.3, 0.3, 1), (12, 5)):
        image += level * np.exp(-(((x - cx) / wide) ** 2) - ((y - cy) / tall) ** 2)
    image[(np.abs(x) > 0.42) | (image < 0.02 * image.max())] = 0
    return image / image.sum()


def dense_plan(plan: Plan) -> np.ndarray:
    """The plan between the pixels that carry mass, formed in full."""
    rows, cols = plan.source.ravel() > 0, plan.target.ravel() > 0
    kernel = np.kron(plan.ky, plan.kx)[np.ix_(rows, cols)]
    return plan.u.ravel()[rows, None] * kernel * plan.v.ravel()[None, cols]


def pot_plan(source: np.ndarray, target: np.ndarray, epsilon: float = 0.05, lam: float = 0.1) -> np.ndarray:
    """POT's dense solution of the same problem, between the pixels that carry mass."""
    import ot

    s, t = np.argwhere(source > 0).astype(float), np.argwhere(target > 0).astype(float)
    cost = ot.dist(s, t, "sqeuclidean")
    cost /= np.percentile(cost, 90)
    plan: np.ndarray = ot.unbalanced.sinkhorn_unbalanced(
        source[source > 0], target[target > 0], cost, reg=epsilon, reg_m=lam, reg_type="entropy",
        numItermax=500, stopThr=1e-6,
    )  # fmt: skip
    return plan


def best(function: Callable[[], object], repeats: int = 3) -> tuple[float, object]:
    """(least seconds, result) of a function without arguments."""
    seconds, result = float("inf"), None
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        seconds = min(seconds, time.perf_counter() - start)
    return seconds, result


def main() -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    source, target = picture(56, 0), picture(56, 1)

    fast, plan = best(lambda: solve(source, target))
    slow, expected = best(lambda: pot_plan(source, target), repeats=1)
    assert isinstance(plan, Plan) and isinstance(expected, np.ndarray)
    difference = np.abs(dense_plan(plan) - expected).max()
    print(f"56 x 56, {int(plan.iterations)} iterations: separable {fast:.4f} s, POT dense {slow:.3f} s")
    print(f"ratio {slow / fast:.0f}")
    print(f"largest difference of the plans {difference:.1e}, of entries up to {expected.max():.1e}")

    wide, goal = picture(224, 0), picture(224, 1)
    seconds, plan = best(lambda: solve(wide, goal), repeats=1)
    assert isinstance(plan, Plan)
    scale, _ = best(lambda: pair_percentile(wide > 0, goal > 0, 90), repeats=1)
    print(f"224 x 224, {int(plan.iterations)} iterations: separable {seconds:.2f} s")
    print(f"of which the cost's percentile {scale:.2f} s")


if __name__ == "__main__":
    main()
