"""The exact counterfactual: the same patient, the same exposure, without the finding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from harness.contracts.editor import Editor, Region, region_mask
from harness.contracts.source import Sample
from harness.errors import HarnessError
from harness.hookspecs import hookimpl
from harness.imaging.frame import Box
from plugins.phantom.kinds import KIND

SOURCES = ("phantom", "phantom-planted")


class PhantomEditor(Editor):
    """Render the phantom anew without a finding (and its planted mark), or without any, in or outside the boxes."""

    name: ClassVar[str] = "phantom"

    def edit(
        self,
        image: np.ndarray,
        boxes: Sequence[Box],
        prompt: str,
        region: Region = "foreground",
        seed: int = 0,
        sample: Sample | None = None,
    ) -> np.ndarray:
        """The prompts it knows: "No {attribute}" takes one finding away, "No abnormality" takes all, and
        "{attribute}" none, which gives the image back."""
        if sample is None or sample.source not in SOURCES:
            raise HarnessError("The phantom editor edits phantoms only; choose another editor for other images.")
        from plugins.phantom.film import film  # scipy: not needed to list the plugins

        shown = film(sample.image)
        attribute = prompt.removeprefix("No ")
        if prompt in KIND:
            without = frozenset[str]()
        elif prompt == "No abnormality":
            without = frozenset(shown.findings) | frozenset(shown.marked)
        elif prompt.startswith("No ") and attribute in KIND:
            without = frozenset({attribute})
        else:
            raise HarnessError(f"The phantom editor does not know the prompt {prompt!r}.")
        mask = region_mask(image.shape, boxes, region)
        return np.where(mask[..., None], shown.render(without)[..., None], image).astype(np.uint8)


@hookimpl
def editors() -> Sequence[type[Editor]]:
    """The editors of this plugin."""
    return [PhantomEditor]
