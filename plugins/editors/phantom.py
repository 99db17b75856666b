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
from plugins.phantom.vocabulary import FINDING, Finding


class PhantomEditor(Editor):
    """Render the phantom anew without a finding, or without any, inside or outside the boxes."""

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
        if sample is None or sample.source != "phantom":
            raise HarnessError("The phantom editor edits phantoms only; choose another editor for other images.")
        from plugins.phantom.film import film, patient_seed  # scipy: not needed to list the plugins

        shown = film(patient_seed(sample.image))
        attribute = prompt.removeprefix("No ")
        if prompt in FINDING:
            without = frozenset[Finding]()
        elif prompt == "No abnormality":
            without = frozenset(shown.findings)
        elif prompt.startswith("No ") and attribute in FINDING:
            without = frozenset({FINDING[attribute]})
        else:
            raise HarnessError(f"The phantom editor does not know the prompt {prompt!r}.")
        mask = region_mask(image.shape, boxes, region)
        return np.where(mask[..., None], shown.render(without)[..., None], image).astype(np.uint8)


@hookimpl
def editors() -> Sequence[type[Editor]]:
    """The editors of this plugin."""
    return [PhantomEditor]
