"""How often tests of a mean reject at 5% where the mean is zero, and how often where it is not.

Run from the repository's root: ``python -m benchmarks.type_one_error``; minutes. Prints the tables of
``docs/statistics.md``: for each test, kind of differences and number of images, the share of 10,000 made-up data sets
that the test rejects at 5%. Every test that draws makes 4,999 draws; seeds are fixed, so that the figures come out
again. Then the seconds that a board's test takes for all pairs of 40 methods on 240 images.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from scipy.special import stdtr

from leaderboard.statistics.mean_test import bootstrap_t, draws_for

SETS, DRAWS, LEVEL = 10_000, 4_999, 0.05
SIZES = (10, 30, 60, 120, 240)
_AT_ONCE = 250  # draws in memory at a time

KINDS: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "normal": lambda random, shape: random.normal(size=shape),
    "exponential": lambda random, shape: random.exponential(size=shape) - 1,
    "lognormal, 0.5": lambda random, shape: random.lognormal(0, 0.5, shape) - np.exp(0.125),
    "lognormal, 0.75": lambda random, shape: random.lognormal(0, 0.75, shape) - np.exp(0.28125),
    "lognormal, 1": lambda random, shape: random.lognormal(0, 1, shape) - np.exp(0.5),
    "two values, 20% high": lambda random, shape: (random.random(shape) < 0.2) - 0.2,
}


def t_of(sums: np.ndarray, squares: np.ndarray, size: int) -> np.ndarray:
    """Student's t of samples of which the sum and the sum of squares are known; infinite where they do not vary."""
    mean = sums / size
    spread = np.sqrt(np.maximum(squares / size - mean**2, 0) / (size - 1))
    return mean / np.maximum(spread, 1e-12)


def t_test(values: np.ndarray) -> np.ndarray:
    """Student's test."""
    size = len(values)
    return 2 * stdtr(size - 1, -np.abs(t_of(values.sum(axis=0), (values**2).sum(axis=0), size)))


def hall_t(values: np.ndarray) -> np.ndarray:
    """Student's test of Hall's cubic transformation of t, which takes the skewness out (Hall 1992)."""
    size = len(values)
    t = t_of(values.sum(axis=0), (values**2).sum(axis=0), size) / np.sqrt(size)
    centred = values - values.mean(axis=0)
    skew = (centred**3).mean(axis=0) / np.maximum((centred**2).mean(axis=0), 1e-12) ** 1.5
    t = np.clip(t, -1e6, 1e6)
    return 2 * stdtr(size - 1, -np.sqrt(size) * np.abs(t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / (6 * size)))


def sign_flip(values: np.ndarray) -> np.ndarray:
    """Whole clusters change their signs: the board's test until this one. It asks for symmetry, not for the mean."""
    random, hits = np.random.default_rng(0), np.ones(values.shape[1])
    for many in _parts():
        signs = 2.0 * random.integers(2, size=(many, len(values))) - 1
        hits += (np.abs(signs @ values) >= np.abs(values.sum(axis=0)) - 1e-9).sum(axis=0)
    return hits / (DRAWS + 1)


def wild_t(values: np.ndarray) -> np.ndarray:
    """The wild bootstrap of t: each centred cluster is multiplied by one of Mammen's two numbers (Mammen 1993)."""
    low, high = (1 - 5**0.5) / 2, (1 + 5**0.5) / 2
    random, size = np.random.default_rng(0), len(values)
    return _t_by(values, lambda many: np.where(random.random((many, size)) < high / 5**0.5, low, high))


def symmetric_t(values: np.ndarray) -> np.ndarray:
    """The bootstrap of t with both tails taken together."""
    random, size = np.random.default_rng(0), len(values)
    return _t_by(values, lambda many: random.multinomial(size, np.full(size, 1 / size), size=many).astype(float), True)


def _t_by(values: np.ndarray, weigh: Callable[[int], np.ndarray], counts: bool = False) -> np.ndarray:
    """p of |t| among the |t| of weighted centred clusters; ``counts``: weights say how often a cluster is there."""
    size, hits, centred = len(values), np.ones(values.shape[1]), values - values.mean(axis=0)
    observed = np.abs(t_of(values.sum(axis=0), (values**2).sum(axis=0), size)) - 1e-9
    for many in _parts():
        weights = weigh(many)
        squares = (weights if counts else weights**2) @ centred**2
        hits += (np.abs(t_of(weights @ centred, squares, size)) >= observed).sum(axis=0)
    return hits / (DRAWS + 1)


def _parts() -> list[int]:
    return [min(_AT_ONCE, DRAWS - start) for start in range(0, DRAWS, _AT_ONCE)]


TESTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "t": t_test,
    "Hall's t": hall_t,
    "sign-flip": sign_flip,
    "wild t": wild_t,
    "symmetric bootstrap-t": symmetric_t,
    "**bootstrap-t**": lambda values: bootstrap_t(values, DRAWS),
}


def rejected(kind: str, size: int, shift: float, sets: int) -> list[float]:
    """Which share of data sets each test rejects. ``shift``: the true mean, in standard errors."""
    values = KINDS[kind](np.random.default_rng([size, list(KINDS).index(kind)]), (size, sets)).astype(float)
    if shift:
        values += shift * values.std() / np.sqrt(size)
    return [float((test(values) <= LEVEL).mean()) for test in TESTS.values()]


def table(kinds: Sequence[str], shift: float, sets: int) -> None:
    """Print one table as Markdown, in percent."""
    print(f"| differences | images | {' | '.join(TESTS)} |\n|---|---:{'|---:' * len(TESTS)}|")
    for kind in kinds:
        for size in SIZES:
            cells = " | ".join(f"{100 * part:.1f}" for part in rejected(kind, size, shift, sets))
            print(f"| {kind} | {size} | {cells} |", flush=True)


def seconds(methods: int, images: int) -> float:
    """How long all pairs of so many methods take; half of them differ beyond doubt."""
    values = np.linspace(0.1, 0.5, methods) + np.random.default_rng(0).normal(0, 0.25, (images, methods))
    pairs = np.stack([values[:, a] - values[:, b] for a, b in combinations(range(methods), 2)], axis=1)
    start = time.perf_counter()
    bootstrap_t(pairs)
    took = time.perf_counter() - start
    print(
        f"{methods} methods, {images} images: {pairs.shape[1]} pairs, {draws_for(pairs.shape[1])} draws, {took:.1f} s"
    )
    return took


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=SETS, help="data sets of each kind and size")
    sets = parser.parse_args().sets
    print("Rejected at 5% where the mean is zero, in percent\n")
    table(list(KINDS), 0, sets)
    print("\nRejected at 5% where the mean is 2.8 standard errors, in percent\n")
    table(["normal", "exponential"], 2.8, sets)
    print()
    for methods in (12, 40):
        seconds(methods, 240)


if __name__ == "__main__":
    main()
