"""Attention rollout: from answer tokens x image tokens to a map, on a grid that is not square."""

from __future__ import annotations

import numpy as np
import pytest

from harness.contracts.case import Case
from harness.errors import HarnessError
from harness.imaging.frame import Box
from harness.testing.region import SIDE, RegionModel, make_case
from plugins.attributors.attention_rollout import AttentionRollout, attributors


def test_is_registered_and_asks_for_its_capture() -> None:
    assert attributors() == [AttentionRollout]
    assert AttentionRollout.needs == {"trace"} and AttentionRollout.captures == {"rollout"}


def test_each_token_counts_the_mean_over_answer_tokens() -> None:
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    model = RegionModel()
    case = make_case(model, image, "yes it is")
    case.upsampling = "nearest"
    saliency = AttentionRollout().attribute(case).saliency
    assert saliency is not None and saliency.shape == (SIDE, SIDE)
    for box in model.image_grid(image):
        place = np.s_[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)]
        np.testing.assert_allclose(saliency[place], image[place].mean() * (1 + 2 + 3) / 3)
    assert case.cost.forward == 1


def test_says_so_where_the_model_captured_nothing() -> None:
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    case = Case(RegionModel(), image, "Is it?", "yes", Box(0, 0, SIDE, SIDE))
    with pytest.raises(HarnessError, match="rollout"):
        AttentionRollout().attribute(case)
