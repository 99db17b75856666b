"""MedFocus: which anatomical concept does the model's answer depend on? (arXiv 2605.20158)

Two points are as the authors' code has them (github.com/gzxiong/medfocus, 7c99cc0): the cost by which the reference is
chosen is that of the plan in squared pixels, without entropy and marginals; and a composite hides its parts' boxes, but
answers with their hull.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from harness.imaging.frame import Box
from plugins.attributors.medfocus.concept_hiding import ConceptHiding
from plugins.attributors.medfocus.concepts import CONCEPTS
from plugins.attributors.medfocus.located import Located, of_each
from plugins.attributors.medfocus.references import Choice, mass
from plugins.attributors.medfocus.regions import region, region_box


class MedFocus(ConceptHiding):
    """Hide each anatomical concept in turn and return the one that the answer depends on most, as the paper does.

    The reference of least transport cost is fitted to the image; a concept's region is the fewest cells that receive
    most of its mass. With medsam=PATH all of the paper's method; without, its boxes are not refined.
    """

    name: ClassVar[str] = "medfocus"

    class Options(ConceptHiding.Options):
        """The paper's defaults."""

        coverage: float = Field(
            default=0.75, gt=0, le=1, description="Share of a concept's mass that its region holds."
        )
        choice: Choice = Field(
            default="cost",
            description="How the reference is chosen. cost, the paper's: the least sum of mass times squared distance "
            "in the plan. debiased: the least Sinkhorn divergence for unbalanced transport (arXiv 1910.12958), "
            "which is zero for the image itself.",
        )
        choice_grid: int = Field(default=14, ge=4, le=56, description="Cells a side when choosing the reference.")

    options: Options  # type: ignore[assignment]

    def _find(self, image: np.ndarray, content: Box) -> Located:
        heat = self._received(image, content)
        return of_each([region_box(received, self.options.coverage, image.shape[0], content) for received in heat])

    def _masks(self, image: np.ndarray, content: Box) -> dict[str, np.ndarray]:
        cells = [region(received, self.options.coverage) for received in self._received(image, content)]
        place = np.arange(image.shape[0]) * self.options.grid // image.shape[0]
        return {name: one[np.ix_(place, place)] for name, one in zip(CONCEPTS, cells, strict=True) if one.any()}

    def _received(self, image: np.ndarray, content: Box) -> np.ndarray:
        """The mass that each concept's cells receive from the chosen reference, float [11, grid, grid]."""
        o = self.options
        index = self.pool.choose(mass(image, o.choice_grid, content), o.epsilon, o.lam, o.choice)
        return self.pool.transfer(index, mass(image, o.grid, content), o.epsilon, o.lam)
