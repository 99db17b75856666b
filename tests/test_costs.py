"""What every method is charged for is what goes through an embedded model: images at its vision tower, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from small_models import frames

from harness.contracts.attributor import Attributor, NotApplicable
from harness.contracts.case import Case, Cost
from harness.contracts.model import Model
from harness.imaging.frame import Box
from harness.registry import OWN, Registry
from plugins.models.gemma3 import PhantomGemma3

# What makes a method cheaper and no different.
OPTIONS: dict[str, dict[str, Any]] = {
    "occlusion": {"grid": 2}, "rise": {"masks": 5}, "eagle": {"regions": 3}, "kernelshap": {"passes": 6},
    "integrated-gradients": {"steps": 3}, "gradient-shap": {"samples": 1},
}  # fmt: skip
ELSEWHERE = {"prompting-medsam", "maps-from-files"}  # need weights, or files; the conformance kit gives them some
REGISTRY = Registry.discover()
METHODS = [cls for cls in REGISTRY.all("attributor") if REGISTRY.origin(cls).distribution == OWN]


@pytest.fixture(scope="module")
def model() -> Model:
    loaded = PhantomGemma3(PhantomGemma3.Options(device="cpu", max_new_tokens=4))
    loaded.load()
    return loaded


@pytest.fixture
def seen(model: Any) -> Iterator[Cost]:
    """The images that really pass; a generated answer is one, however many tokens it has."""
    cost = Cost()
    model._memory.clear()  # or the vision tower would not be asked for frames that another method passed

    def looked(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        cost.forward += len(args[0] if args else kwargs["pixel_values"])

    def differentiated(gradient: Any) -> None:
        cost.backward += len(gradient)

    def said(module: Any, args: tuple[Any, ...], output: Any) -> None:
        if output.logits.requires_grad:
            output.logits.register_hook(differentiated)

    hooks = [
        model.model.model.vision_tower.register_forward_hook(looked, with_kwargs=True),
        model.model.register_forward_hook(said),
    ]
    yield cost
    for hook in hooks:
        hook.remove()


@pytest.mark.parametrize("cls", [cls for cls in METHODS if cls.name not in ELSEWHERE], ids=lambda cls: cls.name)
def test_the_passes_charged_are_those_that_the_model_made(cls: type[Attributor], model: Model, seen: Cost) -> None:
    method = cls(cls.Options(**OPTIONS.get(cls.name, {})))
    method.load()
    image = frames(1, 224, 224)[0]
    case = Case(model, image, "Is it?", "Yes", Box(0, 0, 224, 224), captures=method.captures)
    with suppress(NotApplicable):
        method.attribute(case)
    assert case.cost == seen
    assert (seen.forward > 0) == bool(method.needs)
