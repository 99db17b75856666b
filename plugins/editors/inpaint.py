"""Filling a region smoothly from its surroundings (biharmonic inpainting): a light editor without weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from harness.contracts.editor import Editor, Region, region_mask
from harness.contracts.plugin import NoOptions
from harness.contracts.source import Sample
from harness.errors import HarnessError
from harness.hookspecs import hookimpl
from harness.imaging.frame import Box, Letterbox


class Inpaint(Editor):
    """Fill the boxes smoothly from what surrounds them; needs no weights, knows no anatomy.

    Whatever is in the boxes goes, so "No {attribute}" holds for any attribute, ribs and vessels included. It edits
    the foreground alone. A background edit would have to show what a chest without a finding looks like around the
    boxes, which a filler cannot know; what it can draw there is a blur that only takes evidence away, and a model's
    answer to that says nothing about the finding. So it refuses; the causal filter, which needs such edits, takes
    another editor.
    """

    name: ClassVar[str] = "inpaint"
    follows_prompt: ClassVar[bool] = False

    class Options(NoOptions):
        """How fine the filling is."""

        size: int = Field(
            default=256,
            ge=16,
            le=1024,
            description="Longest side, in pixels, at which the filling is computed; twice that takes 5 times as long.",
        )

    options: Options  # type: ignore[assignment]

    def edit(
        self,
        image: np.ndarray,
        boxes: Sequence[Box],
        prompt: str,
        region: Region = "foreground",
        seed: int = 0,
        sample: Sample | None = None,
    ) -> np.ndarray:
        """The contract's, for the foreground and a prompt "No ..."; pixels outside the boxes stay as they are.

        Raises ``HarnessError`` for other prompts, the background, and boxes that leave no surroundings.
        """
        from PIL import Image
        from skimage.restoration import inpaint_biharmonic

        if region == "background":
            raise HarnessError(
                "The inpaint editor cannot edit the background: it knows no normal chest to draw there; "
                "choose an editor that does, such as radedit."
            )
        if not prompt.startswith("No "):
            raise HarnessError(f"The inpaint editor takes findings away and cannot follow the prompt {prompt!r}.")
        mask = region_mask(image.shape, boxes, "foreground")
        if not mask.any():
            return image.copy()
        height, width = image.shape[:2]
        # The map of a letterbox no larger than the image, less its padding, which is no surroundings.
        place = Letterbox(width, height, min(self.options.size, max(width, height)))
        small = np.asarray(Image.fromarray(image).resize(place.size, Image.Resampling.BOX))
        hole = _shrunk(mask, place)
        if hole.all():
            raise HarnessError("The boxes cover the whole image: nothing is left for the inpaint editor to fill from.")
        filled = inpaint_biharmonic(small / 255, hole, channel_axis=-1)
        shades = Image.fromarray(np.round(np.clip(filled, 0, 1) * 255).astype(np.uint8))
        fine = np.asarray(shades.resize((width, height), Image.Resampling.BICUBIC))
        return np.where(mask[..., None], fine, image)


def _shrunk(mask: np.ndarray, place: Letterbox) -> np.ndarray:
    """The pixels of the small image, bool [h, w], that hold any of a mask of the large one."""
    (width, height), (y, x) = place.size, np.nonzero(mask)
    hole = np.zeros((height, width), bool)
    # A small pixel is no smaller than a large one, so the first and the last pixel that one touches are all.
    for rows in (y * height // place.height, -(-(y + 1) * height // place.height) - 1):
        for columns in (x * width // place.width, -(-(x + 1) * width // place.width) - 1):
            hole[rows, columns] = True
    return hole


@hookimpl
def editors() -> Sequence[type[Editor]]:
    """The editors of this plugin."""
    return [Inpaint]
