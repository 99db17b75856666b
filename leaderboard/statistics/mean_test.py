"""Is the mean of paired differences zero? A bootstrap-t test of many columns of differences at once.

Sources: Hall 1988, "Theoretical comparison of bootstrap confidence intervals" (why the studentised mean, and tails of
equal weight, where differences are skewed); Davison and Hinkley 1997, "Bootstrap methods and their application", 4.4;
Besag and Clifford 1991, "Sequential Monte Carlo p-values" (when enough was drawn). What it was chosen over, measured:
docs/statistics.md.
"""

from __future__ import annotations

import numpy as np

from leaderboard.statistics.draws import counts, draws_at_once

SEED = 0
LEAST_DRAWS, DRAWS_A_TEST = 20_000, 2_000
ENOUGH = 200  # draws in the smaller tail: p is known to 7%, and its column needs no more of them
_LOOK = 2_000  # after so many draws it is looked which columns have enough
_NOISE = 1e-9  # relative; statistics that are equal but for rounding are equal


def draws_for(tests: int) -> int:
    """How many draws so many tests get: twice the share of one of them, adjusted for all, stays below 0.001."""
    return max(LEAST_DRAWS, DRAWS_A_TEST * tests)


def floor_of(clusters: int, draws: int) -> float:
    """The least p that can come out of so many clusters and draws.

    Draws show no p below two in their number. And so few clusters that all of them could agree by chance show none
    below that chance, whatever is drawn from them.
    """
    return min(1.0, max(2 / (draws + 1), 2.0 ** (1 - clusters)))


def bootstrap_t(differences: np.ndarray, draws: int | None = None) -> np.ndarray:
    """Two-sided p of each column of differences, one a cluster, float [C, P] -> [P]: is the mean zero?

    Clusters are drawn with replacement from the differences less their mean, of which the mean is zero. p is twice the
    part of the draws whose t is at least as far out as the observed one, on its side; the observed one counts among
    them. t is a rising function of sum / sqrt(sum of squares), so that is what is compared: a draw of nothing but the
    same value, whose t is infinite, needs no case of its own.

    ``draws``: :func:`draws_for` so many columns where None. All columns see the same; one that :data:`ENOUGH` of them
    lie beyond gets no more.
    """
    size, tests = differences.shape
    draws = draws_for(tests) if draws is None else draws
    upward = differences * np.where(differences.sum(axis=0) < 0, -1.0, 1.0)
    squares = (upward**2).sum(axis=0)
    observed = upward.sum(axis=0) / np.sqrt(np.where(squares > 0, squares, 1)) - _NOISE
    centred = upward - upward.mean(axis=0)
    # A column that does not vary has the same t in every draw: none, or one that is beyond all others.
    flat = np.ptp(upward, axis=0) <= _NOISE * np.abs(upward).max(axis=0)
    hits, drawn = np.where(flat & (squares == 0), np.inf, 1.0), np.full(tests, float(draws))
    left, random, done = np.flatnonzero(~flat), np.random.default_rng(SEED), 0
    while done < draws and len(left):
        until = min(done + _LOOK, draws)
        columns, squares_of = centred[:, left], centred[:, left] ** 2
        while done < until:
            many = min(draws_at_once(size), until - done)
            weights = counts(random, many, size)
            reach = np.sqrt(weights @ squares_of) * observed[left]
            hits[left] += (weights @ columns >= reach).sum(axis=0)
            done += many
        drawn[left] = done
        if done >= LEAST_DRAWS:
            left = left[hits[left] < ENOUGH]
    return np.clip(2 * hits / (drawn + 1), floor_of(size, draws), 1)
