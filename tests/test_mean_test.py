"""The board's test of a mean against full enumeration, others' code, and what it promises."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from rows import header, journal, row
from scipy import stats

from leaderboard.board import make_board
from leaderboard.render import cell_text, csv_json, markdown
from leaderboard.statistics.mean_test import LEAST_DRAWS, bootstrap_t, draws_for, floor_of

RNG = np.random.default_rng(7)


@pytest.mark.parametrize("size", [5, 6])
def test_few_clusters_agree_with_every_possible_draw(size: int) -> None:
    """All size^size draws, each with scipy's t."""
    for differences in RNG.exponential(size=(4, size)) - 0.4:
        observed = stats.ttest_1samp(differences, 0).statistic
        draws = np.array(list(product(differences - differences.mean(), repeat=size)))
        with np.errstate(divide="ignore", invalid="ignore"):
            mean, spread = draws.mean(axis=1), draws.std(axis=1, ddof=1) / np.sqrt(size)
            t = np.where(spread > 1e-12, mean / spread, np.sign(mean) * np.inf)
        beyond = (t >= observed - 1e-9) if observed > 0 else (t <= observed + 1e-9)
        expected = min(1, max(2 * beyond.mean(), 2.0 ** (1 - size)))
        assert bootstrap_t(differences[:, None])[0] == pytest.approx(expected, abs=0.02)


def test_many_clusters_agree_with_scipys_bootstrap() -> None:
    differences = RNG.exponential(size=40) - 0.8

    def t(values: np.ndarray, axis: int) -> np.ndarray:
        return np.asarray(stats.ttest_1samp(values, 0, axis=axis).statistic)

    theirs = stats.bootstrap(
        (differences - differences.mean(),), t, n_resamples=20_000, method="percentile", vectorized=True,
        rng=np.random.default_rng(5),
    ).bootstrap_distribution  # fmt: skip
    observed = stats.ttest_1samp(differences, 0).statistic
    expected = 2 * np.mean(theirs >= observed if observed > 0 else theirs <= observed)
    assert bootstrap_t(differences[:, None])[0] == pytest.approx(expected, abs=0.012)


def test_symmetric_differences_agree_with_the_textbook_and_with_permutations() -> None:
    one, other = RNG.normal(size=300), RNG.normal(size=300) + 0.15
    (p,) = bootstrap_t((one - other)[:, None])
    assert p == pytest.approx(stats.ttest_1samp(one - other, 0).pvalue, abs=0.015)
    theirs = stats.permutation_test(
        (one, other), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples",
        vectorized=True, n_resamples=20_000, rng=np.random.default_rng(5),
    ).pvalue  # fmt: skip
    assert p == pytest.approx(theirs, abs=0.015)


@pytest.mark.parametrize(("kind", "most"), [("normal", 0.06), ("exponential", 0.06)])
def test_it_rejects_a_true_mean_as_often_as_it_says(kind: str, most: float) -> None:
    """The sign-flip test, which boards had before, rejects some 7% of the exponential ones."""
    random, shape = np.random.default_rng(2), (40, 3000)
    values = random.normal(size=shape) if kind == "normal" else random.exponential(size=shape) - 1
    assert 0.04 <= (bootstrap_t(values, 2000) <= 0.05).mean() <= most


def test_either_sign_gives_the_same_p_and_columns_do_not_touch_each_other() -> None:
    values = RNG.exponential(size=(30, 3)) - 0.7
    p = bootstrap_t(values)
    np.testing.assert_array_equal(bootstrap_t(-values), p)
    np.testing.assert_array_equal(bootstrap_t(values[:, [2, 0]]), p[[2, 0]])
    np.testing.assert_allclose(bootstrap_t(values * 1e-9), p, rtol=1e-12)


def test_differences_that_do_not_vary() -> None:
    alike, apart = bootstrap_t(np.stack([np.zeros(40), np.full(40, 0.3)], axis=1))
    assert alike == 1 and apart == floor_of(40, LEAST_DRAWS) == 2 / (LEAST_DRAWS + 1)
    assert bootstrap_t(np.full((4, 1), 0.3))[0] == 1 / 8  # four images of one sign: one way in eight
    assert bootstrap_t(np.full((1, 1), 0.3))[0] == 1


def test_forty_methods_can_be_told_apart() -> None:
    """Whatever the number of pairs, what no draw reached is below 0.001 after Holm's adjustment, if barely."""
    for methods in (2, 12, 40, 100):
        pairs = len(list(combinations(range(methods), 2)))
        assert 0.0001 / 2 < pairs * floor_of(240, draws_for(pairs)) < 0.001
    assert pairs * floor_of(10, draws_for(pairs)) > 1  # but ten images tell no hundred methods apart


def test_a_column_far_from_decided_stops_early_and_says_nearly_the_same() -> None:
    values = RNG.normal(0.05, 1, (50, 1))
    early, late = bootstrap_t(values, 200_000)[0], bootstrap_t(values, LEAST_DRAWS)[0]
    assert early == late > 0.02


def test_a_bound_is_printed_as_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Eight images that all agree show no p below 2 / 2^8, three pairs of methods none below 0.0234."""
    names = {"a": 0.9, "b": 0.5, "c": 0.2}
    jitter = RNG.normal(0, 0.01, (8, 3))
    rows = [row(k, n, float(v + jitter[k, m])) for k in range(8) for m, (n, v) in enumerate(names.items())]
    board = make_board([journal(tmp_path_factory.mktemp("run"), header(list(names), {"m": 8}), rows)])
    best, second, _ = board.rankings[0].scores
    assert best.p is None and best.p_floor is None
    assert second.p == second.p_floor == 3 / 128
    assert [cell_text.p_value(score) for score in (best, second)] == ["–", "<0.024"]
    assert "<0.024" in markdown.render(board).replace("\\", "").replace("&lt;", "<")
    assert '"p_floor": 0.023438' in csv_json.to_json(board) and "0.023438,0.023438" in csv_json.to_csv(board)
