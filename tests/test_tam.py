"""Token activation maps: the logits against the eager model's, each step against scipy's and a closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.optimize import minimize_scalar
from small_models import ANSWER, FAMILIES, QUESTION, frames, oracle, prepared

from harness.imaging.frame import Box
from harness.testing.region import RegionModel, make_case
from plugins.attributors.tam import TAM, rank_gaussian, without_interference

CAUSE = Box(84, 56, 168, 140)  # nine image tokens: the filter may move the peak of a lone one to its neighbour


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_logits_are_the_eager_model_s(family: str) -> None:
    case, image = prepared(family), frames(1)[0]
    trace = case.plugin.trace(image, QUESTION, ANSWER, frozenset({"token_logits", "hidden"}))
    output, ids, start = oracle(case, image, ANSWER)
    assert trace.token_logits is not None and trace.token_ids is not None
    own = torch.from_numpy(trace.token_ids).long()
    answers, count = ids[start:], len(own) - len(ids) + start
    assert case.processor.tokenizer.decode(own[:count]).strip() == QUESTION and torch.equal(own[count:], answers)
    (first,) = [k for k in range(start) if torch.equal(ids[k : k + count], own[:count])]
    columns = (ids == case.plugin.image_token).nonzero()[:, 0]
    places = torch.cat([columns, torch.arange(first, first + count), torch.arange(start - 1, len(ids) - 1)])
    classes = torch.cat([output.logits[0, first].argmax()[None], own[1:]])
    expected = output.logits[0][places][:, classes].T.numpy()
    np.testing.assert_allclose(trace.token_logits, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    alone = case.plugin.trace(image, QUESTION, ANSWER, frozenset({"token_logits"}))
    np.testing.assert_allclose(alone.token_logits, trace.token_logits, rtol=1e-5, atol=1e-5)
    assert set(vars(alone)) == {"logprobs", "token_logits", "token_ids"}


def test_interference_is_subtracted_as_far_as_it_fits() -> None:
    rng = np.random.default_rng(0)
    own, others, relevance = rng.random(12), rng.random((3, 12)), rng.random(3)
    mean = np.average(others, axis=0, weights=relevance)
    fit = minimize_scalar(lambda scale: ((own - scale * mean) ** 2).sum()).x
    expected = (own - fit * mean).clip(min=0)
    assert (expected == 0).any() and (expected > 0).any()
    np.testing.assert_allclose(without_interference(own, others, relevance), expected, atol=1e-6)
    # What is elsewhere is left as it is; what is the same vanishes.
    shared, elsewhere = np.array([1.0, 2, 0, 0]), np.array([0.0, 0, 5, 1])
    left = without_interference(3 * shared + elsewhere, shared[None], np.ones(1))
    np.testing.assert_allclose(left, elsewhere, atol=1e-12)
    np.testing.assert_array_equal(without_interference(own, others[:0], relevance[:0]), own)


def test_the_filter_is_a_mean_of_scipy_s_rank_filters() -> None:
    heat = np.random.default_rng(0).random((5, 7)) ** 4
    ranked = np.stack([ndimage.rank_filter(heat, rank, 3, mode="mirror") for rank in range(9)])
    mean = ndimage.uniform_filter(heat, 3, mode="mirror")
    deviation = np.sqrt(ndimage.uniform_filter(heat**2, 3, mode="mirror") - mean**2)
    for y, x in np.ndindex(*heat.shape):
        weights = np.exp(-0.5 * (np.arange(-4, 5) * mean[y, x] / deviation[y, x]) ** 2)
        assert rank_gaussian(heat)[y, x] == pytest.approx(np.average(ranked[:, y, x], weights=weights))
    # Where values hardly vary it is the median; a value that is everywhere stays; nothing is nothing.
    alike = 100 + heat
    np.testing.assert_allclose(rank_gaussian(alike), ndimage.median_filter(alike, 3, mode="mirror"))
    np.testing.assert_allclose(rank_gaussian(np.full((4, 4), 0.3)), 0.3)
    assert not rank_gaussian(np.zeros((1, 1))).any()


def test_the_maximum_lies_on_the_cause_and_costs_one_pass() -> None:
    image = np.random.default_rng(0).integers(40, 256, (224, 224, 3), dtype=np.uint8)
    this = make_case(RegionModel(CAUSE, 8, 8), image, "yes it is", captures=TAM.captures)
    this.captures = TAM.captures
    saliency = TAM().attribute(this).saliency
    assert saliency is not None
    y, x = np.unravel_index(saliency.argmax(), saliency.shape)
    assert CAUSE.x0 <= x < CAUSE.x1 and CAUSE.y0 <= y < CAUSE.y1
    assert (this.cost.forward, this.cost.backward) == (1, 0)
