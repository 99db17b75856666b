"""The contract of a counterfactual editor: remove a finding from a region, leave the rest."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from harness.contracts.plugin import Plugin
from harness.contracts.source import Sample
from harness.imaging.frame import Box

Region = Literal["foreground", "background"]


class Editor(Plugin):
    """Edits an image inside (``foreground``) or outside (``background``) the given boxes.

    ``follows_prompt``: whether the edit depends on the prompt. One that removes whatever is in the region, as
    inpainting does, cannot be told to leave the finding there, so that it has no identity edit
    (:mod:`harness.building.controls`). ``tolerance``: by how many grey levels a pixel of the region to be kept may
    change; 0 for an exact editor. One that decodes all pixels anew from a latent has a greater one, which options may
    decide: then set it in ``__init__``.
    """

    follows_prompt: ClassVar[bool] = True
    tolerance: int = 0

    def load(self) -> None:
        """Bring what the editor needs into memory; called once before the first use. May raise ``HarnessError``."""

    @abstractmethod
    def edit(
        self,
        image: np.ndarray,
        boxes: Sequence[Box],
        prompt: str,
        region: Region = "foreground",
        seed: int = 0,
        sample: Sample | None = None,
    ) -> np.ndarray:
        """An edited copy of ``image`` (uint8 [height, width, 3], same size), as the prompt says.

        ``boxes`` are native pixels. ``prompt`` is "No {attribute}" or "No abnormality", or the attribute alone for
        the identity control: what is there already. ``sample`` tells where the image came from (its source and image
        name, on which alone the edit may depend), for editors that know more about a source than its pixels.
        """


def region_mask(shape: tuple[int, ...], boxes: Sequence[Box], region: Region) -> np.ndarray:
    """Boolean [height, width]: the pixels whose area the boxes touch, or their complement for ``background``."""
    mask = np.zeros(shape[:2], bool)
    for box in boxes:
        inside = box.clip(shape[1], shape[0])
        rows = slice(int(np.floor(inside.y0)), int(np.ceil(inside.y1)))
        mask[rows, int(np.floor(inside.x0)) : int(np.ceil(inside.x1))] = True
    return mask if region == "foreground" else ~mask
