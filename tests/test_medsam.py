"""MedSAM: its preprocessing, one embedding for all boxes, both file formats; tiny random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_vision import save_sam, save_sam_of

from harness.errors import HarnessError
from harness.imaging.frame import Box
from plugins.attributors import medsam
from plugins.attributors.medsam import MedSAM, preprocess

torch = pytest.importorskip("torch")


class Code:
    """An object that a safe loader must refuse to build."""


rng = np.random.default_rng(0)
IMAGE = rng.integers(0, 256, (60, 90, 3), dtype=np.uint8)
CORNERS = np.sort(rng.random((11, 2, 2)) * (90, 60), axis=1)
BOXES = [Box(*(float(v) for v in corners.ravel())) for corners in CORNERS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformers SamModel of 64-pixel input with random weights."""
    path = tmp_path_factory.mktemp("sam")
    save_sam(path)
    return path


def tiny_sam(**_: Any) -> Any:
    """segment_anything's own classes, tiny."""
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    encoder = ImageEncoderViT(
        depth=2, embed_dim=32, img_size=64, mlp_ratio=2, num_heads=4, patch_size=16, qkv_bias=True,
        use_rel_pos=True, global_attn_indexes=(1,), window_size=3, out_chans=32,
    )  # fmt: skip
    transformer = TwoWayTransformer(depth=2, embedding_dim=32, mlp_dim=64, num_heads=4)
    return Sam(
        image_encoder=encoder,
        prompt_encoder=PromptEncoder(32, (4, 4), (64, 64), 4),
        mask_decoder=MaskDecoder(num_multimask_outputs=3, transformer=transformer, transformer_dim=32),
    )


@pytest.fixture
def tiny_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    segment_anything = pytest.importorskip("segment_anything")
    monkeypatch.setitem(segment_anything.sam_model_registry, "vit_b", tiny_sam)
    monkeypatch.setitem(medsam._ENCODER_WIDTHS, 32, "vit_b")


def logits(refiner: MedSAM, boxes: list[Box]) -> np.ndarray:
    scale = np.array([64 / 90, 64 / 60] * 2)
    with torch.inference_mode():
        prompts = torch.tensor(np.array(boxes) * scale, dtype=torch.float32)
        return refiner._predict(torch.from_numpy(preprocess(IMAGE, 64)), prompts).numpy()


def check_eleven_at_once(refiner: MedSAM) -> None:
    together = logits(refiner, BOXES)
    one_by_one = np.concatenate([logits(refiner, [box]) for box in BOXES])
    assert together.shape == (11, 16, 16)
    np.testing.assert_allclose(together, one_by_one, atol=1e-5)
    assert np.abs(together[0] - together[1]).max() > 1e-4, "the boxes must matter"
    refined = refiner.refine(IMAGE, BOXES)
    assert refined == [refiner.refine(IMAGE, [box])[0] for box in BOXES]


def test_preprocessing_is_medsams() -> None:
    image = np.zeros((50, 100, 3), np.uint8)
    image[:, 50:] = 120
    pixels = preprocess(image, 64)
    assert pixels.shape == (1, 3, 64, 64) and pixels.dtype == np.float32
    assert pixels.min() == 0 and pixels.max() == 1
    # The aspect is not kept: the edge stays in the middle and no row is padding.
    assert (pixels[0, 0, :, :28] == 0).all() and (pixels[0, 0, :, 36:] > 0.95).all()
    assert not preprocess(np.full((9, 9, 3), 7, np.uint8), 16).any()


def test_eleven_boxes_at_once_equal_one_by_one(folder: Path) -> None:
    check_eleven_at_once(MedSAM(folder))


def test_the_image_is_encoded_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import SamModel

    calls: list[int] = []
    encode = SamModel.get_image_embeddings
    monkeypatch.setattr(SamModel, "get_image_embeddings", lambda *a, **k: calls.append(1) or encode(*a, **k))
    MedSAM(folder).refine(IMAGE, BOXES)
    assert calls == [1]


def test_masks_become_tight_half_open_boxes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refiner = MedSAM(folder)
    masks = np.zeros((3, 60, 90), bool)
    masks[0, 10:20, 30:50] = True
    masks[1, 59, 89] = True  # touches the far corner: nothing may be lost there
    monkeypatch.setattr(refiner, "masks", lambda *_: masks)
    assert refiner.refine(IMAGE, BOXES[:3]) == [Box(30, 10, 50, 20), Box(89, 59, 90, 60), BOXES[2]]


