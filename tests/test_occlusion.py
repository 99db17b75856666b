"""Occlusion against Captum's ablation of the same cells."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import FeatureAblation
from pydantic import ValidationError

from harness.imaging.frame import Box
from harness.testing.region import SIDE, RegionModel, make_case
from plugins.attributors.baselines import Baseline, baseline
from plugins.attributors.occlusion import Occlusion, attributors


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(40, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def test_is_registered() -> None:
    assert attributors() == [Occlusion]


@pytest.mark.parametrize("kind", ["black", "mean", "blur"])
@pytest.mark.parametrize("grid", [8, 5])
def test_equals_captum_s_ablation_of_the_cells(grid: int, kind: Baseline) -> None:
    model, image, answer = RegionModel(Box(30, 50, 120, 99)), noise(), "yes it is there"
    image = (image * np.linspace(1, 0.2, SIDE)[:, None, None]).astype(np.uint8)  # the cause is brighter than the rest
    case = make_case(model, image, answer, Box(0, 28, SIDE, SIDE - 28))
    saliency = Occlusion(Occlusion.Options(grid=grid, baseline=kind)).attribute(case).saliency

    def probability(images: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(np.exp(model.score(list(images.numpy().astype(np.uint8)), "", answer)).mean(1))

    side = np.round(np.linspace(0, SIDE, grid + 1)).astype(int)
    place = np.repeat(np.arange(grid), np.diff(side))
    cells = torch.from_numpy(place[:, None] * grid + place)[None, :, :, None]
    hidden = torch.from_numpy(baseline(case, kind).astype(float))[None]
    given = torch.from_numpy(image.astype(float))[None]
    drops = FeatureAblation(probability).attribute(given, hidden, feature_mask=cells)[0, ..., 0]
    of_cells = drops[side[:-1]][:, side[:-1]].clamp(min=0)[None, None]
    expected = torch.nn.functional.interpolate(of_cells, (SIDE, SIDE), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(saliency, expected[0, 0], atol=1e-7)  # Captum's are float32
    assert expected.max() > 1e-4  # blur leaves a mean almost as it was


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
