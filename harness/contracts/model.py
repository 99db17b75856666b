"""The contract of a vision-language model.

Images are uint8 arrays [side, side, 3] in the frame of :mod:`harness.imaging.frame`; everything that comes back is
numpy, so that an attributor needs no knowledge of the model's framework, tokenizer or chat template.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import ClassVar, Literal

import numpy as np

from harness.contracts.plugin import Plugin
from harness.imaging.frame import Box

Capability = Literal["generate", "score", "trace"]
BoxUnit = Literal["pixels", "thousandths"]
Kind = Literal[
    "attention", "rollout", "weighted_attention", "hidden", "attention_relevance", "hidden_relevance", "token_logits"
]  # fmt: skip
Capture = str  # a kind, where it looks at one layer with which: "hidden" (the last), "hidden@1", "hidden@embedding"
Layer = int | Literal["embedding"]  # 1 is the first decoder layer, -1 the last
PLAIN: frozenset[Capture] = frozenset({"attention", "rollout", "weighted_attention", "hidden"})


def at(name: str, layer: Layer = -1) -> Capture:
    """What a capture, or an array of a trace, is called at a layer."""
    return name if layer == -1 else f"{name}@{layer}"


def backward(captures: frozenset[Capture]) -> bool:
    """Whether any of the captures needs a backward pass."""
    return any(name.partition("@")[0] not in ("attention", "rollout", "token_logits") for name in captures)


class Trace:
    """What one teacher-forced pass with captures saw. N image tokens, T answer tokens, D wide.

    "The answer's rows" are the positions that predict the answer's tokens; F is the sum of the answer's
    log-probabilities. An array is None where it was not captured, and named as ``hidden_gradient@1`` at layer 1.

    ``attention``: float [T, N], attention from the answer's rows to image tokens, mean over heads.
    ``rollout``: float [T, N], attention rollout from the answer's rows to image tokens.
    ``weighted_attention``: float [T, N], attention times the positive part of F's gradient by it, mean over heads.
    ``hidden``, ``hidden_gradient``: float [N, D], what a layer reads at the image tokens (the first one the embeddings;
    what the last one writes there no answer depends on), and F's gradient with respect to it.
    ``attention_relevance``: float [T, N], ``weighted_attention`` plus identity, multiplied through all layers.
    ``hidden_relevance``: float [N], AttnLRP's relevance of the image embeddings for F.
    ``token_logits``, ``token_ids``: float [R, N + R] and [R], of the question's tokens and then the answer's, R in all:
    the logit of each one's class at the image tokens and at the R tokens' places (an answer token's is the position
    that predicts it), and a number for each token that the same tokens share.
    """

    def __init__(self, logprobs: np.ndarray, **arrays: np.ndarray | None) -> None:
        self.logprobs = logprobs
        vars(self).update(arrays)

    def __getattr__(self, name: str) -> np.ndarray | None:
        if name.startswith("__"):
            raise AttributeError(name)
        return None


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
    ``grounds``: whether it can say where in the image something is. None: not known, so that it is asked all the same,
    and a reply without a box counts as no box. False: methods that ask so are not applicable.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset({"generate"})
    boxes_in: ClassVar[BoxUnit] = "pixels"
    grounds: ClassVar[bool | None] = None

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

    def cannot_capture(self, captures: frozenset[Capture]) -> str | None:
        """Why not all of these, in a sentence; None where it can. All models that trace have the four of ``PLAIN``."""
        more = ", ".join(sorted(captures - PLAIN))
        return f"The model {self.name!r} does not capture {more}." if more else None

    def trace(self, image: np.ndarray, question: str, answer: str, captures: frozenset[Capture]) -> Trace:
        """One teacher-forced pass that also captures what ``captures`` asks for."""
        raise NotImplementedError(f"{self.name} does not offer 'trace'")

    def path_gradients(
        self, image: np.ndarray, baseline: np.ndarray | None, fractions: Sequence[float], question: str, answer: str
    ) -> np.ndarray:
        """What each pixel adds to F along the straight line from ``baseline`` to ``image``, both [side, side, 3].

        At each of the S fractions of the way: the gradient of the answer's summed log-probability with respect to the
        model's input, times (image - baseline), float [S, side, side, 3]. Summed over pixels it is F's derivative
        by the fraction, so that its mean over the fractions sums to F(image) - F(baseline). Part of ``trace``.
        ``baseline`` None is zero in the model's own input, after its normalisation.
        """
        raise NotImplementedError(f"{self.name} does not offer 'trace'")

    def image_grid(self, image: np.ndarray) -> list[Box]:
        """Each image token's rectangle in the frame, in the order of the tokens. The grid need not be square."""
        raise NotImplementedError(f"{self.name} does not offer 'trace'")

    def rounding(self, seed: int) -> AbstractContextManager[None] | None:
        """While the block runs, everything is computed with roundings that chance picks, by the seed.

        Every intermediate result moves by up to half a step of its number format, so that two results of one thing
        tell what of them is rounding. None where the model has no such way.
        """
        return None

    def parts(self) -> list[str]:
        """What :meth:`shuffle` can shuffle: the parts of the network, the output's first, together all that was learnt.

        Empty where the model has no such way; ``harness sanity`` then cannot check methods on it.
        """
        return []

    def shuffle(self, part: str, seed: int) -> None:
        """Shuffle the entries of every weight tensor of a part, in place: the same numbers, and nothing learnt."""
        raise NotImplementedError(f"{self.name} cannot shuffle its weights")
