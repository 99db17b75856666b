"""The captured attention against transformers' eager attention, and that capturing changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_models import ANSWER, FAMILIES, QUESTION, Case, build, frames, oracle, prepared

from plugins.models.attention import AttentionCall, observing

ROLLOUT = frozenset({"rollout"})


@pytest.fixture(params=sorted(FAMILIES))
def case(request: pytest.FixtureRequest) -> Case:
    return prepared(request.param)


def test_rollout_equals_dense_attention(case: Case) -> None:
    image = frames(1)[0]
    trace = case.plugin.trace(image, QUESTION, ANSWER, ROLLOUT)
    output, ids, start = oracle(case, image, ANSWER, output_attentions=True)
    matrix = torch.eye(len(ids), dtype=torch.float64)
    for attention in output.attentions:
        mixing = attention[0].double().mean(0) + torch.eye(len(ids))
        matrix = (mixing / mixing.sum(1, keepdim=True)) @ matrix
    columns = ids == case.plugin.image_token
    expected = matrix[start - 1 : -1][:, columns].numpy()
    assert trace.rollout is not None and trace.rollout.dtype == np.float64
    assert trace.rollout.shape == (len(ids) - start, len(case.plugin.image_grid(image)))
    np.testing.assert_allclose(trace.rollout, expected, atol=1e-5)
    assert np.ptp(expected) > 1e-3


def test_trace_leaves_the_output_alone(case: Case) -> None:
    image = frames(1)[0]
    score = case.plugin.score([image], QUESTION, ANSWER)[0]
    for captures in (ROLLOUT, frozenset()):
        trace = case.plugin.trace(image, QUESTION, ANSWER, captures)
        np.testing.assert_array_equal(trace.logprobs, score)
    assert trace.rollout is None


def test_only_the_language_model_is_observed_and_only_within_the_block(case: Case) -> None:
    plugin, image = case.plugin, frames(1)[0]
    layers: list[int] = []
    inputs = plugin._inputs([image], plugin._prompt(image, QUESTION), [])
    before = [m.config._attn_implementation for m in plugin.model.modules() if hasattr(m, "config")]
    watch = observing(plugin.model, [lambda call: layers.append(call.layer)])
    with pytest.raises(ZeroDivisionError), torch.no_grad(), watch:
        plugin.model(**inputs)
        raise ZeroDivisionError
    assert layers == [0, 1, 2]
    assert set(before) == {"sdpa"}
    assert before == [m.config._attn_implementation for m in plugin.model.modules() if hasattr(m, "config")]
    with torch.no_grad():
        plugin.model(**inputs)
    assert len(layers) == 3


@pytest.mark.parametrize("kind", ["causal", "bool", "float", "all"])
def test_head_mean_is_the_attention_of_sdpa(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recovered by attending to one-hot values, with grouped heads and a few rows at a time."""
    monkeypatch.setattr("plugins.models.attention._CHUNK", 100)
    torch.manual_seed(0)
    query, key = torch.randn(2, 4, 9, 8), torch.randn(2, 2, 9, 8)
    seen = (torch.rand(2, 1, 9, 9) > 0.5) | torch.eye(9, dtype=torch.bool)
    mask = {"bool": seen, "float": torch.randn(2, 1, 9, 9)}.get(kind)
    values = torch.eye(9).expand(2, 4, 9, 9)
    call = AttentionCall(0, query, key, mask, 0.3, kind == "causal", key, query.transpose(1, 2))
    expected = torch.nn.functional.scaled_dot_product_attention(
        query, key.repeat_interleave(2, 1), values, attn_mask=mask, scale=0.3, is_causal=kind == "causal"
    ).mean(1)
    torch.testing.assert_close(call.head_mean(), expected)
    torch.testing.assert_close(call.head_mean(3, 8), expected[:, 3:8])


def test_gemma_answer_is_causal_and_its_image_is_not() -> None:
    """The image tokens attend both ways; a sliding window of 8 cuts what is further away."""
    model, processor = build("gemma3", None)
    plugin = FAMILIES["gemma3"]()
    plugin.model, plugin.processor, plugin.tokenizer = model, processor, processor.tokenizer
    plugin.image_token, plugin._prompts = model.config.image_token_id, {}
    image = frames(1)[0]
    prompt = plugin._prompt(image, QUESTION)
    maps: list[torch.Tensor] = []
    with torch.no_grad(), observing(model, [lambda call: maps.append(call.head_mean()[0])]):
        model(**plugin._inputs([image], prompt, plugin._answer_ids(ANSWER)))
    sliding, full = maps[0], maps[1]
    picture_ = torch.zeros(len(full), dtype=torch.bool)
    picture_[: len(prompt.ids)] = prompt.ids == plugin.image_token
    both = picture_[:, None] & picture_
    position = torch.arange(len(full))
    causal = position <= position[:, None]
    assert torch.equal(full > 0, causal | both)
    near = (position[:, None] - position) < 8
    assert torch.equal(sliding > 0, (causal | both) & near)
