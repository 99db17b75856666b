"""Qwen2.5-VL (arXiv 2502.13923): frames keep their shape, and the grid of image tokens follows it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.contracts.model import Model
from harness.hookspecs import hookimpl
from plugins.models.lvlm import TransformersModel

if TYPE_CHECKING:
    import torch


class Qwen2_5VL(TransformersModel):
    """A checkpoint of the Qwen2.5-VL family, which counts boxes in pixels of its resized input, the frame."""

    model_class: ClassVar[str] = "Qwen2_5_VLForConditionalGeneration"
    model_type: ClassVar[str] = "qwen2_5_vl"

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """The frame is resized to multiples of a token's side, merge_size patches, and cut into tokens."""
        from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

        images = self.processor.image_processor
        side = images.patch_size * images.merge_size
        resized = smart_resize(height, width, side, images.size["shortest_edge"], images.size["longest_edge"])
        return resized[0] // side, resized[1] // side

    def unpatched(self, pixels: torch.Tensor, inputs: dict[str, Any]) -> torch.Tensor:
        """Patches in the order (rows / 2, columns / 2, 2, 2), each [3, 2, 14, 14] with the frame twice in time."""
        merge, patch = self.processor.image_processor.merge_size, self.processor.image_processor.patch_size
        _, rows, columns = inputs["image_grid_thw"][0].tolist()
        cells = pixels.reshape(-1, rows // merge, columns // merge, merge, merge, 3, 2, patch, patch).sum(6)
        return cells.permute(0, 5, 1, 3, 6, 2, 4, 7).reshape(-1, 3, rows * patch, columns * patch)


class PhantomQwen2_5VL(Qwen2_5VL):
    """A small Qwen2.5-VL trained on digital chest phantoms; ships with the harness."""

    name: ClassVar[str] = "phantom-qwen2.5-vl"
    aliases: ClassVar[tuple[str, ...]] = ("phantom_qwen2_5_vl",)
    checkpoint: ClassVar[str] = str(Path(__file__).parent / "phantom_qwen2_5_vl")
    gpu_dtype: ClassVar[str] = "float32"
    grounds: ClassVar[bool | None] = True  # it was taught boxes, in the pixels of the frame


class PhantomQwen2_5VLPlanted(PhantomQwen2_5VL):
    """The same, taught to answer about two findings by marks on the film instead of by the lesions."""

    name: ClassVar[str] = "phantom-qwen2.5-vl-planted"
    aliases: ClassVar[tuple[str, ...]] = ("phantom_qwen2_5_vl_planted",)
    checkpoint: ClassVar[str] = str(Path(__file__).parent / "phantom_qwen2_5_vl_planted")


class Qwen2_5VL3B(Qwen2_5VL):
    """Qwen2.5-VL 3B Instruct (Qwen/Qwen2.5-VL-3B-Instruct)."""

    name: ClassVar[str] = "qwen2.5-vl-3b"
    aliases: ClassVar[tuple[str, ...]] = ("qwen2_5_vl_3b",)
    checkpoint: ClassVar[str] = "Qwen/Qwen2.5-VL-3B-Instruct"


class Qwen2_5VL7B(Qwen2_5VL):
    """Qwen2.5-VL 7B Instruct (Qwen/Qwen2.5-VL-7B-Instruct)."""

    name: ClassVar[str] = "qwen2.5-vl-7b"
    aliases: ClassVar[tuple[str, ...]] = ("qwen2_5_vl_7b",)
    checkpoint: ClassVar[str] = "Qwen/Qwen2.5-VL-7B-Instruct"


@hookimpl
def models() -> Sequence[type[Model]]:
    """The models of this plugin."""
    return [PhantomQwen2_5VL, PhantomQwen2_5VLPlanted, Qwen2_5VL3B, Qwen2_5VL7B]
