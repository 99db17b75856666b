"""The layer at which a method looks, by option: what it asks of the model, and a layer that is not there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from harness.contracts.attributor import Attributor
from harness.contracts.model import PLAIN, Capture, Trace, backward
from harness.errors import HarnessError, NotApplicable
from harness.run.shared_case import SharedCase
from harness.testing.region import RegionModel, make_case
from harness.testing.watched import EVERYTHING, Watched
from plugins.attributors.attention_head import AttentionHead
from plugins.attributors.grad_weighted_attention import GradWeightedAttention
from plugins.attributors.gradcam import GradCAM, GradCAMPlusPlus

BY_LAYER: list[tuple[type[Attributor], str]] = [
    (GradCAM, "hidden"), (GradCAMPlusPlus, "hidden"), (AttentionHead, "attention"),
    (GradWeightedAttention, "weighted_attention"),
]  # fmt: skip
IDS = [cls.name for cls, _ in BY_LAYER]


class Shallow(RegionModel):
    """Three layers, and what lies at each differs."""

    def cannot_capture(self, captures: frozenset[Capture]) -> str | None:
        return "There is no layer 9." if any(name.endswith("@9") for name in captures) else None

    def trace(self, image: np.ndarray, question: str, answer: str, captures: frozenset[Capture]) -> Trace:
        assert self.cannot_capture(captures) is None
        trace = super().trace(image, question, answer, captures)
        scale = {"1": 2.0, "embedding": 3.0}
        arrays = {name: value * scale.get(name.partition("@")[2], 1.0) for name, value in vars(trace).items()}
        return Trace(**{**arrays, "logprobs": trace.logprobs})


def image() -> np.ndarray:
    return np.random.default_rng(0).integers(40, 256, (224, 224, 3), dtype=np.uint8)


@pytest.mark.parametrize(("cls", "kind"), BY_LAYER, ids=IDS)
def test_the_capture_follows_the_option(cls: type[Attributor], kind: str) -> None:
    assert cls().captures == cls.captures == {kind}
    assert cls(cls.Options(layer=-1)).captures == {kind}
    assert cls(cls.Options(layer="2")).captures == {f"{kind}@2"}  # as the command line gives it
    method = cls(cls.Options(layer=1))
    case = make_case(Shallow(), image(), captures=method.captures)
    at_last = cls().attribute(case).saliency
    said = method.attribute(case).saliency
    assert said is not None and at_last is not None and said.any() and (said != at_last).any()


@pytest.mark.parametrize(("cls", "kind"), BY_LAYER, ids=IDS)
def test_layers_that_cannot_be_are_refused_as_options(cls: type[Attributor], kind: str) -> None:
    with pytest.raises(ValidationError, match="layers count from 1"):
        cls.Options(layer=0)
    with pytest.raises(ValidationError):
        cls.Options(layer="first")
    if kind == "hidden":
        assert cls(cls.Options(layer="embedding")).captures == {"hidden@embedding"}
    else:
        with pytest.raises(ValidationError):
            cls.Options(layer="embedding")


def test_what_needs_a_backward_pass() -> None:
    for name in ("attention", "attention@1", "rollout"):
        assert not backward(frozenset({name}))
    for name in ("hidden@embedding", "weighted_attention@-2", "hidden", "attention_relevance", "hidden_relevance"):
        assert backward(frozenset({name, "rollout"}))


def test_what_the_model_did_not_capture_is_not_applicable_and_what_nobody_asked_for_a_fault() -> None:
    class Blind(RegionModel):
        """Captures nothing, whatever it is asked for."""

        def trace(self, image: np.ndarray, question: str, answer: str, captures: frozenset[Capture]) -> Trace:
            return Trace(super().trace(image, question, answer, captures).logprobs)

    case = make_case(Blind(), image(), captures=frozenset({"hidden@1"}))
    for name in ("hidden", "hidden_gradient"):
        with pytest.raises(NotApplicable, match=f"asked to capture '{name}@1' and captured none"):
            case.captured(name, 1)
    with pytest.raises(HarnessError, match="Nobody asked to capture 'attention_relevance'") as undeclared:
        case.captured("attention_relevance")
    assert not isinstance(undeclared.value, NotApplicable)


def test_a_layer_that_the_model_lacks_stops_its_own_method_alone() -> None:
    """The others of the run have their trace, and nobody is charged for a pass that was not run."""
    model, shared = Shallow(), dict[str, Any]()

    def view(method: Attributor) -> SharedCase:
        base = make_case(model, image())
        given = {name: getattr(base, name) for name in ("model", "image", "question", "answer", "content")}
        return SharedCase(**given, captures=PLAIN, shared=shared, own=method.captures)

    absent, there = view(GradCAM(GradCAM.Options(layer=9))), view(GradCAM())
    with pytest.raises(NotApplicable, match="no layer 9"):
        GradCAM(GradCAM.Options(layer=9)).attribute(absent)
    assert (absent.cost.forward, absent.cost.backward) == (0, 0)
    assert GradCAM().attribute(there).saliency is not None
    assert (there.cost.forward, there.cost.backward) == (1, 1)


def test_a_model_that_says_nothing_of_layers_has_the_four_plain_captures() -> None:
    said = super(RegionModel, RegionModel()).cannot_capture  # the contract's own
    assert said(PLAIN) is None
    assert "hidden@1" in str(said(frozenset({"hidden@1", "hidden"})))
    assert Watched(Shallow(), EVERYTHING, PLAIN).cannot_capture(frozenset({"hidden@9"})) == "There is no layer 9."


def test_a_trace_holds_what_it_was_given() -> None:
    trace = Trace(np.zeros(2), rollout=np.ones((2, 3)), **{"hidden@1": np.ones((3, 4))})
    assert trace.rollout is not None and getattr(trace, "hidden@1").shape == (3, 4)
    assert trace.attention is None and getattr(trace, "hidden@2") is None
