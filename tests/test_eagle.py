"""EAGLE's search against all sets of regions there are, and against a closed form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import pytest

from harness.contracts.case import Case
from harness.contracts.model import Model
from harness.imaging.frame import Box
from harness.testing.region import SIDE, RegionModel, make_case
from plugins.attributors.eagle import Eagle, efficient_search, search
from plugins.attributors.superpixels import superpixels

CAUSE = Box(112, 56, 140, 112)
ANSWER = "yes it is"
Search = Callable[[Case, np.ndarray], tuple[np.ndarray, np.ndarray]]


class Together(RegionModel):
    """Sure where two of the second, fourth and sixth region show; a little surer than nothing where the first does."""

    def score(self, images: Sequence[np.ndarray], question: str, answer: str) -> np.ndarray:
        y, x = np.indices((2, 3)) * [[[SIDE // 2]], [[SIDE // 3]]] + 30
        shows = np.array([image[y, x, 0].ravel() > 0 for image in images])
        chance = 0.1 + 0.2 * shows[:, 0] + 0.6 * (shows[:, 1::2].sum(1) > 1)
        return np.log(np.repeat(chance[:, None], 3, 1))


def blocks() -> np.ndarray:
    """A film of 16 flat squares, which SLIC must find as they are, each of its own grey."""
    greys = np.random.default_rng(0).permutation(16) * 12 + 60
    return np.repeat(np.kron(greys.reshape(4, 4), np.ones((56, 56)))[..., None], 3, 2).astype(np.uint8)


def quarters() -> np.ndarray:
    """Six regions, 1..6, in two rows of three."""
    y, x = np.mgrid[:SIDE, :SIDE]
    return 1 + x * 3 // SIDE + 3 * (y * 2 // SIDE)


def of_every_set(model: Model, image: np.ndarray, regions: np.ndarray) -> dict[frozenset[int], float]:
    """Each set's score, from one probability a set: what the set shows, plus one, less what its complement shows."""
    every = frozenset(np.unique(regions).tolist())
    sets = [frozenset(some) for size in range(len(every) + 1) for some in combinations(sorted(every), size)]
    shown = [np.where(np.isin(regions, list(some))[..., None], image, 0).astype(np.uint8) for some in sets]
    probability = dict(zip(sets, np.exp(model.score(shown, "", ANSWER)).mean(1).tolist(), strict=True))
    return {some: probability[some] + 1 - probability[every - some] for some in sets}


def best(table: dict[frozenset[int], float], size: int, within: frozenset[int] = frozenset()) -> float:
    """The best score of all sets of a size that hold all of ``within``."""
    return max(score for some, score in table.items() if len(some) == size and some >= within)


@pytest.mark.parametrize("find", [search, efficient_search])
def test_where_regions_add_up_each_set_is_the_best_of_all_of_its_size(find: Search) -> None:
    """Brightness adds up, so that nothing that a set gains depends on what it holds, and greedy is optimal."""
    image, regions = np.random.default_rng(0).integers(40, 256, (SIDE, SIDE, 3), dtype=np.uint8), quarters()
    case = make_case(RegionModel(Box(60, 90, 180, 130)), image, ANSWER)
    order, scores = find(case, regions)
    table = of_every_set(case.model, image, regions)
    assert len(table) == 2**6 and sorted(order) == [1, 2, 3, 4, 5, 6]
    for size in range(1, 7):
        chosen = frozenset(order[:size].tolist())
        np.testing.assert_allclose([scores[size - 1], table[chosen]], best(table, size), rtol=1e-12)
    assert case.cost.forward == {search: 6 * 7, efficient_search: 2 * (6 + 4 + 3 + 2 + 1)}[find]


def test_where_they_do_not_each_step_is_the_best_of_all_that_hold_the_last_set() -> None:
    """Regions that say something together alone: greedy, which begins with another, misses the best pair."""
    image, regions, model = np.full((SIDE, SIDE, 3), 200, np.uint8), quarters(), Together()
    order, scores = search(make_case(model, image, ANSWER), regions)
    table, before = of_every_set(model, image, regions), frozenset[int]()
    for size in range(1, 7):
        chosen = frozenset(order[:size].tolist())
        np.testing.assert_allclose([scores[size - 1], table[chosen]], best(table, size, before), rtol=1e-12)
        before = chosen
    assert scores[1] < best(table, 2) - 0.1


def test_the_efficient_search_finds_the_best_order_where_regions_add_up() -> None:
    """With the paper's 64 regions most rounds try some of them alone, at either end."""
    side, greys = 8, np.random.default_rng(0).permutation(64) * 2 + 60  # no two alike
    image = np.repeat(np.kron(greys.reshape(8, 8), np.ones((28, 28)))[..., None], 3, 2).astype(np.uint8)
    y, x = np.mgrid[:SIDE, :SIDE]
    regions = 1 + x * side // SIDE + side * (y * side // SIDE)
    case = make_case(RegionModel(Box(0, 0, SIDE, SIDE)), image, ANSWER)
    order, scores = efficient_search(case, regions)
    sums = np.bincount(regions.ravel(), image.sum(-1, dtype=float).ravel())
    np.testing.assert_array_equal(order, np.argsort(-sums[1:]) + 1)  # the brightest first
    # The model's formula: what a set shows of the brightness, less what it hides.
    weights, share = np.linspace(0, 1, 4)[1:], 2 * np.cumsum(sums[order]) - sums.sum()
    np.testing.assert_allclose(scores, 1 + 0.9 * weights.mean() * share / (255 * 3 * SIDE**2))
    assert case.cost.forward == 1412


def test_the_maximum_lies_on_the_cause() -> None:
    case = make_case(RegionModel(CAUSE), blocks(), ANSWER)
    saliency = Eagle(Eagle.Options(regions=16)).attribute(case).saliency
    assert saliency is not None
    hottest = saliency == saliency.max()
    assert hottest[70:98, 120:132].all() and hottest.mean() < 0.2


def test_the_padding_is_no_region() -> None:
    content = Box(0, 42, SIDE, SIDE - 42)
    case: Case = make_case(RegionModel(CAUSE), blocks(), ANSWER, content)
    regions = superpixels(case, 12)
    inside = np.zeros((SIDE, SIDE), bool)
    inside[42 : SIDE - 42] = True
    np.testing.assert_array_equal(regions > 0, inside)
    assert 6 <= len(np.unique(regions)) - 1 <= 24
    saliency = Eagle(Eagle.Options(regions=12)).attribute(case).saliency
    assert saliency is not None and (saliency[inside] > 0).all() and not saliency[~inside].any()


def test_a_blank_film_has_regions_too() -> None:
    case = make_case(RegionModel(CAUSE), np.zeros((SIDE, SIDE, 3), np.uint8), ANSWER)
    saliency = Eagle().attribute(case).saliency
    assert saliency is not None and np.isfinite(saliency).all()
