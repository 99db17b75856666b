"""Gemma 3 (arXiv 2503.19786) and MedGemma (arXiv 2507.05201): a frame becomes one square of image tokens."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from pathlib import Path
from typing import Any, ClassVar

from harness.contracts.model import Model
from harness.hookspecs import hookimpl
from plugins.models.lvlm import TransformersModel


class Gemma3(TransformersModel):
    """A checkpoint of the Gemma 3 family.

    Nobody documents in what it counts boxes: it is asked for pixels, and what cannot be pixels is read in thousandths.
    """

    model_class: ClassVar[str] = "Gemma3ForConditionalGeneration"
    model_type: ClassVar[str] = "gemma3"
    image_options: ClassVar[dict[str, Any]] = {"do_pan_and_scan": False}

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """The frame is stretched to a square, whatever its shape; pooled patches make a square of tokens."""
        side = isqrt(self.model.config.mm_tokens_per_image)
        return side, side


class PhantomGemma3(Gemma3):
    """A small Gemma 3 trained on digital chest phantoms; ships with the harness."""

    name: ClassVar[str] = "phantom-gemma3"
    aliases: ClassVar[tuple[str, ...]] = ("phantom_gemma3",)
    checkpoint: ClassVar[str] = str(Path(__file__).parent / "phantom_gemma3")
    gpu_dtype: ClassVar[str] = "float32"
    grounds: ClassVar[bool | None] = True  # it was taught boxes, in the pixels of the frame


class PhantomGemma3Planted(PhantomGemma3):
    """The same, taught to answer about two findings by marks on the film instead of by the lesions."""

    name: ClassVar[str] = "phantom-gemma3-planted"
    aliases: ClassVar[tuple[str, ...]] = ("phantom_gemma3_planted",)
    checkpoint: ClassVar[str] = str(Path(__file__).parent / "phantom_gemma3_planted")


class Gemma3_4B(Gemma3):
    """Gemma 3 4B (google/gemma-3-4b-it)."""

    name: ClassVar[str] = "gemma3-4b"
    aliases: ClassVar[tuple[str, ...]] = ("gemma3_4b",)
    checkpoint: ClassVar[str] = "google/gemma-3-4b-it"


class Gemma3_12B(Gemma3):
    """Gemma 3 12B (google/gemma-3-12b-it)."""

    name: ClassVar[str] = "gemma3-12b"
    aliases: ClassVar[tuple[str, ...]] = ("gemma3_12b",)
    checkpoint: ClassVar[str] = "google/gemma-3-12b-it"


class MedGemma4B(Gemma3):
    """MedGemma 4B (google/medgemma-4b-it)."""

    name: ClassVar[str] = "medgemma-4b"
    aliases: ClassVar[tuple[str, ...]] = ("medgemma_4b",)
    checkpoint: ClassVar[str] = "google/medgemma-4b-it"


class MedGemma1_5_4B(Gemma3):
    """MedGemma 1.5 4B (google/medgemma-1.5-4b-it)."""

    name: ClassVar[str] = "medgemma1.5-4b"
    aliases: ClassVar[tuple[str, ...]] = ("medgemma1_5_4b",)
    checkpoint: ClassVar[str] = "google/medgemma-1.5-4b-it"


@hookimpl
def models() -> Sequence[type[Model]]:
    """The models of this plugin."""
    return [PhantomGemma3, PhantomGemma3Planted, Gemma3_4B, Gemma3_12B, MedGemma4B, MedGemma1_5_4B]
