"""The rank correlation of two maps, against scipy's and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from harness.imaging.correlation import rank_correlation
from harness.imaging.frame import Box


@pytest.mark.parametrize("values", [3, 1000])  # with many ties, and hardly any
def test_it_is_spearmans(values: int) -> None:
    one, other = np.random.default_rng(values).integers(0, values, (2, 12, 12))
    other = other + one
    found = rank_correlation(one, other, Box(2, 0, 9, 12))
    assert found == pytest.approx(spearmanr(one[:, 2:9].ravel(), other[:, 2:9].ravel()).statistic)
    assert 0.3 < found < 0.9


def test_only_order_counts() -> None:
    one = np.random.default_rng(0).random((8, 8))
    whole = Box(0, 0, 8, 8)
    assert rank_correlation(one, np.exp(9 * one), whole) == pytest.approx(1)
    assert rank_correlation(one, -one, whole) == pytest.approx(-1)


def test_maps_without_structure() -> None:
    flat, hill, whole = np.zeros((8, 8)), np.eye(8), Box(0, 0, 8, 8)
    assert rank_correlation(flat, flat + 3, whole) == 1
    assert rank_correlation(flat, hill, whole) == rank_correlation(hill, flat, whole) == 0
