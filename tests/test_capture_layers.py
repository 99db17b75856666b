"""Captures at any layer and through all layers, of the real model classes, against eager attention and autograd."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from small_models import ANSWER, FAMILIES, QUESTION, Case, frames, prepared
from test_captures import inputs_of, summed

from harness.contracts.model import Capture
from harness.errors import HarnessError

KINDS = ("attention", "weighted_attention", "hidden")
LAYERED = frozenset({f"{kind}@{layer}" for kind in KINDS for layer in (1, 2, 3, -1, -2)}) | {"hidden@embedding"}
MERGED = LAYERED | {"rollout", "hidden", "attention_relevance", "hidden_relevance"}


@pytest.fixture(params=sorted(FAMILIES))
def case(request: pytest.FixtureRequest) -> Case:
    # A sliding window of 8 tokens would hide the image from the answer.
    return prepared(request.param, **({"sliding_window": 128} if request.param == "gemma3" else {}))


@pytest.fixture(params=[8, 0], ids=["graph kept", "graph recomputed"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to hold a graph; these models have three layers."""
    monkeypatch.setattr("plugins.models.captures._KEPT", request.param)


def close(found: np.ndarray | None, expected: torch.Tensor) -> None:
    wanted = expected.detach().numpy()
    assert found is not None and found.dtype == np.float64 and found.shape == wanted.shape and np.ptp(wanted) > 0
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())


def eager(case: Case, image: np.ndarray) -> tuple[torch.Tensor, Any, torch.Tensor, slice]:
    """The answer's log-probability, the eager model's output, where the image is, and the answer's rows."""
    inputs, start = inputs_of(case, image, ANSWER)
    total, output = summed(case, inputs, start, output_attentions=True, output_hidden_states=True)
    return total, output, inputs["input_ids"][0] == case.plugin.image_token, slice(start - 1, -1)


@pytest.mark.usefixtures("kept")
def test_captures_of_every_layer_in_one_pass_equal_autograd(case: Case) -> None:
    image = frames(1)[0]
    trace = case.plugin.trace(image, QUESTION, ANSWER, LAYERED)
    total, output, columns, rows = eager(case, image)
    by = torch.autograd.grad(total, [*output.attentions, *output.hidden_states[:3]])
    for layer in (1, 2, 3, -1, -2):
        k = layer - 1 if layer > 0 else 3 + layer
        attention, hidden = output.attentions[k][0], output.hidden_states[k][0]
        weighted = (by[k][0].relu() * attention).mean(0)
        close(getattr(trace, f"attention@{layer}"), attention.mean(0)[rows][:, columns])
        close(getattr(trace, f"weighted_attention@{layer}"), weighted[rows][:, columns])
        close(getattr(trace, f"hidden@{layer}"), hidden[columns])
        close(getattr(trace, f"hidden_gradient@{layer}"), by[3 + k][0, columns])
    close(getattr(trace, "hidden@embedding"), output.hidden_states[0][0, columns])
    close(getattr(trace, "hidden_gradient@embedding"), by[3][0, columns])


@pytest.mark.usefixtures("kept")
def test_attention_relevance_equals_the_paper_s_equations(case: Case) -> None:
    """Equations 5 and 6 of Chefer et al. as they stand: the mean over heads, from the first layer up, on S x S."""
    image = frames(1)[0]
    found = case.plugin.trace(image, QUESTION, ANSWER, frozenset({"attention_relevance"})).attention_relevance
    total, output, columns, rows = eager(case, image)
    relevance = torch.eye(len(columns))
    for attention, gradient in zip(output.attentions, torch.autograd.grad(total, output.attentions), strict=True):
        relevance = relevance + (gradient * attention)[0].clamp(min=0).mean(0) @ relevance
    close(found, relevance[rows][:, columns])


def of_lxt(name: str) -> ModuleType:
    """A module of the package lxt.efficient, whose own ``__init__`` imports models that this transformers lacks."""
    spec = importlib.util.find_spec("lxt")
    if spec is None:
        pytest.skip("could not import 'lxt'")
    for part in ("lxt.efficient", "lxt.efficient.models"):
        if part not in sys.modules:
            package = ModuleType(part)
            package.__path__ = [f"{next(iter(spec.submodule_search_locations or []))}/{'/'.join(part.split('.')[1:])}"]
            sys.modules[part] = package
    return importlib.import_module(f"lxt.efficient.{name}")


