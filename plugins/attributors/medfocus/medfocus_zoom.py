"""MedFocus that looks closer: which concept, and where in it or outside, by hiding what tells most next."""

from __future__ import annotations

import math
from functools import cached_property
from typing import ClassVar

import numpy as np
from pydantic import Field

from harness.contracts.attributor import Attribution
from harness.contracts.case import Case
from harness.imaging.frame import Box
from plugins.attributors.baselines import baseline
from plugins.attributors.medfocus.cause import Boxes, Lattice, Likely
from plugins.attributors.medfocus.concept_boxes import ConceptBoxes
from plugins.attributors.medfocus.hiding import hide
from plugins.attributors.medfocus.located import Located
from plugins.attributors.medfocus.locator import Locator

ROUNDS = 4  # after the first, each with a quarter of the passes that are left
HELD = 0.4  # of the cause, that a concept must be expected to hold for it to be named (scripts/search_constants.py)


class MedFocusZoom(ConceptBoxes):
    """Hide the concepts and a few wide windows, then windows about whose cost the likely causes disagree most.

    Ours, not the paper's. Answers with the box that overlaps the likely causes most, names the concept that holds it,
    or none where the cause lies elsewhere, as on a plate in the film's corner; its map is how likely each pixel belongs
    to the cause. Needs log-probabilities alone.
    """

    name: ClassVar[str] = "medfocus-zoom"
    default: ClassVar[bool] = True

    class Options(ConceptBoxes.Options):
        """Where to stop."""

        passes: int = Field(default=64, ge=32, le=1024, description="Passes in all, that of the original included.")

    options: Options  # type: ignore[assignment]

    def attribute(self, case: Case) -> Attribution:
        """The most probable cause, the concept that holds it, and a map of where it may lie."""
        found, lattice = self.located(case.image, case.content), Lattice(case.content, case.image.shape[0])
        hidden, drops = self.search(case, found, lattice)
        costs = drops.sum(1)
        if not costs.any():
            nothing = np.zeros(case.image.shape[:2])
            return Attribution(saliency=nothing, confidence=found.confidence, kept=1.0, notes=found.notes)
        likely = lattice.likely(hidden, costs)
        box = likely.best()
        lost = self._drops(case, np.array([box]))[0]
        concept, scores = held_by(likely, found.boxes, case.image.shape[0])
        return Attribution(
            saliency=case.spread(likely.heat(case.image.shape[0])),
            boxes=[box],
            concept=concept,
            concept_scores=scores,
            concept_boxes=dict(found.boxes),
            concept_token_scores={name: row.tolist() for name, row in zip(found.boxes, drops, strict=False)},
            token_scores=lost.tolist(),
            confidence=found.confidence,
            kept=math.exp(-lost.sum()),
            notes=found.notes,
        )

    def search(self, case: Case, found: Located, lattice: Lattice) -> tuple[Boxes, np.ndarray]:
        """The windows that were hidden, the concepts first, and what that took from each token, float [windows, T]."""
        hidden = np.concatenate([np.array(list(found.boxes.values()), float).reshape(-1, 4), lattice.first()])
        drops, windows = self._drops(case, hidden), lattice.windows()
        left = self.options.passes - 2 - len(hidden)  # one for the original, one for the box that is answered
        for rounds in range(ROUNDS, 0, -1):
            chosen = lattice.next(hidden, drops.sum(1), windows, round(left / rounds))
            left -= len(chosen)
            hidden, drops = np.concatenate([hidden, chosen]), np.concatenate([drops, self._drops(case, chosen)])
        return hidden, drops

    def _drops(self, case: Case, windows: np.ndarray) -> np.ndarray:
        """What hiding each window takes from each token's log-probability, never negative, float [windows, T]."""
        boxes = [Box(*map(float, window)) for window in windows]
        if self._editor is not None:
            images = [self._editor.without(case, [box]) for box in boxes]
        else:
            blank = baseline(case, self.options.baseline)
            images = [hide(case.image, [box], blank) for box in boxes]
        return np.maximum(0.0, case.original - case.score(images))

    @cached_property
    def _locator(self) -> Locator:
        return Locator(self.pool)

    def _find(self, image: np.ndarray, content: Box) -> Located:
        return self._locator.locate(image, content)


def held_by(likely: Likely, boxes: dict[str, Box], side: int) -> tuple[str | None, dict[str, float]]:
    """The concept that the cause lies in, None where it lies in none, and the concepts' scores."""
    scores = concept_scores(likely.density(side), boxes)
    best = max(scores, key=lambda name: scores[name], default=None)
    return (best if best is not None and likely.share_in(boxes[best]) >= HELD else None), scores


def concept_scores(place: np.ndarray, boxes: dict[str, Box]) -> dict[str, float]:
    """How well each concept tells where the cause lies, 0 to 1. ``place``: :meth:`Likely.density`.

    It is the share of the cause that the concept is expected to hold, times the share for which no smaller concept
    does: what lies in a hilum lies in the lung too, and is called hilar.
    """
    scores, free = {}, np.ones(place.shape, bool)
    for name in sorted(boxes, key=lambda name: (boxes[name].area, name)):
        x0, y0, x1, y1 = (math.ceil(edge - 0.5) for edge in boxes[name])
        within = (slice(y0, y1), slice(x0, x1))
        scores[name] = float(place[within].sum()) * float((place * free)[within].sum())
        free[within] = False
    return {name: scores[name] for name in boxes}
