"""RISE against Kitware's xaitk-saliency, and its masks against torch's bilinear sampling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from xaitk_saliency.impls.gen_classifier_conf_sal.rise_scoring import RISEScoring

from harness.imaging.frame import Box
from harness.imaging.saliency import saliency_to_boxes
from harness.testing.region import SIDE, RegionModel, make_case
from plugins.attributors.rise import RISE

CAUSE = Box(112, 56, 140, 112)


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(40, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def shown(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.rint(image * mask[:, :, None]).astype(np.uint8)


class Saturated(RegionModel):
    """As sure of its answer as most models are of a reasoning text's tokens, whatever it sees."""

    def score(self, images: Sequence[np.ndarray], question: str, answer: str) -> np.ndarray:
        return np.full((len(images), 3), np.log(0.99917))


def xaitk(worth: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """xaitk-saliency's sum of the masks, each times what it is worth, scaled to a maximum of 1."""
    found: np.ndarray = RISEScoring().generate(np.zeros((1, 1)), worth[:, None], masks)[0]
    return found


def test_is_xaitk_s_sum_over_that_of_masks_worth_one() -> None:
    image, answer, model = noise(), "yes it is", RegionModel(CAUSE)
    rise = RISE(RISE.Options(masks=40))
    case = make_case(model, image, answer)
    masks = rise.masks(SIDE, SIDE, case.seed).astype(float)
    worth = np.array([np.exp(model.score([shown(image, mask)], "", answer)).mean() for mask in masks])
    saliency = rise.attribute(case).saliency
    assert saliency is not None and case.cost.forward == 40
    ratio = xaitk(worth, masks) / xaitk(np.ones(40), masks)
    np.testing.assert_allclose(saliency / saliency.max(), ratio / ratio.max(), rtol=1e-5)
    y, x = 130, 77
    assert saliency[y, x] == pytest.approx(np.average(worth, weights=masks[:, y, x]), rel=1e-5)


def test_masks_are_torch_s_bilinear_ones_of_the_same_draws() -> None:
    """Cells of 7 x 12 pixels, half-pixel centres, moved by a part of a cell; the draws are the generator's in order."""
    masks, rng = RISE(RISE.Options(masks=3)).masks(56, 96, 5), np.random.default_rng(5)
    for mask in masks:
        coarse = torch.from_numpy((rng.random((9, 9)) < 0.5).astype(np.float64))[None, None]
        down, right = rng.random(2)
        # grid_sample counts from -1, the first cell's edge, to 1, the last one's.
        y = torch.from_numpy((np.arange(56) + 0.5) / 7 + down) / 9 * 2 - 1
        x = torch.from_numpy((np.arange(96) + 0.5) / 12 + right) / 9 * 2 - 1
        places = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1)[None]
        expected = torch.nn.functional.grid_sample(coarse, places, padding_mode="border", align_corners=False)
        np.testing.assert_allclose(mask, expected[0, 0], atol=1e-6)


def test_the_expected_coverage_is_equation_6() -> None:
    """xaitk-saliency computes the same sum, scaled to a maximum of 1."""
    image, answer, model = noise(), "yes it is", RegionModel(CAUSE)
    rise = RISE(RISE.Options(masks=40, normalise="expected", keep=0.4))
    case = make_case(model, image, answer)
    masks = rise.masks(SIDE, SIDE, case.seed).astype(float)
    worth = np.array([np.exp(model.score([shown(image, mask)], "", answer)).mean() for mask in masks])
    saliency = rise.attribute(case).saliency
    assert saliency is not None
    np.testing.assert_allclose(saliency / saliency.max(), xaitk(worth, masks), rtol=1e-5)
    y, x = 130, 77
    assert saliency[y, x] == pytest.approx(sum(worth * masks[:, y, x]) / (40 * 0.4), rel=1e-5)


def test_an_answer_that_depends_on_nothing_has_a_flat_map_and_no_box() -> None:
    case = make_case(Saturated(), noise())
    flat = RISE().attribute(case).saliency
    assert flat is not None and np.ptp(flat) == 0 and saliency_to_boxes(flat) == []
    # The paper's own equation shows where the masks happened to be open.
    expected = RISE(RISE.Options(normalise="expected")).attribute(case).saliency
    assert expected is not None and len(saliency_to_boxes(expected)) > 1


def test_a_pixel_that_no_mask_shows_is_worth_what_is_usual() -> None:
    saliency = RISE(RISE.Options(masks=3, keep=0.1)).attribute(make_case(RegionModel(CAUSE), noise())).saliency
    masks = RISE(RISE.Options(masks=3, keep=0.1)).masks(SIDE, SIDE, 0)
    never = masks.sum(0) == 0
    assert saliency is not None and np.isfinite(saliency).all() and never.any()
    assert len(np.unique(saliency[never])) == 1


def test_masks_are_seeded_smooth_and_half_open() -> None:
    rise = RISE(RISE.Options(masks=400))
    masks = rise.masks(56, 84, 3)
    assert masks.shape == (400, 56, 84) and masks.min() >= 0 and masks.max() <= 1
    np.testing.assert_array_equal(masks, rise.masks(56, 84, 3))
    assert (masks != rise.masks(56, 84, 4)).any()
    assert masks.mean() == pytest.approx(0.5, abs=0.02)
    # No place is shown more often than another, and neighbours differ by at most one cell's slope.
    assert np.abs(masks.mean(0) - 0.5).max() < 0.1
    assert np.abs(np.diff(masks, axis=1)).max() <= 8 / 56 + 1e-5
