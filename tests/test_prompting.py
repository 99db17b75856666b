"""The two methods that ask: a scripted model replies; OWL-ViT and MedSAM are small checkpoints of the real classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from small_vision import save_owlvit, save_sam

from harness.contracts.case import Case
from harness.contracts.model import Capability, Model
from harness.errors import HarnessError
from harness.imaging.frame import Box
from plugins.attributors import prompting_medsam
from plugins.attributors.prompting import Prompting
from plugins.attributors.prompting_medsam import PromptingMedSAM

SIDE = 96
IMAGE = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
NAMES = ["left lung", "a dense band over the right lower lobe of the lung", "heart"]


class Scripted(Model):
    """Generates one reply and can do nothing else, as a remote API."""

    name: ClassVar[str] = "scripted"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"generate"})

    def __init__(self, reply: str) -> None:
        super().__init__()
        self.reply = reply
        self.asked: list[str] = []

    def answer(self, image: np.ndarray, question: str) -> str:
        self.asked.append(question)
        return self.reply


def case(reply: str) -> Case:
    return Case(Scripted(reply), IMAGE, "Is the {left} lung dense?", "Yes {0}.", Box(0, 0, SIDE, SIDE))


def test_prompting_asks_once_and_returns_the_boxes() -> None:
    asked = case("```json\n[[10, 20, 30, 40]]\n```")
    assert Prompting().attribute(asked).boxes == [Box(10, 20, 30, 40)]
    assert (asked.cost.forward, asked.cost.backward) == (1, 0)
    (prompt,) = asked.model.asked  # type: ignore[attr-defined]
    assert asked.question in prompt and asked.answer in prompt and f"{SIDE} x {SIDE} pixels" in prompt


@pytest.mark.parametrize("reply", ["Yes.", "", "[[999999, 999999, 1, 2, 3]]"])
def test_a_reply_without_boxes_is_no_box(reply: str) -> None:
    said = Prompting().attribute(case(reply))
    assert said.boxes == [] and said.saliency is None


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("weights")
    save_sam(folder / "sam")
    save_owlvit(folder / "owlvit")
    return {"medsam": folder / "sam", "owlvit": str(folder / "owlvit")}


def loaded(weights: dict[str, Any], **options: Any) -> PromptingMedSAM:
    method = PromptingMedSAM(PromptingMedSAM.Options(**weights, **options))
    method.load()
    return method


def by_hand(method: PromptingMedSAM, image: np.ndarray, names: Sequence[str]) -> list[tuple[float, Box]]:
    """(score, box) of every patch, best first: sigmoid of the best name's logit, centre and size times the image."""
    import torch

    inputs = method.processor(text=[list(names)], images=image, return_tensors="pt", truncation=True)
    with torch.no_grad():
        seen = method.detector(**inputs)
    scores = seen.logits[0].max(-1).values.sigmoid().numpy()
    x, y, w, h = seen.pred_boxes[0].numpy().T
    height, width = image.shape[:2]
    edges = np.stack([(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height], 1)
    return [(scores[k], Box(*edges[k]).clip(width, height)) for k in np.argsort(-scores, kind="stable")]


@pytest.mark.parametrize("shape", [(SIDE, SIDE), (60, 140)])
def test_detections_are_the_best_patches(weights: dict[str, Any], shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    ranked = by_hand(loaded(weights), image, NAMES)
    found = loaded(weights, threshold=0.0, top=3).find(image, NAMES)
    assert len(found) == 3
    np.testing.assert_allclose(found, [box for _, box in ranked[:3]], atol=1e-3)
    # A threshold between the second and the third score keeps two.
    between = float(ranked[1][0] + ranked[2][0]) / 2
    assert len(loaded(weights, threshold=between).find(image, NAMES)) == 2
    assert loaded(weights, threshold=1.0).find(image, NAMES) == []


def test_found_boxes_go_through_medsam(weights: dict[str, Any]) -> None:
    method = loaded(weights, threshold=0.0, top=2)
    said = method.attribute(case('["left lung", "heart"]'))
    rough = method.find(IMAGE, ["left lung", "heart"])
    assert said.boxes == method.refiner.refine(IMAGE, rough) and len(rough) == 2


def test_a_reply_without_names_is_no_box(weights: dict[str, Any]) -> None:
    assert loaded(weights).attribute(case("```\n```")).boxes == []


def test_weights_are_built_once(weights: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    method = loaded(weights)
    monkeypatch.setattr(prompting_medsam, "load_checkpoint", lambda *_, **__: pytest.fail("loaded again"))
    monkeypatch.setattr(prompting_medsam, "MedSAM", lambda *_: pytest.fail("built again"))
    for _ in range(2):
        method.attribute(case('["left lung"]'))


def test_missing_weights_say_which_option(weights: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"-o prompting-medsam\.medsam=PATH"):
        PromptingMedSAM().load()
    with pytest.raises(HarnessError, match=r"-o prompting-medsam\.owlvit=DIR"):
        loaded(weights | {"owlvit": str(tmp_path)})
    with pytest.raises(HarnessError, match=r"does not exist \(option medsam\)"):
        loaded(weights | {"medsam": tmp_path / "sam.pth"})
