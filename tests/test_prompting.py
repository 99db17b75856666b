"""The two methods that ask: a scripted model replies; OWL-ViT and MedSAM are small checkpoints of the real classes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, ClassVar

import huggingface_hub
import numpy as np
import pytest
import transformers
from evaluating import evaluate
from small_vision import save_owlvit, save_sam
from transformers import SamModel

from harness.contracts.attributor import Attributor, missing
from harness.contracts.case import Case
from harness.contracts.model import Capability, Model
from harness.errors import HarnessError
from harness.explaining.explain import check_capabilities
from harness.imaging.frame import Box
from harness.registry import Registry
from harness.run.journal_reading import read_journal
from plugins.attributors import prompting_medsam
from plugins.attributors.medsam import preprocess
from plugins.attributors.occlusion import Occlusion
from plugins.attributors.prompting import Prompting
from plugins.attributors.prompting_medsam import PromptingMedSAM

SIDE, COMMIT = 96, "0123456789abcdef0123456789abcdef01234567"
SOME = Box(10, 10, 70, 60)
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


def test_the_model_says_in_what_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    reply = "[[125, 250, 500, 1000]]"
    assert Prompting().attribute(case(reply)).boxes == [Box(12, 24, 48, 96)]  # far beyond 96 pixels
    reply = "[[25, 50, 75, 100]]"
    assert Prompting().attribute(case(reply)).boxes == [Box(25, 50, 75, 96)]
    monkeypatch.setattr(Scripted, "boxes_in", "thousandths")
    (box,) = Prompting().attribute(case(reply)).boxes
    np.testing.assert_allclose(box, (2.4, 4.8, 7.2, 9.6))


@pytest.mark.parametrize("method", [Prompting, PromptingMedSAM])
def test_a_model_that_says_that_it_cannot_ground_is_not_asked(
    method: type[Attributor], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert missing(method, Scripted) == []  # it does not say, and is tried
    monkeypatch.setattr(Scripted, "grounds", True)
    assert missing(method, Scripted) == []
    monkeypatch.setattr(Scripted, "grounds", False)
    assert missing(method, Scripted) == ["grounding"] and missing(Occlusion, Scripted) == ["score"]
    with pytest.raises(HarnessError, match=f"{method.name}' needs grounding, which the model 'scripted' does not"):
        check_capabilities(method, Scripted)


def test_the_embedded_models_answer_with_boxes(tmp_path: Path) -> None:
    ended = evaluate(Registry.discover(), ["prompting"], limit=4, output=tmp_path / "run")
    assert (ended.finished, ended.failed, ended.not_applicable) == (4, 0, 0)
    assert all(row["boxes"] for row in read_journal(tmp_path / "run")[1])


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


def by_hand(method: PromptingMedSAM, image: np.ndarray, name: str) -> list[tuple[float, Box]]:
    """(score, box) of every patch, best first, where one name alone is asked for: the sigmoid of its logit."""
    import torch

    inputs = method.processor(text=[[name]], images=image, return_tensors="pt", truncation=True)
    with torch.no_grad():
        seen = method.detector(**inputs)
    scores = seen.logits[0, :, 0].sigmoid().numpy()
    x, y, w, h = seen.pred_boxes[0].numpy().T
    height, width = image.shape[:2]
    edges = np.stack([(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height], 1)
    return [(scores[k], Box(*edges[k]).clip(width, height)) for k in np.argsort(-scores, kind="stable")]


@pytest.mark.parametrize("shape", [(SIDE, SIDE), (60, 140)])
def test_detections_are_the_best_patches_of_each_name(weights: dict[str, Any], shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    method = loaded(weights, threshold=0.0, top=5)
    ranked = {name: by_hand(method, image, name) for name in NAMES}
    for name in NAMES:
        found = method.find(image, [name])
        np.testing.assert_allclose(found, [box for _, box in ranked[name][:5]], atol=1e-3)
        # A threshold between the second and the third score keeps two.
        between = float(ranked[name][1][0] + ranked[name][2][0]) / 2
        assert len(loaded(weights, threshold=between).find(image, [name])) == 2
    together = method.find(image, NAMES)
    assert 5 <= len(together) == len(set(together)) <= 15
    alone = {box for name in NAMES for box in method.find(image, [name])}
    np.testing.assert_allclose(sorted(together), sorted(alone), atol=1e-3)
    assert loaded(weights, threshold=1.0).find(image, NAMES) == []


def test_found_boxes_go_through_medsam(weights: dict[str, Any]) -> None:
    method = loaded(weights, threshold=0.0, top=2)
    said = method.attribute(case('["left lung", "heart"]'))
    rough = method.find(IMAGE, ["left lung", "heart"])
    assert said.boxes == method.refiner.refine(IMAGE, rough) and 2 <= len(rough) <= 4


def test_the_best_of_three_masks_by_option(weights: dict[str, Any]) -> None:
    import torch

    boxes = [Box(5, 5, 60, 60), Box(30, 10, 90, 80)]
    one, three = (loaded(weights, multimask=multimask).refiner for multimask in (False, True))
    pixels, prompts = torch.from_numpy(preprocess(IMAGE, 64)), torch.tensor(boxes) * 64 / SIDE
    for refiner, count in ((one, 1), (three, 3)):
        sam = SamModel.from_pretrained(weights["medsam"], trust_remote_code=False).eval()
        with torch.no_grad():
            out = sam(pixels, input_boxes=prompts[None], multimask_output=count == 3)
            assert out.iou_scores.shape == (1, 2, count)
            wanted = [out.pred_masks[0, k, out.iou_scores[0, k].argmax()].numpy() for k in range(2)]
            np.testing.assert_allclose(refiner._predict(pixels, prompts).numpy(), wanted, atol=1e-5)


def test_medsam_by_hub_id(weights: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint in the hub's cache is loaded at the commit that the header tells of; one that is not, is named."""
    with pytest.raises(HarnessError, match=r"weights nobody/no-medsam of 'prompting-medsam' could not.*\.medsam=DIR"):
        loaded(weights | {"medsam": Path("nobody/no-medsam")})
    with pytest.raises(HarnessError, match=r"weights/sam\.pth does not exist \(option medsam\)"):
        loaded(weights | {"medsam": Path("weights/sam.pth")})
    cached = tmp_path / "models--somebody--medsam"
    shutil.copytree(weights["medsam"], cached / "snapshots" / COMMIT)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(transformers.utils.hub.constants, "HF_HUB_CACHE", str(tmp_path))
    given = weights | {"medsam": Path("somebody/medsam")}
    assert PromptingMedSAM(PromptingMedSAM.Options(**given)).files()[0] == cached / "snapshots" / COMMIT
    method = loaded(given)
    assert method.refiner.refine(IMAGE, [SOME]) == loaded(weights).refiner.refine(IMAGE, [SOME])


def test_a_reply_without_names_is_no_box(weights: dict[str, Any]) -> None:
    assert loaded(weights).attribute(case("```\n```")).boxes == []


def test_weights_are_built_once(weights: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    method = loaded(weights)
    monkeypatch.setattr(prompting_medsam, "load_checkpoint", lambda *_, **__: pytest.fail("loaded again"))
    monkeypatch.setattr(prompting_medsam, "MedSAM", lambda *_, **__: pytest.fail("built again"))
    for _ in range(2):
        method.attribute(case('["left lung"]'))


def test_missing_weights_say_which_option(weights: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"-o prompting-medsam\.medsam=PATH"):
        PromptingMedSAM().load()
    with pytest.raises(HarnessError, match=r"-o prompting-medsam\.owlvit=DIR"):
        loaded(weights | {"owlvit": str(tmp_path)})
    with pytest.raises(HarnessError, match=r"does not exist \(option medsam\)"):
        loaded(weights | {"medsam": tmp_path / "sam.pth"})