@pytest.mark.usefixtures("kept")
def test_hidden_relevance_equals_lxt(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authors' package patches the eager model's classes; the input times its gradient is the relevance."""
    image = frames(1)[0]
    found = case.plugin.trace(image, QUESTION, ANSWER, frozenset({"hidden_relevance"})).hidden_relevance
    total, output, columns, _ = eager(case, image)
    (plain,) = torch.autograd.grad(total, output.hidden_states[0])
    patches = of_lxt("patches")
    language = case.eager.model.language_model
    module = sys.modules[type(language).__module__]
    norm = type(language.norm)
    if case.family == "gemma3":
        monkeypatch.setattr(norm, "_norm", of_lxt("models.gemma3").gemma3_norm)
    else:
        monkeypatch.setattr(norm, "forward", patches.rms_norm_forward)
    monkeypatch.setattr(type(language.layers[0].mlp), "forward", patches.gated_mlp_forward)
    wrapped = patches.wrap_attention_forward(module.eager_attention_forward)
    monkeypatch.setattr(module, "eager_attention_forward", wrapped)
    total, output, _, _ = eager(case, image)
    embedding = output.hidden_states[0]
    (gradient,) = torch.autograd.grad(total, embedding)
    close(found, (embedding * gradient)[0, columns].sum(-1))
    assert not np.allclose(found, (embedding * plain)[0, columns].sum(-1).detach().numpy(), rtol=0.05)


def test_captures_are_the_same_alone_and_merged_and_leave_the_answer_alone(case: Case) -> None:
    image = frames(1)[0]
    merged = case.plugin.trace(image, QUESTION, ANSWER, MERGED)
    score = case.plugin.score([image], QUESTION, ANSWER)[0]
    for name in sorted(MERGED):
        alone = case.plugin.trace(image, QUESTION, ANSWER, frozenset({name}))
        np.testing.assert_array_equal(alone.logprobs, score, err_msg=name)
        arrays = vars(alone).keys() - {"logprobs"}
        pair = {name, name.replace("hidden", "hidden_gradient")}
        assert arrays == (pair if name.partition("@")[0] == "hidden" else {name})
        for array in arrays:
            found, expected = getattr(alone, array), getattr(merged, array)
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())


def test_several_layers_take_one_pass_and_leave_the_model_as_it_was(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.models.captures._KEPT", 0)
    passes: list[int] = []
    hook = case.plugin.model.model.language_model.register_forward_pre_hook(lambda *args: passes.append(1))
    backward = torch.autograd.grad
    grads: list[int] = []
    monkeypatch.setattr("torch.autograd.grad", lambda *args, **kw: (grads.append(1), backward(*args, **kw))[1])
    case.plugin.trace(frames(1)[0], QUESTION, ANSWER, MERGED - {"hidden_relevance"})
    hook.remove()
    assert (len(passes), len(grads)) == (1, 1)
    case.plugin.trace(frames(1)[0], QUESTION, ANSWER, MERGED)
    language = case.plugin.model.model.language_model
    for module in language.modules():
        assert not module._forward_hooks and not module._forward_pre_hooks and "forward" not in vars(module)
    assert language.config._attn_implementation == "sdpa"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("hidden@4", "its decoder has the layers 1 to 3"),
        ("attention@-4", "its decoder has the layers 1 to 3"),
        ("hidden@0", "its decoder has the layers 1 to 3"),
        ("hidden@first", "its decoder has the layers 1 to 3"),
        ("hidden@", "its decoder has the layers 1 to 3"),
        ("attention@embedding", "nothing attends yet"),
        ("rollout@1", "rollout spans all layers"),
        ("thoughts", "the kinds of capture are"),
    ],
)
def test_a_place_that_there_is_not_is_a_sentence_before_anything_is_computed(
    case: Case, name: Capture, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(case.plugin.model), "forward", None)
    with pytest.raises(HarnessError, match=f"{case.plugin.name}.*{name}.*{why}"):
        case.plugin.trace(frames(1)[0], QUESTION, ANSWER, frozenset({name, "hidden"}))
