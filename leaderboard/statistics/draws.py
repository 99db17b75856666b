"""Drawing clusters with replacement: how often each is in each draw."""

from __future__ import annotations

import numpy as np

AT_ONCE = 1 << 22  # counts in memory at a time
_IN_CACHE = 1 << 18  # drawn numbers counted at a time: more leave the processor's cache, which takes ten times as long


def draws_at_once(size: int) -> int:
    """How many draws from so many clusters to hold at a time."""
    return max(1, AT_ONCE // size)


def counts(random: np.random.Generator, many: int, size: int) -> np.ndarray:
    """How often each of ``size`` clusters is in each of ``many`` draws of as many, float [many, size]."""
    found = np.empty((many, size))
    step = max(1, _IN_CACHE // size)
    for start in range(0, many, step):
        rows = min(step, many - start)
        drawn = random.integers(size, size=(rows, size)) + size * np.arange(rows)[:, None]
        found[start : start + rows] = np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size)
    return found