def test_order_of_sigmoid_interpolation_and_threshold(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refiner = MedSAM(folder)
    values = torch.full((1, 2, 2), -1.0)
    values[0, 0, 0] = 8.0
    monkeypatch.setattr(refiner, "_predict", lambda *_: values)
    mask = refiner.masks(np.zeros((4, 4, 3), np.uint8), BOXES[:1])
    chance = torch.nn.functional.interpolate(values.sigmoid()[None], size=(4, 4), mode="bilinear")[0]
    np.testing.assert_array_equal(mask, (chance > 0.5).numpy())


def test_no_boxes(folder: Path) -> None:
    assert MedSAM(folder).refine(IMAGE, []) == []


@pytest.mark.usefixtures("tiny_registry")
@pytest.mark.parametrize("wrapped", [False, True])
def test_segment_anything_file(tmp_path: Path, wrapped: bool) -> None:
    torch.manual_seed(1)
    weights = tiny_sam().state_dict()
    torch.nn.init.normal_(weights["image_encoder.pos_embed"], std=0.5)
    content = {"model": {f"module.{k}": v for k, v in weights.items()}, "epoch": 3} if wrapped else weights
    torch.save(content, tmp_path / "sam.pth")
    refiner = MedSAM(tmp_path / "sam.pth")
    assert refiner.size == 64
    check_eleven_at_once(refiner)


@pytest.mark.usefixtures("tiny_registry")
def test_both_file_formats_give_equal_masks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from segment_anything.modeling import ImageEncoderViT

    torch.manual_seed(4)
    weights = tiny_sam().state_dict()
    for name, weight in weights.items():
        if weight.ndim > 1 or "bias" in name:  # as built, much of it is zero
            torch.nn.init.normal_(weight, std=0.3)
    torch.save(weights, tmp_path / "sam.pth")
    save_sam_of(weights, tmp_path / "folder")
    file, folder = MedSAM(tmp_path / "sam.pth"), MedSAM(tmp_path / "folder")
    np.testing.assert_allclose(logits(file, BOXES), logits(folder, BOXES), atol=1e-4)
    best = [logits(MedSAM(tmp_path / name, multimask=True), BOXES) for name in ("sam.pth", "folder")]
    np.testing.assert_allclose(best[0], best[1], atol=1e-4)
    assert np.abs(best[0] - logits(file, BOXES)).max() > 1e-2, "another mask than the one"
    calls: list[int] = []
    encode = ImageEncoderViT.forward
    monkeypatch.setattr(ImageEncoderViT, "forward", lambda *a: calls.append(1) or encode(*a))
    masks = file.masks(IMAGE, BOXES)
    assert calls == [1], "the image is encoded once for all boxes"
    assert np.array_equal(masks, folder.masks(IMAGE, BOXES))
    assert 0.1 < masks.mean() < 0.9 and len({mask.tobytes() for mask in masks}) > 5
    assert file.refine(IMAGE, BOXES) == folder.refine(IMAGE, BOXES)


@pytest.mark.usefixtures("tiny_registry")
def test_bad_checkpoints_are_named(tmp_path: Path) -> None:
    broken = tiny_sam().state_dict()
    broken.pop("mask_decoder.iou_token.weight")
    files: dict[str, Any] = {
        "no SAM": {"weight": torch.zeros(2)},
        "does not fit": broken,
        "cannot be read": {"x": Code()},
    }
    for message, content in files.items():
        path = tmp_path / f"{message}.pth"
        torch.save(content, path)
        with pytest.raises(HarnessError, match=message):
            MedSAM(path)
    (tmp_path / "text.pth").write_text("not a checkpoint")
    with pytest.raises(HarnessError, match="cannot be read"):
        MedSAM(tmp_path / "text.pth")
    with pytest.raises(HarnessError, match="does not exist"):
        MedSAM(tmp_path / "nothing.pth")
    with pytest.raises(HarnessError, match=r"no config\.json there.*-o medfocus\.medsam=DIR"):
        MedSAM(tmp_path)
