"""What hidden parts become, in every method that has a baseline, and how complete integrated gradients are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.functional import gaussian_blur

from harness.imaging.frame import Box
from harness.testing.region import SIDE, RegionModel, make_case
from plugins.attributors.baselines import SIGMA, Baseline, baseline
from plugins.attributors.integrated_gradients import IntegratedGradients
from plugins.attributors.rise import RISE

CAUSE = Box(112, 56, 140, 112)
CONTENT = Box(28, 0, SIDE - 28, SIDE)
KINDS: tuple[Baseline, ...] = ("black", "mean", "blur")


def film() -> np.ndarray:
    """A letterboxed film of smooth noise: black at both sides."""
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    coarse = np.random.default_rng(0).integers(40, 256, (16, 12, 3), dtype=np.uint8)
    image[:, 28:-28] = np.asarray(Image.fromarray(coarse).resize((168, SIDE), Image.Resampling.BICUBIC))
    return image


@pytest.mark.parametrize("kind", KINDS)
def test_the_padding_is_black_and_counts_for_nothing(kind: Baseline) -> None:
    image = film()
    hidden = baseline(make_case(RegionModel(), image, content=CONTENT), kind)
    assert hidden.dtype == np.uint8 and not hidden[:, :28].any() and not hidden[:, -28:].any()
    inside, shown = hidden[:, 28:-28], image[:, 28:-28]
    if kind == "black":
        assert not inside.any()
    elif kind == "mean":
        assert np.abs(inside - shown.mean((0, 1))).max() <= 0.5
    else:
        # Torchvision mirrors the image at its edges, so that only what is four sigmas from them compares.
        theirs = gaussian_blur(torch.from_numpy(shown.copy()).permute(2, 0, 1), [81, 81], [SIGMA, SIGMA])
        far = inside.astype(int) - theirs.permute(1, 2, 0).numpy()
        assert np.abs(far)[40:-40, 40:-40].max() <= 1
        assert inside[:, 0].min() > 30  # the black padding does not bleed in


@pytest.mark.parametrize("kind", KINDS)
def test_rise_fades_into_the_baseline(kind: Baseline) -> None:
    image, seen = film(), []

    class Watching(RegionModel):
        def score(self, images: Any, question: str, answer: str) -> np.ndarray:
            seen.extend(images)
            return super().score(images, question, answer)

    rise, case = RISE(RISE.Options(masks=3, baseline=kind)), make_case(Watching(CAUSE), image, "yes", CONTENT)
    assert rise.attribute(case).saliency is not None
    hidden = baseline(case, kind)
    for shown, mask in zip(seen, rise.masks(SIDE, SIDE, case.seed), strict=True):
        for place in [(100, 100), (20, 60), (200, 10)]:
            mixed = mask[place] * image[place].astype(float) + (1 - mask[place]) * hidden[place]
            assert np.abs(shown[place] - mixed).max() <= 0.51


@pytest.mark.parametrize("kind", KINDS)
def test_integrated_gradients_run_from_the_baseline_and_say_what_they_miss(kind: Baseline) -> None:
    image, answer, model = film(), "yes it is", RegionModel(CAUSE)
    errors = []
    for steps in (4, 400):
        method = IntegratedGradients(IntegratedGradients.Options(steps=steps, baseline=kind))
        case = make_case(model, image, answer, CONTENT)
        said = method.attribute(case)
        assert said.completeness is not None and (case.cost.forward, case.cost.backward) == (steps + 2, steps)
        errors.append(said.completeness)
        ends = model.score([image, baseline(case, kind)], "", answer).sum(1)
        assert said.completeness == pytest.approx(abs(method.signed(case).sum() - (ends[0] - ends[1])), abs=1e-12)
    assert errors[1] < 1e-3 and errors[1] <= errors[0]


def test_the_model_s_own_zero_cannot_be_scored() -> None:
    method = IntegratedGradients(IntegratedGradients.Options(baseline="zero"))
    case = make_case(RegionModel(CAUSE), film(), "yes it is", CONTENT)
    said = method.attribute(case)
    assert said.completeness is None and (case.cost.forward, case.cost.backward) == (24, 24)
    black = IntegratedGradients().attribute(make_case(RegionModel(CAUSE), film(), "yes it is", CONTENT))
    np.testing.assert_array_equal(said.saliency, black.saliency)  # this model's zero is black
