"""The methods that read the whole decoder's gradient: their formulas by others' packages, their costs by the kit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_models import ANSWER, FAMILIES, QUESTION, Case, frames, prepared
from test_captures import inputs_of, summed

from harness.contracts.attributor import Attributor
from harness.contracts.case import Case as Explained
from harness.imaging.frame import Box
from harness.testing.region import RegionModel, make_case
from plugins.attributors.attnlrp import AttnLRP
from plugins.attributors.chefer import Chefer
from plugins.attributors.gradient_norm import GradientNorm
from plugins.attributors.layercam import LayerCAM

METHODS: list[type[Attributor]] = [GradientNorm, LayerCAM, Chefer, AttnLRP]
TOKEN = Box(112, 56, 140, 112)  # one image token's rectangle, and the answer's only cause


@pytest.fixture(params=sorted(FAMILIES))
def case(request: pytest.FixtureRequest) -> Case:
    return prepared(request.param, **({"sliding_window": 128} if request.param == "gemma3" else {}))


@pytest.mark.parametrize("cls", METHODS, ids=lambda cls: cls.name)
def test_the_maximum_lies_on_the_cause_and_costs_one_pass_each_way(cls: type[Attributor]) -> None:
    image = np.random.default_rng(0).integers(40, 256, (224, 224, 3), dtype=np.uint8)
    this = make_case(RegionModel(TOKEN), image, "yes it is", captures=cls.captures)
    saliency = cls().attribute(this).saliency
    assert saliency is not None
    y, x = np.unravel_index(saliency.argmax(), saliency.shape)
    assert TOKEN.x0 <= x < TOKEN.x1 and TOKEN.y0 <= y < TOKEN.y1
    assert (this.cost.forward, this.cost.backward) == (1, 1)


def explained(case: Case, method: Attributor, image: np.ndarray) -> Explained:
    side = Box(0, 0, image.shape[1], image.shape[0])
    return Explained(case.plugin, image, QUESTION, ANSWER, side, captures=method.captures)


def test_gradient_norm_equals_autograd_at_the_embeddings(case: Case) -> None:
    """The eager model is fed the embeddings themselves, as the one leaf."""
    image, method = frames(1)[0], GradientNorm()
    this = explained(case, method, image)
    found = method.attribute(this).saliency
    inputs, start = inputs_of(case, image, ANSWER)
    leaves: list[torch.Tensor] = []

    def leaf(module: torch.nn.Module, args: tuple[()], kwargs: dict[str, torch.Tensor]) -> object:
        leaves.append(kwargs["inputs_embeds"].detach().requires_grad_())
        return args, kwargs | {"inputs_embeds": leaves[0]}

    hook = case.eager.model.language_model.register_forward_pre_hook(leaf, with_kwargs=True)
    total, _ = summed(case, inputs, start)
    hook.remove()
    total.backward()
    columns = inputs["input_ids"][0] == case.plugin.image_token
    assert leaves[0].grad is not None
    norm = leaves[0].grad[0, columns].pow(2).sum(-1).sqrt().numpy()
    expected = this.spread(norm)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * norm.max())


def test_layercam_equals_the_package_grad_cam() -> None:
    cam = pytest.importorskip("pytorch_grad_cam")
    rng = np.random.default_rng(0)
    hidden, gradient = rng.normal(size=(12, 5)), rng.normal(size=(12, 5))
    # The package's arrays are [images, channels, rows, columns], and its compute_cam_per_layer cuts at zero.
    activations, grads = (values.T.reshape(1, 5, 3, 4) for values in (hidden, gradient))
    raw = cam.LayerCAM.get_cam_image(None, None, None, None, activations, grads, False)
    expected = np.maximum(raw, 0).reshape(-1)
    assert (expected == 0).any() and (expected > 0).any()
    np.testing.assert_allclose(LayerCAM.map(hidden, gradient), expected)


def test_attnlrp_shows_what_speaks_for_the_answer_or_all_of_it(case: Case) -> None:
    image = frames(1)[0]
    this = explained(case, AttnLRP(), image)
    relevance = this.captured("hidden_relevance")
    assert (relevance < 0).any() and (relevance > 0).any()
    said = {sign: AttnLRP(AttnLRP.Options(sign=sign)).attribute(this).saliency for sign in ("positive", "absolute")}
    np.testing.assert_array_equal(said["positive"], this.spread(np.maximum(relevance, 0)))
    np.testing.assert_array_equal(said["absolute"], this.spread(np.abs(relevance)))


def test_chefer_is_the_mean_over_the_answer_s_rows(case: Case) -> None:
    this = explained(case, Chefer(), frames(1)[0])
    rows = this.captured("attention_relevance")
    assert rows.shape == (len(this.trace.logprobs), len(case.plugin.image_grid(this.image))) and rows.min() >= 0
    np.testing.assert_array_equal(Chefer().attribute(this).saliency, this.spread(rows.mean(0)))
