from itertools import permutations

import numpy as np
import pytest
from harness_kernelshap import KernelSHAP, coalitions, shapley, superpixels

from harness import Box
from harness.testing import RegionModel, check_attributor, make_case


def game(players: int, seed: int = 0) -> dict[tuple[bool, ...], float]:
    """A gain for each coalition, none for the empty one."""
    rng = np.random.default_rng(seed)
    gains = {tuple(bool(n >> i & 1) for i in range(players)): rng.normal() for n in range(2**players)}
    return gains | {(False,) * players: 0.0}


def by_definition(gains: dict[tuple[bool, ...], float], players: int) -> np.ndarray:
    """The mean over all orders of what a player adds to those before it."""
    values = np.zeros(players)
    orders = list(permutations(range(players)))
    for order in orders:
        present = [False] * players
        for player in order:
            before = gains[tuple(present)]
            present[player] = True
            values[player] += gains[tuple(present)] - before
    return values / len(orders)


def test_keeps_the_contract() -> None:
    check_attributor(KernelSHAP(KernelSHAP.Options(passes=32)))


@pytest.mark.parametrize("players", [1, 2, 3, 5])
def test_all_coalitions_give_the_shapley_values_of_the_definition(players: int) -> None:
    gains = game(players)
    shown = coalitions(players, 2**players, np.random.default_rng(0))
    found = shapley(shown, np.array([gains[tuple(row)] for row in shown]), gains[(True,) * players])
    np.testing.assert_allclose(found, by_definition(gains, players), atol=1e-9)


def test_an_additive_game_is_solved_exactly_from_few_coalitions() -> None:
    worth = np.random.default_rng(1).normal(size=20)
    shown = coalitions(20, 60, np.random.default_rng(2))
    assert shown.shape == (60, 20) and (shown[:30] != shown[30:]).all()
    np.testing.assert_allclose(shapley(shown, shown @ worth, worth.sum()), worth, atol=1e-9)


def test_more_coalitions_come_closer() -> None:
    gains, players = game(8), 8
    exact = shapley(every := coalitions(8, 256, np.random.default_rng(0)), values_of(gains, every), gains[(True,) * 8])
    errors = []
    for count in (40, 200):
        drawn = [coalitions(players, count, np.random.default_rng(seed)) for seed in range(20)]
        found = [shapley(shown, values_of(gains, shown), gains[(True,) * 8]) for shown in drawn]
        errors.append(np.abs(np.array(found) - exact).mean())
    assert errors[1] < errors[0] / 2


def values_of(gains: dict[tuple[bool, ...], float], shown: np.ndarray) -> np.ndarray:
    return np.array([gains[tuple(row)] for row in shown])


def test_the_values_lie_on_the_cause_and_sum_to_what_the_image_adds() -> None:
    image = np.random.default_rng(0).integers(80, 100, (224, 224, 3), dtype=np.uint8)
    cause = Box(64, 96, 120, 152)
    image[96:152, 64:120] = 220
    case = make_case(RegionModel(cause), image, "yes it is")
    saliency = KernelSHAP().attribute(case).saliency
    assert saliency is not None
    inside = np.zeros((224, 224), bool)
    inside[96:152, 64:120] = True
    assert saliency[inside].mean() > 20 * saliency[~inside].mean()
    ends = case.score([image, np.zeros_like(image)]).sum(1)
    regions = superpixels(case, 32)
    values = [saliency[regions == region].max() for region in range(1, regions.max() + 1)]
    assert sum(values) == pytest.approx(ends[0] - ends[1], rel=0.2)  # but for the negative ones, cut at zero
