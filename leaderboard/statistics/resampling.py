"""Intervals by resampling, and p of many tests. Arrays in, arrays out; the same input gives the same output.

Records about one image are not independent: what is drawn is a whole cluster of records. Sources: Efron 1987, "Better
bootstrap confidence intervals" (BCa); Davison and Hinkley 1997, "Bootstrap methods and their application" (resampling
clusters); Holm 1979, "A simple sequentially rejective multiple test procedure".
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from leaderboard.statistics.draws import counts as draw_counts
from leaderboard.statistics.draws import draws_at_once

LEVEL, RESAMPLES, SEED = 0.95, 10_000, 0
LEAST = 5  # clusters; the spread of fewer is anyone's guess
_NOISE = 1e-12  # relative; sums that are equal but for rounding are equal


def intervals(values: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """95% BCa bootstrap intervals of the columns' means, float [M, 2]; NaN where clusters are too few to tell.

    ``values``: float [R, M], NaN where a column has no value for a record. ``clusters``: [R], equal for
    records that belong together. Clusters are drawn with replacement, as many as there are; each draw's mean
    is over the records drawn. Columns with values for the same records see the same draws.
    """
    found = np.full((values.shape[1], 2), np.nan)
    there = ~np.isnan(values)
    for columns in _alike(there):
        pattern = there[:, columns[0]]
        found[columns] = _bca(*cluster_sums(values[pattern][:, columns], clusters[pattern]))
    return found


def _alike(there: np.ndarray) -> list[list[int]]:
    """The columns that have values for the same records, together."""
    groups: dict[bytes, list[int]] = {}
    for column in range(there.shape[1]):
        groups.setdefault(np.packbits(there[:, column]).tobytes(), []).append(column)
    return list(groups.values())


def cluster_sums(values: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each cluster's sum, float [C, M], and how many records it has, float [C]; clusters in sorted order."""
    names, places = np.unique(clusters, return_inverse=True)
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, places, values)
    return sums, np.bincount(places, minlength=len(names)).astype(float)


def _bca(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    if len(counts) < LEAST:
        return np.full((sums.shape[1], 2), np.nan)
    mean = sums.sum(axis=0) / counts.sum()
    left_out = (sums.sum(axis=0) - sums) / (counts.sum() - counts)[:, None]
    influence = left_out.mean(axis=0) - left_out
    varies = np.ptp(left_out, axis=0) > _NOISE
    drawn = np.sort(_draws(sums, counts), axis=0)
    slack = _NOISE * np.maximum(np.abs(mean), 1)
    below = ((drawn < mean - slack).mean(axis=0) + (drawn <= mean + slack).mean(axis=0)) / 2
    bias = ndtri(np.clip(below, 0.5 / RESAMPLES, 1 - 0.5 / RESAMPLES))
    with np.errstate(invalid="ignore", divide="ignore"):
        acceleration = (influence**3).sum(axis=0) / (6 * (influence**2).sum(axis=0) ** 1.5)
        ends = []
        for tail in ((1 - LEVEL) / 2, (1 + LEVEL) / 2):
            z = bias + ndtri(tail)
            ends.append(ndtr(bias + z / (1 - acceleration * z)))
    found = np.stack([mean, mean], axis=1)  # of a column that does not vary
    for column in np.flatnonzero(varies):
        found[column] = np.quantile(drawn[:, column], [end[column] for end in ends])
    return found


def _draws(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Means over clusters drawn with replacement, float [RESAMPLES, M]."""
    random, size = np.random.default_rng(SEED), len(counts)
    step = draws_at_once(size)
    parts = []
    for start in range(0, RESAMPLES, step):
        weights = draw_counts(random, min(step, RESAMPLES - start), size)
        parts.append((weights @ sums) / (weights @ counts)[:, None])
    return np.concatenate(parts)


def holm(p: np.ndarray) -> np.ndarray:
    """P-values [P] adjusted for there being P tests, in their order."""
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(steps, 1)
    return adjusted
