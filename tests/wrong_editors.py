"""Editors, each wrong in one way, by the name of the one check that it must fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from harness.contracts.editor import Editor, Region, region_mask
from harness.contracts.source import Sample
from harness.imaging.frame import Box


class Paint(Editor):
    """Paints the region, with a little noise; right in every way."""

    name: ClassVar[str] = "paint"

    def edit(
        self, image: np.ndarray, boxes: Sequence[Box], prompt: str, region: Region = "foreground", seed: int = 0,
        sample: Sample | None = None,
    ) -> Any:  # fmt: skip
        mask = region_mask(image.shape, boxes, region)
        noise = np.random.default_rng(seed).integers(10, 20, image.shape)
        return self.finish(np.where(mask[..., None], noise, image).astype(np.uint8), image, mask, boxes, region)

    def finish(self, edited: np.ndarray, image: np.ndarray, mask: np.ndarray, boxes: Sequence[Box], region: str) -> Any:
        return edited


class Latent(Paint):
    """Moves all pixels by one grey level, and says so."""

    tolerance = 1

    def finish(self, edited: np.ndarray, image: np.ndarray, mask: np.ndarray, boxes: Sequence[Box], region: str) -> Any:
        return np.where(edited > 0, edited - 1, 1).astype(np.uint8)


class VagueTolerance(Paint):
    """A tolerance that is no number of grey levels."""

    tolerance: Any = "small"


class Crop(Paint):
    """Returns the boxes' surroundings alone."""

    def finish(self, edited: np.ndarray, *_: Any) -> Any:
        return edited[5:-5]


class Floats(Paint):
    """Returns values in 0..1."""

    def finish(self, edited: np.ndarray, *_: Any) -> Any:
        return edited / 255


class InPlace(Paint):
    """Edits the image that it is given."""

    def finish(self, edited: np.ndarray, image: np.ndarray, *_: Any) -> Any:
        image[:] = edited
        return image


class OtherEachTime(Paint):
    """Ignores the seed."""

    def finish(self, edited: np.ndarray, image: np.ndarray, mask: np.ndarray, *_: Any) -> Any:
        edited[mask] = np.random.default_rng().integers(0, 255, (np.count_nonzero(mask), 3))
        return edited


class GlobalNoise(Paint):
    """Draws from numpy's global generator."""

    def finish(self, edited: np.ndarray, image: np.ndarray, mask: np.ndarray, *_: Any) -> Any:
        edited[mask] = np.random.randint(0, 255, (np.count_nonzero(mask), 3))  # noqa: NPY002
        return edited


class Bleeds(Paint):
    """Its foreground reaches a pixel further."""

    def finish(self, edited: np.ndarray, image: np.ndarray, mask: np.ndarray, boxes: Any, region: str) -> Any:
        if region == "foreground":
            edited[np.roll(mask, 1, axis=1)] = 0
        return edited


class PaintsAll(Paint):
    """Its background is the whole image."""

    def finish(self, edited: np.ndarray, image: np.ndarray, mask: np.ndarray, boxes: Any, region: str) -> Any:
        return edited * 0 if region == "background" else edited


class Margin(Paint):
    """Needs a margin about each box."""

    def finish(self, edited: np.ndarray, image: np.ndarray, mask: np.ndarray, boxes: Sequence[Box], *_: Any) -> Any:
        if any(box.x0 == 0 for box in boxes) and len(boxes) == 2:
            raise IndexError("no margin")
        return edited


class NeedsTheRest(Paint):
    """Cannot do without a part to keep."""

    def finish(self, edited: np.ndarray, image: np.ndarray, mask: np.ndarray, *_: Any) -> Any:
        return edited if mask.any() and not mask.all() else None


class WholePixels(Paint):
    """Takes edges for whole numbers."""

    def finish(self, edited: np.ndarray, image: np.ndarray, mask: np.ndarray, boxes: Sequence[Box], *_: Any) -> Any:
        for box in boxes:
            if round(box.x1) == round(box.x0):
                edited[round(box.x1)] = 0
        return edited


class OneBox(Paint):
    """Keeps no more boxes than two."""

    def finish(self, edited: np.ndarray, image: np.ndarray, mask: np.ndarray, boxes: Sequence[Box], *_: Any) -> Any:
        return edited if len(boxes) < 3 else edited // 2


EDITORS: list[tuple[str, type[Editor]]] = [
    ("contract", VagueTolerance), ("same form", Crop), ("same form", Floats), ("leaves the input alone", InPlace),
    ("repeatable", OtherEachTime), ("own randomness", GlobalNoise), ("foreground keeps outside", Bleeds),
    ("background keeps inside", PaintsAll), ("boxes at the edge", Margin), ("whole image", NeedsTheRest),
    ("tiny box", WholePixels), ("several boxes", OneBox),
]  # fmt: skip
