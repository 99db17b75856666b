"""Box refinement: the interface, and MedSAM behind it (Ma et al. 2024, arXiv 2304.12306).

Refiners that need no weights (random walker, Chan-Vese, snapping to edges) were measured on phantoms and left
out: each lowered the mean IoU of the concept boxes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import HarnessError, one_line
from harness.imaging.frame import Box
from plugins.checkpoint import check_complete, check_type, checkpoint_files, looks_local, opened, pinned
from plugins.weights.folder import PICKLES
from plugins.weights.state_dict import read_weights

if TYPE_CHECKING:
    import torch

_ENCODER_WIDTHS = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}
# Given an input [1, 3, S, S] and boxes [n, 4] in its pixels: mask logits [n, s, s].
_Predict = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]


class BoxRefiner(ABC):
    """Turns rough boxes about structures of an image into tighter ones."""

    @abstractmethod
    def refine(self, image: np.ndarray, boxes: Sequence[Box]) -> list[Box]:
        """One box for each box given, in the pixels of ``image``, uint8 [h, w, 3]."""


class MedSAM(BoxRefiner):
    """The tight box of the mask that MedSAM draws for each box; a box whose mask is empty stays as it was.

    ``checkpoint`` is a segment-anything file (ViT-B, L or H), as safetensors or as the ``.pth`` pickle that it is
    published as, or the folder or hub id of a transformers ``SamModel``. ``multimask``: of the three masks of a box
    take the one of the highest predicted IoU; MedSAM trained neither those masks nor that score, so that the one mask
    is the default. ``plugin``: whose option ``medsam`` named the checkpoint. The image is encoded once for all boxes,
    on the GPU where there is one.
    """

    def __init__(self, checkpoint: Path | str, multimask: bool = False, plugin: str = "medfocus") -> None:
        import torch

        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        path = Path(checkpoint).expanduser()
        if _hub_id(path) or path.is_dir():
            place = str(path) if _hub_id(path) else str(path.absolute())
            self.size, self._predict = _from_checkpoint(place, self.device, multimask, plugin)
        elif path.exists():
            self.size, self._predict = _from_file(path, self.device, multimask)
        else:
            raise HarnessError(f"The MedSAM checkpoint {checkpoint} does not exist (option medsam).")

    def masks(self, image: np.ndarray, boxes: Sequence[Box]) -> np.ndarray:
        """One mask a box, bool [n, h, w], for an image uint8 [h, w, 3]."""
        import torch

        h, w = image.shape[:2]
        if not boxes:
            return np.zeros((0, h, w), bool)
        scale = np.array([self.size / w, self.size / h] * 2)
        prompts = torch.from_numpy((np.array(boxes, dtype=float) * scale).astype(np.float32)).to(self.device)
        pixels = torch.from_numpy(preprocess(image, self.size)).to(self.device)
        with torch.inference_mode():
            logits = self._predict(pixels, prompts)
            # MedSAM's order: probabilities first, then their interpolation, then the threshold.
            chance = torch.nn.functional.interpolate(logits.float().sigmoid()[:, None], size=(h, w), mode="bilinear")
            return (chance[:, 0] > 0.5).cpu().numpy()

    def refine(self, image: np.ndarray, boxes: Sequence[Box]) -> list[Box]:
        """See :meth:`BoxRefiner.refine`."""
        return [_tight(mask) or box for mask, box in zip(self.masks(image, boxes), boxes, strict=True)]


def medsam_files(checkpoint: Path) -> list[Path]:
    """What a plugin's ``files`` says of MedSAM's weights: the file, the folder, or the snapshot in the hub's cache."""
    return checkpoint_files(str(checkpoint)) if _hub_id(checkpoint) else [checkpoint]


def _hub_id(path: Path) -> bool:
    """Whether it reads ORG/NAME and nothing lies there; a name with the ending of a file is a missing file."""
    return len(path.parts) == 2 and path.suffix not in (*PICKLES, ".safetensors") and not looks_local(str(path))


def preprocess(image: np.ndarray, size: int) -> np.ndarray:
    """MedSAM's input, float32 [1, 3, size, size] in 0..1, from uint8 [h, w, 3].

    Stretched to a square without regard to its shape, rounded to 8 bits, then min-max scaled as a whole;
    without SAM's own mean, deviation and padding, which MedSAM was not trained with.
    """
    from skimage.transform import resize

    square = resize(image, (size, size), order=3, preserve_range=True, anti_aliasing=True)
    square = np.clip(np.round(square), 0, 255)
    low, high = square.min(), square.max()
    scaled = (square - low) / max(high - low, 1e-8)
    return scaled.transpose(2, 0, 1)[None].astype(np.float32)


def _tight(mask: np.ndarray) -> Box | None:
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return Box(float(cols[0]), float(rows[0]), float(cols[-1] + 1), float(rows[-1] + 1))


def _best(logits: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """Of each box's masks [n, m, s, s] the one of the highest quality [n, m]."""
    return logits[range(len(logits)), quality.argmax(1)]


def _from_checkpoint(place: str, device: str, multimask: bool, plugin: str) -> tuple[int, _Predict]:
    """(input side, prediction) of a transformers ``SamModel``, in a folder or on the hub."""
    from transformers import AutoConfig, SamModel

    with opened(plugin, place, "medsam") as where:
        revision = pinned(where)
        config = AutoConfig.from_pretrained(where, trust_remote_code=False, **revision)
        check_type("MedSAM", where, config.model_type, "sam")
        model, report = SamModel.from_pretrained(
            where,
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **revision,
        )
    check_complete(plugin, where, report)
    return _predictor(model, device, multimask)


def _predictor(model: Any, device: str, multimask: bool) -> tuple[int, _Predict]:
    model.eval().to(device)

    def predict(pixels: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
        embedding = model.get_image_embeddings(pixels)
        out = model(image_embeddings=embedding, input_boxes=boxes[None], multimask_output=multimask)
        return _best(out.pred_masks[0], out.iou_scores[0])

    return int(model.config.vision_config.image_size), predict


def _from_file(path: Path, device: str, multimask: bool) -> tuple[int, _Predict]:
    """(input side, prediction) of a segment-anything checkpoint."""
    weights = {name.removeprefix("module."): tensor for name, tensor in read_weights(path).items()}
    position = weights.get("image_encoder.pos_embed")
    width = None if position is None else position.shape[-1]
    if width not in _ENCODER_WIDTHS:
        known = ", ".join(f"{name} ({size})" for size, name in _ENCODER_WIDTHS.items())
        raise HarnessError(f"The MedSAM checkpoint {path} is no SAM: encoder width {width}; known: {known}.")
    from segment_anything import sam_model_registry

    model = sam_model_registry[_ENCODER_WIDTHS[width]](checkpoint=None)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        why = one_line(error).removeprefix("RuntimeError: ").rstrip(".")
        raise HarnessError(
            f"The MedSAM checkpoint {path} does not fit {_ENCODER_WIDTHS[width]}, get one of MedSAM or SAM: {why}."
        ) from error
    model.eval().to(device)

    def predict(pixels: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
        sparse, dense = model.prompt_encoder(points=None, boxes=boxes, masks=None)
        logits, quality = model.mask_decoder(
            image_embeddings=model.image_encoder(pixels),
            image_pe=model.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=multimask,
        )
        return _best(logits, quality)

    return int(model.image_encoder.img_size), predict
