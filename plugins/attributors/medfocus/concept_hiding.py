"""What MedFocus and its nearest variant share: hide each anatomical concept, and see what the answer loses."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, Literal

import numpy as np
from pydantic import Field

from harness.contracts.attributor import Attribution
from harness.contracts.case import Case
from harness.imaging.frame import Box
from plugins.attributors.baselines import baseline
from plugins.attributors.medfocus.concept_boxes import ConceptBoxes
from plugins.attributors.medfocus.concepts import COMPOSITES
from plugins.attributors.medfocus.hiding import hide
from plugins.attributors.medfocus.regions import hull

Composites = Literal["hull", "parts", "none"]


def composites_field(default: Composites) -> Any:
    """The option that says what is done with pairs of concepts."""
    return Field(
        default=default,
        description="Also hide both lungs, clavicles, hila and costophrenic angles, each pair at once, and answer with "
        "the hull of the two boxes, as the authors' code does, or with the two parts. none: no pairs.",
    )


class ConceptHiding(ConceptBoxes):
    """Hides each anatomical concept in turn and returns the one that the answer depends on most."""

    class Options(ConceptBoxes.Options):
        """What the variants can be told beside where concepts lie."""

        composites: Composites = composites_field("hull")
        tau: float = Field(
            default=0.75,
            ge=0,
            le=1,
            description="Return the whole image where, whatever concept is hidden, the answer keeps at least "
            "this share of its probability.",
        )
        grid: int = Field(default=56, ge=8, le=224, description="Cells a side when transporting the concepts.")
        epsilon: float = Field(
            default=0.05, ge=0.01, le=1, description="Entropy weight, in units of the cost's 90th percentile."
        )
        lam: float = Field(
            default=0.1, gt=0, le=100, description="Weight of both marginals: how much mass must be kept."
        )
        intervention: Literal["box", "mask", "editor"] = Field(  # type: ignore[assignment]
            default="box",
            description="How a concept is hidden, the paper's ablation. box: its box becomes the baseline. mask: its "
            "pixels alone do. editor: an editor draws its box anew without any finding.",
        )

    options: Options  # type: ignore[assignment]

    @abstractmethod
    def _masks(self, image: np.ndarray, content: Box) -> dict[str, np.ndarray]:
        """Which pixels of a frame image the concepts are, bool [side, side] each."""

    def attribute(self, case: Case) -> Attribution:
        """The concept whose hiding costs the answer most, or the whole image where none costs enough."""
        found, how = self.located(case.image, case.content), self.options.composites
        boxes = found.boxes
        about: dict[str, Any] = {"confidence": found.confidence, "notes": found.notes}
        regions: dict[str, tuple[Box, ...]] = {name: (box,) for name, box in boxes.items()}
        if how != "none":
            regions |= {
                name: tuple(boxes[part] for part in parts)
                for name, parts in COMPOSITES.items()
                if all(part in boxes for part in parts)
            }
        if not regions:
            return Attribution(boxes=[case.content], fallback=True, **about)
        original, masked = case.original, case.score(self._hidden(case, regions))
        drops = np.maximum(0.0, original - masked)  # [concepts, T]
        deltas = drops.sum(1)
        best = int(np.argmax(deltas))
        fallback = math.exp(-deltas[best]) >= self.options.tau
        name = list(regions)[best]
        marked = [hull(regions[name])] if how == "hull" else list(regions[name])
        return Attribution(
            boxes=[case.content] if fallback else marked,
            concept=None if fallback else name,
            concept_scores={n: float(d) for n, d in zip(regions, deltas, strict=True)},
            concept_boxes=dict(boxes),
            concept_token_scores={n: row.tolist() for n, row in zip(regions, drops, strict=True)},
            token_scores=drops[best].tolist(),
            fallback=fallback,
            kept=math.exp(-deltas[best]),
            **about,
        )


    def _hidden(self, case: Case, regions: dict[str, tuple[Box, ...]]) -> list[np.ndarray]:
        """The image without each of the regions, uint8 [side, side, 3] each."""
        if self._editor is not None:
            return [self._editor.without(case, boxes) for boxes in regions.values()]
        blank = baseline(case, self.options.baseline)
        if self.options.intervention == "box":
            return [hide(case.image, boxes, blank) for boxes in regions.values()]
        masks = self._masks(case.image, case.content)
        found = []
        for name in regions:
            mask = np.any([masks[part] for part in COMPOSITES.get(name, (name,)) if part in masks], axis=0)
            found.append(np.where(mask[..., None], blank, case.image))
        return found
