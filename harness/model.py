"""The contract of a vision-language model.

Images are uint8 arrays [side, side, 3] in the frame of :mod:`harness.geometry`; everything that comes back is numpy,
so that an attributor needs no knowledge of the model's framework, tokenizer or chat template.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from harness.geometry import Box
from harness.plugin import Plugin

Capability = Literal["generate", "score", "trace"]
Capture = Literal["rollout"]


@dataclass(frozen=True)
class Trace:
    """What one teacher-forced pass with captures saw. N image tokens, T answer tokens.

    ``rollout``: float [T, N], attention rollout from the positions that predict each answer token to each image token.
    """

    logprobs: np.ndarray
    rollout: np.ndarray | None = None
    costs: dict[str, int] = field(default_factory=dict)


class Model(Plugin):
    """A vision-language model. ``capabilities`` states which of the methods below it really has."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset({"generate"})

    def load(self) -> None:
        """Bring the weights into memory; called once before the first use. May raise ``HarnessError``."""

    @abstractmethod
    def answer(self, image: np.ndarray, question: str) -> str:
        """The greedy answer to one question about one image, without any template or end-of-turn text."""

    def score(self, images: Sequence[np.ndarray], question: str, answer: str) -> np.ndarray:
        """Teacher-forced natural-log probabilities of the answer's T tokens, float64 [len(images), T]."""
        raise NotImplementedError(f"{self.name} does not offer 'score'")

    def tokens(self, answer: str) -> list[str]:
        """The answer's T tokens as text, in order; joined they give the answer back."""
        raise NotImplementedError(f"{self.name} does not offer 'score'")

    def trace(
        self, image: np.ndarray, question: str, answer: str, captures: frozenset[Capture]
    ) -> Trace:
        """One teacher-forced pass that also captures what ``captures`` asks for."""
        raise NotImplementedError(f"{self.name} does not offer 'trace'")

    def image_grid(self, image: np.ndarray) -> list[Box]:
        """Each image token's rectangle in the frame, in the order of the tokens. The grid need not be square."""
        raise NotImplementedError(f"{self.name} does not offer 'trace'")
