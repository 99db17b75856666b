"""One answer to explain, as an attribution method sees it, and what explaining it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from harness.contracts.mode import Mode
from harness.contracts.model import Capture, Layer, Model, Trace, at, backward
from harness.errors import HarnessError, NotApplicable
from harness.imaging.frame import Box
from harness.imaging.upsample import Upsampling, spread, upsample


class RecordKey(NamedTuple):
    """Which record of a benchmark: the sample, the model (by its label in the run) and the mode."""

    source: str
    index: int  # type: ignore[assignment]  # hides a method of tuples that nobody needs here
    model: str
    mode: Mode


@dataclass
class Cost:
    """What an explanation cost: images passed forward and backward through the model."""

    forward: int = 0
    backward: int = 0


@dataclass
class Case:
    """One answer to explain: a model, an image, a question, and the model's own answer.

    All attributors of a run share the case of a record, and with it the original image's score and the merged trace.

    Attributes
    ----------
    model
        The loaded model.
    image
        uint8 [side, side, 3], in the frame that models see.
    question, answer
        What the model was asked, and the text to explain.
    content
        The part of the frame that holds image rather than padding.
    seed
        Fixes all randomness of one attribution.
    captures
        What :attr:`trace` captures.
    cost
        The passes so far; the methods below count them.
    record
        Which record of the benchmark is explained; None outside a benchmark, as in ``harness explain``.
    upsampling
        How :meth:`spread` fills the frame: the run's setting.
    priors
        Where the causes of such questions lie on average, frame pixels, by what that guess knows of the case; for
        controls alone. See :meth:`harness.contracts.source.Source.priors`.
    """

    model: Model
    image: np.ndarray
    question: str
    answer: str
    content: Box
    seed: int = 0
    captures: frozenset[Capture] = frozenset()
    cost: Cost = field(default_factory=Cost)
    record: RecordKey | None = None
    upsampling: Upsampling = "bilinear"
    priors: Mapping[str, tuple[Box, ...]] = field(default_factory=dict)

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
        self.cost.backward += backward(self.captures)
        return self.model.trace(self.image, self.question, self.answer, self.captures)

    def path_gradients(self, baseline: np.ndarray | None, fractions: Sequence[float]) -> np.ndarray:
        """What each pixel adds to the answer's score on the way from ``baseline``: ``Model.path_gradients``."""
        self.cost.forward += len(fractions)
        self.cost.backward += len(fractions)
        return self.model.path_gradients(self.image, baseline, fractions, self.question, self.answer)

    def captured(self, name: str, layer: Layer = -1) -> np.ndarray:
        """One array of the trace, by its name.

        Raises :class:`NotApplicable` where the model has no such capture, ``HarnessError`` where nobody asked for it.
        """
        name = at(name, layer)
        found: np.ndarray | None = getattr(self.trace, name)
        if found is not None:
            return found
        if (capture := name.replace("_gradient", "")) not in self.captures:
            raise HarnessError(f"Nobody asked to capture {capture!r}; the method's captures must name it.")
        raise NotApplicable(f"The model {self.model.name!r} was asked to capture {name!r} and captured none.")

    def spread(self, values: np.ndarray) -> np.ndarray:
        """A map [side, side] of one value an image token [N], or one a cell of an even grid [rows, columns]."""
        height, width = self.image.shape[:2]
        if values.ndim == 2:
            return upsample(values, height, width, self.upsampling)
        grid = self.model.image_grid(self.image)
        if len(grid) != len(values):
            raise ValueError(f"{len(values)} values for {len(grid)} image tokens")
        return spread(values, grid, height, width, self.upsampling)
