"""KernelSHAP against the definition over all orders, and against Captum's exact Shapley values."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from captum.attr import ShapleyValues

from harness.imaging.frame import Box
from harness.testing.region import SIDE, RegionModel, make_case
from plugins.attributors.baselines import Baseline, baseline
from plugins.attributors.kernelshap import KernelSHAP, coalitions, shapley
from plugins.attributors.superpixels import superpixels


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


@pytest.mark.parametrize("kind", ["black", "mean"])
def test_equals_captum_s_exact_values_where_all_coalitions_are_tried(kind: Baseline) -> None:
    image = np.random.default_rng(0).integers(20, 60, (SIDE, SIDE, 3), dtype=np.uint8)
    image[60:140, 70:150] += 150
    model, answer = RegionModel(Box(60, 50, 180, 160)), "yes it is"
    case = make_case(model, image, answer)
    regions = superpixels(case, 4)
    assert 3 <= regions.max() <= 5  # Captum goes through all orders

    def summed(images: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(model.score(list(images.numpy().astype(np.uint8)), "", answer).sum(1))

    given, hidden = (torch.from_numpy(one.astype(float))[None] for one in (image, baseline(case, kind)))
    mask = torch.from_numpy(regions - 1)[None, :, :, None]
    exact = ShapleyValues(summed).attribute(given, hidden, feature_mask=mask)[0, ..., 0].numpy()
    found = KernelSHAP(KernelSHAP.Options(regions=4, passes=2**5, baseline=kind)).attribute(case).saliency
    np.testing.assert_allclose(found, np.maximum(exact, 0), atol=1e-6)  # Captum's are float32
    assert exact.max() > 0.1
