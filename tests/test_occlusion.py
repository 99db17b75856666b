"""Occlusion against a loop that blacks out one cell at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from harness.imaging.frame import Box
from harness.testing.region import SIDE, RegionModel, make_case
from plugins.attributors.occlusion import Occlusion, attributors


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(40, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def test_is_registered() -> None:
    assert attributors() == [Occlusion]


@pytest.mark.parametrize("grid", [8, 5])
def test_equals_a_brute_force_loop(grid: int) -> None:
    model, image, answer = RegionModel(Box(30, 50, 120, 99)), noise(), "yes it is there"
    case = make_case(model, image, answer)
    saliency = Occlusion(Occlusion.Options(grid=grid)).attribute(case).saliency
    assert saliency is not None
    before = np.exp(model.score([image], "", answer)).mean()
    cell = np.round(np.linspace(0, SIDE, grid + 1)).astype(int)
    drops = torch.zeros((1, 1, grid, grid), dtype=torch.float64)
    for i in range(grid):
        for j in range(grid):
            hidden = image.copy()
            hidden[cell[i] : cell[i + 1], cell[j] : cell[j + 1]] = 0
            drops[0, 0, i, j] = max(0.0, before - np.exp(model.score([hidden], "", answer)).mean())
    expected = torch.nn.functional.interpolate(drops, (SIDE, SIDE), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(saliency, expected[0, 0], atol=1e-12)


def test_is_zero_away_from_the_cause_and_costs_one_batch() -> None:
    model = RegionModel(Box(28, 56, 56, 84))
    case = make_case(model, noise())
    case.upsampling = "nearest"
    saliency = Occlusion().attribute(case).saliency
    assert saliency is not None
    assert np.argwhere(saliency > 0).min(0).tolist() == [56, 28]
    assert np.argwhere(saliency > 0).max(0).tolist() == [83, 55]
    assert model.batches == [1, 64] and case.cost.forward == 65


def test_darkening_that_helps_is_no_evidence() -> None:
    """On a black image no cell can lower the answer's probability."""
    saliency = Occlusion().attribute(make_case(RegionModel(), np.zeros((SIDE, SIDE, 3), np.uint8))).saliency
    assert saliency is not None and not saliency.any()


@pytest.mark.parametrize("grid", [1, 57])
def test_refuses_a_grid_out_of_bounds(grid: int) -> None:
    with pytest.raises(ValidationError, match="grid"):
        Occlusion.Options(grid=grid)
