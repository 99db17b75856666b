"""MedFocus with concept boxes that follow how the film is framed."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from harness.contracts.plugin import NoOptions
from harness.errors import HarnessError
from harness.imaging.frame import Box
from plugins.attributors.medfocus.concept_hiding import Composites, ConceptHiding, composites_field
from plugins.attributors.medfocus.consensus import Consensus
from plugins.attributors.medfocus.located import Located, of_each
from plugins.attributors.medfocus.locator import Locator
from plugins.attributors.medfocus.references import mass


class MedFocusConsensus(ConceptHiding):
    """MedFocus with concept boxes that follow the film: the references' mean film fitted to it, and their median.

    Ours, not the paper's. The mean film is scaled, turned, shifted and bent onto the image; no transport is used.
    Mean IoU of the 11 boxes against exact masks of phantoms: 0.75, cropped by a fifth 0.75, where fixed boxes have 0.48
    and 0.34, medfocus 0.29 and 0.34 (benchmarks/concept_boxes.py; 30 patients of TEST). locator=transport
    gives the boxes that it had before.
    """

    name: ClassVar[str] = "medfocus-consensus"
    class Options(ConceptHiding.Options):
        """As medfocus, except for composites and the locator."""

        composites: Composites = composites_field("parts")
        locator: Literal["fit", "transport"] = Field(
            default="fit",
            description="How concepts are found. fit: the pool's mean film fitted to the image, which tells how sure "
            "it is, and of films that seem inverted or mirrored. transport: the median over all references of their "
            "transports, without their blur; grid, epsilon and lam are its settings.",
        )

    options: Options  # type: ignore[assignment]

    def __init__(self, options: NoOptions | None = None) -> None:
        super().__init__(options)
        if self.options.intervention == "mask" and self.options.locator == "transport":
            raise HarnessError(f"{self.name}.intervention=mask needs outlines, which {self.name}.locator=fit gives.")

    def _masks(self, image: np.ndarray, content: Box) -> dict[str, np.ndarray]:
        return self._locator.masks(image, content)

    @cached_property
    def _locator(self) -> Locator:
        return Locator(self.pool)

    @cached_property
    def _consensus(self) -> Consensus:
        return Consensus(self.pool, self.options.grid, self.options.epsilon, self.options.lam)

    def _find(self, image: np.ndarray, content: Box) -> Located:
        if self.options.locator == "fit":
            return self._locator.locate(image, content)
        target = mass(image, self.options.grid, content)
        return of_each(self._consensus.boxes(target, image.shape[0], content))
