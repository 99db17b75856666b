"""The baselines on a model whose answer provably depends on one rectangle; the simple ones against torch and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from small_models import ANSWER, QUESTION, frames, prepared
from test_captures import inputs_of

from harness.contracts.attributor import Attributor
from harness.contracts.case import Case
from harness.imaging.frame import Box
from harness.imaging.saliency import saliency_to_boxes
from harness.testing.region import SIDE, RegionModel, make_case
from plugins.attributors.attention_head import AttentionHead
from plugins.attributors.attention_rollout import AttentionRollout
from plugins.attributors.controls import CenterPrior, Random, WholeImage
from plugins.attributors.grad_weighted_attention import GradWeightedAttention
from plugins.attributors.gradcam import GradCAM, GradCAMPlusPlus
from plugins.attributors.integrated_gradients import IntegratedGradients
from plugins.attributors.lrp import LRP
from plugins.attributors.occlusion import Occlusion
from plugins.attributors.rise import RISE

TOKEN = Box(112, 56, 140, 112)  # one image token's rectangle, and the answer's only cause
CAUSAL: list[Attributor] = [
    Occlusion(), RISE(RISE.Options(masks=2000)), IntegratedGradients(),
    GradWeightedAttention(), GradCAM(), GradCAMPlusPlus(),
]  # fmt: skip


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(40, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def saliency_of(method: Attributor, image: np.ndarray, answer: str = "yes it is") -> np.ndarray:
    found = method.attribute(make_case(RegionModel(TOKEN), image, answer)).saliency
    assert found is not None
    return found


@pytest.mark.parametrize("method", CAUSAL, ids=lambda method: method.name)
def test_the_maximum_lies_on_the_cause(method: Attributor) -> None:
    saliency = saliency_of(method, noise())
    assert saliency.shape == (SIDE, SIDE)
    y, x = np.unravel_index(saliency.argmax(), saliency.shape)
    assert TOKEN.x0 <= x < TOKEN.x1 and TOKEN.y0 <= y < TOKEN.y1


def test_integrated_gradients_are_zero_off_the_cause_and_complete_on_it() -> None:
    image, answer = noise(), "yes it is"
    model = RegionModel(TOKEN)
    signed = IntegratedGradients(IntegratedGradients.Options(steps=400)).signed(make_case(model, image, answer))
    ends = model.score([image, np.zeros_like(image)], "", answer).sum(1)
    assert signed.sum() == pytest.approx(ends[0] - ends[1], rel=1e-4)
    signed[int(TOKEN.y0) : int(TOKEN.y1), int(TOKEN.x0) : int(TOKEN.x1)] = 0
    assert not signed.any()


@pytest.mark.parametrize("method", [AttentionHead(), GradWeightedAttention()], ids=lambda method: method.name)
def test_attention_maps_are_means_over_the_answer(method: Attributor) -> None:
    image = noise()
    case = make_case(RegionModel(TOKEN), image, "yes it is")
    (name,) = method.captures
    rows = case.captured(name)
    means = torch.from_numpy(rows).mean(0).reshape(1, 1, 4, 8)
    expected = torch.nn.functional.interpolate(means, (SIDE, SIDE), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(method.attribute(case).saliency, expected[0, 0], atol=1e-12)
    assert (case.cost.forward, case.cost.backward) == (1, 1)


def test_lrp_is_what_autograd_hands_down_through_the_attention() -> None:
    """A network that does at each layer what the matrices say is linear: its relevance is input times gradient.

    Attention's rows sum to one, so that a layer is the mean of what attention mixes and what the residual keeps.
    """
    model = prepared("qwen2.5-vl")
    image = frames(1)[0]
    inputs, start = inputs_of(model, image, ANSWER)
    with torch.no_grad():
        attentions = model.eager(**inputs, output_attentions=True).attentions
    given = torch.ones(inputs["input_ids"].shape[1], requires_grad=True)
    values = given
    for attention in attentions:
        values = (attention[0].mean(0) @ values + values) / 2
    values[start - 1 : -1].mean().backward()
    assert given.grad is not None
    relevance = (given * given.grad)[inputs["input_ids"][0] == model.plugin.image_token].detach().numpy()
    side = Box(0, 0, image.shape[1], image.shape[0])
    for method in (LRP(), AttentionRollout()):
        case = Case(model.plugin, image, QUESTION, ANSWER, side, captures=method.captures)
        np.testing.assert_allclose(method.attribute(case).saliency, case.spread(relevance), rtol=1e-4)
    assert np.ptp(relevance) > 0.1 * relevance.max()


def test_controls_know_nothing_of_the_model() -> None:
    content = Box(0, 28, SIDE, SIDE - 28)
    for method in (Random(), CenterPrior(), WholeImage()):
        case = make_case(RegionModel(TOKEN), noise(), content=content)
        said = method.attribute(case)
        again = method.attribute(make_case(RegionModel(), noise(1), "no", content))
        assert case.cost.forward == 0 and not method.needs
        if said.saliency is None:
            assert said.boxes == again.boxes == [content]
        else:
            np.testing.assert_array_equal(said.saliency, again.saliency)
            assert saliency_to_boxes(said.saliency, content)
    other = make_case(RegionModel(), noise())
    other.seed = 1
    assert (Random().attribute(other).saliency != saliency_of(Random(), noise())).any()


def test_the_center_prior_is_scipy_s_normal_density_over_the_content() -> None:
    content = Box(0, 28, SIDE, SIDE - 28)
    hill = CenterPrior().attribute(make_case(RegionModel(), noise(), content=content)).saliency
    deviations = [(SIDE - 56) / 4, SIDE / 4]  # a quarter of either side
    normal = multivariate_normal([SIDE / 2, SIDE / 2], np.square(deviations))
    density = normal.pdf(np.moveaxis(np.indices((SIDE, SIDE)) + 0.5, 0, -1))
    assert hill is not None
    np.testing.assert_allclose(hill, density / normal.pdf(normal.mean), rtol=1e-9)
