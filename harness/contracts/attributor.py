"""The contract of an attribution method, and the case that it explains."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np

from harness.contracts.model import BACKWARD, Capability, Capture, Model, Trace
from harness.contracts.plugin import Plugin
from harness.errors import HarnessError
from harness.imaging.frame import Box


@dataclass
class Cost:
    """What an explanation cost: images passed forward and backward through the model."""

    forward: int = 0
    backward: int = 0


@dataclass
class Case:
    """One answer to explain: a model, a frame image, a question, and the model's own answer.

    All attributors of a run share the case of a sample, and with it the original image's score and the merged trace.
    ``content`` is the part of the frame that holds image rather than padding. ``seed`` fixes all randomness.
    """

    model: Model
    image: np.ndarray
    question: str
    answer: str
    content: Box
    seed: int = 0
    captures: frozenset[Capture] = frozenset()
    cost: Cost = field(default_factory=Cost)

    def score(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Log-probabilities of the answer's tokens for altered images, float64 [len(images), T]."""
        self.cost.forward += len(images)
        return self.model.score(images, self.question, self.answer)

    def ask(self, question: str) -> str:
        """What the model answers to another question about the unaltered image. Its text is data, not to be trusted."""
        self.cost.forward += 1
        return self.model.answer(self.image, question)

    @cached_property
    def original(self) -> np.ndarray:
        """Log-probabilities of the answer's tokens for the unaltered image, float64 [T]; computed once."""
        return self.score([self.image])[0]

    @cached_property
    def trace(self) -> Trace:
        """One pass with the captures that all attributors of the run need; computed once."""
        self.cost.forward += 1
        self.cost.backward += bool(self.captures & BACKWARD)
        return self.model.trace(self.image, self.question, self.answer, self.captures)

    def path_gradients(self, baseline: np.ndarray, fractions: Sequence[float]) -> np.ndarray:
        """What each pixel adds to the answer's score on the way from ``baseline``: ``Model.path_gradients``."""
        self.cost.forward += len(fractions)
        self.cost.backward += len(fractions)
        return self.model.path_gradients(self.image, baseline, fractions, self.question, self.answer)

    def captured(self, name: str) -> np.ndarray:
        """One array of the trace, by its field. Raises ``HarnessError`` where the model captured nothing."""
        found: np.ndarray | None = getattr(self.trace, name)
        if found is None:
            raise HarnessError(f"The model {self.model.name!r} was asked to capture {name!r} and captured none.")
        return found

    def spread(self, values: np.ndarray) -> np.ndarray:
        """A frame-sized map [side, side] from one value an image token [N]: each token's rectangle gets its value."""
        grid = self.model.image_grid(self.image)
        if len(grid) != len(values):
            raise ValueError(f"{len(values)} values for {len(grid)} image tokens")
        canvas = np.zeros(self.image.shape[:2])
        for box, value in zip(grid, values, strict=True):
            canvas[round(box.y0) : round(box.y1), round(box.x0) : round(box.x1)] = value
        return canvas


@dataclass
class Attribution:
    """What a method says: a saliency map or boxes (frame pixels), and what else it can tell.

    ``saliency``: float [side, side], any scale; the harness turns it into boxes by the paper's rule.
    ``boxes``: boxes in frame pixels, the best first; they win over the map where both are given.
    ``concept``, ``concept_scores``, ``concept_boxes``: the chosen anatomical concept, every concept's score (higher is
    more important) and box. ``token_scores``: one value an answer token. ``fallback``: the method gave up on choosing a
    region and returned the whole image.
    """

    saliency: np.ndarray | None = None
    boxes: Sequence[Box] | None = None
    concept: str | None = None
    concept_scores: dict[str, float] | None = None
    concept_boxes: dict[str, Box] | None = None
    token_scores: list[float] | None = None
    fallback: bool = False


class Attributor(Plugin):
    """An attribution method. ``needs`` and ``captures`` state what it asks of a model."""

    needs: ClassVar[frozenset[Capability]] = frozenset({"score"})
    captures: ClassVar[frozenset[Capture]] = frozenset()

    def load(self) -> None:
        """Bring what the method needs into memory; called once before the first use. May raise ``HarnessError``."""

    def notes(self, sources: Collection[str]) -> list[str]:
        """What a reader of its results must know about how the method is set up, in sentences.

        Asked once it is loaded. ``sources``: the names of those that the images come from, empty where that
        is not known. An evaluation prints the notes and keeps them in the journal, so that boards show them.
        """
        return []

    @abstractmethod
    def attribute(self, case: Case) -> Attribution:
        """Explain one case."""
