"""Intervals against others' code, closed forms, and what they promise; p of many tests by hand."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from scipy import stats

from leaderboard.statistics.resampling import RESAMPLES, cluster_sums, holm, intervals

RNG = np.random.default_rng(7)


def alone(values: np.ndarray) -> np.ndarray:
    """Each record its own cluster."""
    return intervals(values, np.arange(len(values)))


@pytest.mark.parametrize(
    "sample",
    [RNG.normal(size=80), RNG.exponential(size=60), RNG.beta(0.3, 2, 50), RNG.integers(0, 2, 70).astype(float)],
    ids=["normal", "skewed", "iou-like", "hits"],
)
def test_unclustered_intervals_are_scipys(sample: np.ndarray) -> None:
    theirs = stats.bootstrap(
        (sample,), np.mean, n_resamples=RESAMPLES, method="BCa", rng=np.random.default_rng(1)
    ).confidence_interval
    spread = sample.std() / np.sqrt(len(sample))
    np.testing.assert_allclose(alone(sample[:, None])[0], [theirs.low, theirs.high], atol=0.08 * spread)


def test_many_normal_values_give_the_textbook_interval() -> None:
    sample = np.random.default_rng(3).normal(5, 2, 4000)
    half = 1.959964 * sample.std(ddof=1) / np.sqrt(len(sample))
    np.testing.assert_allclose(
        alone(sample[:, None])[0], [sample.mean() - half, sample.mean() + half], atol=0.04 * half
    )


def test_copies_of_a_record_add_no_certainty() -> None:
    """Records of one image that all say the same weigh as one: clusters of equal size k give the interval of
    the cluster means, not one sqrt(k) times narrower."""
    means = RNG.beta(1, 3, 40)
    copied = intervals(np.repeat(means, 5)[:, None], np.repeat(np.arange(40), 5))
    np.testing.assert_allclose(copied, alone(means[:, None]), rtol=1e-12)
    assert np.ptp(alone(np.repeat(means, 5)[:, None])) < 0.6 * np.ptp(copied)


def test_the_order_and_names_of_clusters_do_not_matter() -> None:
    values, images = RNG.random((30, 3)), np.repeat([f"i{k:02}" for k in range(10)], 3)
    order = RNG.permutation(30)
    np.testing.assert_allclose(intervals(values[order], images[order]), intervals(values, images), rtol=1e-12)


def test_columns_do_not_touch_each_other_and_missing_values_are_left_out() -> None:
    values, images = RNG.random((24, 2)), np.repeat(np.arange(12), 2)
    holes = values.copy()
    holes[5:9, 1] = np.nan
    kept = ~np.isnan(holes[:, 1])
    together = intervals(holes, images)
    np.testing.assert_array_equal(together[0], intervals(values[:, :1], images)[0])
    np.testing.assert_array_equal(together[1], intervals(values[kept, 1:], images[kept])[0])


def test_a_column_that_does_not_vary_and_too_few_clusters() -> None:
    np.testing.assert_allclose(alone(np.full((9, 1), 0.3)), [[0.3, 0.3]])
    assert np.isnan(intervals(np.array([[0.1], [0.9]]), np.array([4, 4]))).all()
    assert np.isnan(alone(np.full((4, 1), np.nan))).all()


def test_intervals_cover_the_truth_as_often_as_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clustered and skewed data: 95% intervals cover about 95%; those that ignore clusters do not."""
    monkeypatch.setattr("leaderboard.statistics.resampling.RESAMPLES", 800)
    random, runs, images, each = np.random.default_rng(11), 2000, 60, 4
    # Every column is one experiment: each image has its own level, and each record of it some noise.
    levels = random.gamma(2.0, 1.0, (images, runs))
    values = np.repeat(levels, each, axis=0) + random.normal(0, 0.3, (images * each, runs))

    def covered(clusters: np.ndarray) -> float:
        low, high = intervals(values, clusters).T
        return float(((low <= 2.0) & (high >= 2.0)).mean())

    # Sixty skewed clusters are few: the textbook t interval covers 0.94 here.
    assert 0.92 <= covered(np.repeat(np.arange(images), each)) <= 0.96
    assert covered(np.arange(images * each)) < 0.80


def test_holm_by_hand() -> None:
    # Sorted 0.01, 0.03, 0.04 times 3, 2, 1 is 0.03, 0.06, 0.04; the last may not fall below the one before.
    np.testing.assert_allclose(holm(np.array([0.04, 0.01, 0.03])), [0.06, 0.03, 0.06])
    np.testing.assert_allclose(holm(np.array([0.6, 0.5])), [1, 1])
    assert holm(np.array([0.02]))[0] == 0.02 and len(holm(np.array([]))) == 0


def test_holm_does_not_depend_on_the_order() -> None:
    p: Any = np.array([0.01, 0.01, 0.2, 0.04])
    for order in map(list, permutations(range(4))):
        np.testing.assert_array_equal(holm(p[order]), holm(p)[order])


def test_sums_by_cluster() -> None:
    sums, counts = cluster_sums(np.array([[1.0], [2.0], [4.0]]), np.array(["b", "a", "b"]))
    assert sums.tolist() == [[2.0], [5.0]] and counts.tolist() == [1.0, 2.0]
