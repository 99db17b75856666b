"""The contract of a vision-language model.

Images are uint8 arrays [side, side, 3] in the frame of :mod:`harness.imaging.frame`; everything that comes back is
numpy, so that an attributor needs no knowledge of the model's framework, tokenizer or chat template.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from harness.contracts.plugin import Plugin
from harness.imaging.frame import Box

Capability = Literal["generate", "score", "trace"]
BoxUnit = Literal["pixels", "thousandths"]
Capture = Literal["attention", "rollout", "weighted_attention", "hidden"]
BACKWARD: frozenset[Capture] = frozenset({"weighted_attention", "hidden"})  # the captures that need a backward pass


@dataclass(frozen=True)
class Trace:
    """What one teacher-forced pass with captures saw. N image tokens, T answer tokens, D wide.

    "The answer's rows" are the positions that predict the answer's tokens; F is the sum of the answer's
    log-probabilities.

    ``attention``: float [T, N], the last layer's attention, mean over heads, from the answer's rows to image tokens.
    ``rollout``: float [T, N], attention rollout from the answer's rows to image tokens.
    ``weighted_attention``: float [T, N], the last layer's attention times the positive part of F's gradient with
    respect to it, mean over heads.
    ``hidden``, ``hidden_gradient``: float [N, D], what the last layer reads at the image tokens, and F's gradient with
    respect to it. (What it writes there no answer depends on: nothing attends to it any more.)
    """

    logprobs: np.ndarray
    rollout: np.ndarray | None = None
    attention: np.ndarray | None = None
    weighted_attention: np.ndarray | None = None
    hidden: np.ndarray | None = None
    hidden_gradient: np.ndarray | None = None


class Answer(str):
    """An answer that knows whether it was cut off at the token limit, so that nothing in it is final."""

    cut_off: bool = False

    def __new__(cls, text: str, cut_off: bool = False) -> Answer:
        said = super().__new__(cls, text)
        said.cut_off = cut_off
        return said


class Model(Plugin):
    """A vision-language model. ``capabilities`` states which of the methods below it really has.

    ``boxes_in``: what it counts in where it is asked for boxes: its frame's pixels, or thousandths of either side.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset({"generate"})
    boxes_in: ClassVar[BoxUnit] = "pixels"

    def load(self) -> None:
        """Bring the weights into memory; called once before the first use. May raise ``HarnessError``."""

    @abstractmethod
    def answer(self, image: np.ndarray, question: str) -> str:
        """The greedy answer to one question about one image, without any template or end-of-turn text.

        An :class:`Answer` where the model knows that it reached its token limit; any other str counts as whole.
        """

    def score(self, images: Sequence[np.ndarray], question: str, answer: str) -> np.ndarray:
        """Teacher-forced natural-log probabilities of the answer's T tokens, float64 [len(images), T]."""
        raise NotImplementedError(f"{self.name} does not offer 'score'")

    def tokens(self, answer: str) -> list[str]:
        """The answer's T tokens as text, in order; joined they give the answer back."""
        raise NotImplementedError(f"{self.name} does not offer 'score'")

    def trace(self, image: np.ndarray, question: str, answer: str, captures: frozenset[Capture]) -> Trace:
        """One teacher-forced pass that also captures what ``captures`` asks for."""
        raise NotImplementedError(f"{self.name} does not offer 'trace'")

    def path_gradients(
        self, image: np.ndarray, baseline: np.ndarray | None, fractions: Sequence[float], question: str, answer: str
    ) -> np.ndarray:
        """What each pixel adds to F along the straight line from ``baseline`` to ``image``, both [side, side, 3].

        At each of the S fractions of the way: the gradient of the answer's summed log-probability with respect to the
        model's input, times (image - baseline), float64 [S, side, side, 3]. Summed over pixels it is F's derivative
        by the fraction, so that its mean over the fractions sums to F(image) - F(baseline). Part of ``trace``.
        ``baseline`` None is zero in the model's own input, after its normalisation.
        """
        raise NotImplementedError(f"{self.name} does not offer 'trace'")

    def image_grid(self, image: np.ndarray) -> list[Box]:
        """Each image token's rectangle in the frame, in the order of the tokens. The grid need not be square."""
        raise NotImplementedError(f"{self.name} does not offer 'trace'")
