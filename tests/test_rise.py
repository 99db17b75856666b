"""RISE against a plain loop, and against Kitware's xaitk-saliency."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
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


def test_equals_a_plain_loop_over_masks_and_pixels() -> None:
    image, answer, model = noise(), "yes it is", RegionModel(CAUSE)
    rise = RISE(RISE.Options(masks=40))
    case = make_case(model, image, answer)
    masks = rise.masks(SIDE, SIDE, case.seed).astype(float)
    worth = [np.exp(model.score([shown(image, mask)], "", answer)).mean() for mask in masks]
    saliency = rise.attribute(case).saliency
    assert saliency is not None and case.cost.forward == 40
    for y, x in np.random.default_rng(1).integers(0, SIDE, (400, 2)):
        above = below = 0.0
        for mask, probability in zip(masks, worth, strict=True):
            above += probability * mask[y, x]
            below += mask[y, x]
        assert saliency[y, x] == pytest.approx(above / below, rel=1e-5)


def test_the_expected_coverage_is_equation_6() -> None:
    """xaitk-saliency computes the same sum, scaled to a maximum of 1."""
    image, answer, model = noise(), "yes it is", RegionModel(CAUSE)
    rise = RISE(RISE.Options(masks=40, normalise="expected", keep=0.4))
    case = make_case(model, image, answer)
    masks = rise.masks(SIDE, SIDE, case.seed).astype(float)
    worth = np.array([np.exp(model.score([shown(image, mask)], "", answer)).mean() for mask in masks])
    saliency = rise.attribute(case).saliency
    assert saliency is not None
    theirs = RISEScoring().generate(np.zeros((1, 1)), worth[:, None], masks)[0]
    np.testing.assert_allclose(saliency / saliency.max(), theirs, rtol=1e-5)
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
