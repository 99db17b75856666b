"""Models, each wrong in one way, by the name of the one check that it must fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from harness.contracts.model import Capability, Capture, Model, Trace
from harness.imaging.frame import Box
from harness.testing import RegionModel


class BlackBox(Model):
    """Answers and does nothing else."""

    name: ClassVar[str] = "black-box"

    def answer(self, image: np.ndarray, question: str) -> str:
        return "Yes"


class UnknownCapability(RegionModel):
    """Offers what nobody asks for."""

    capabilities: ClassVar[Any] = frozenset({"generate", "talk"})


class NoScore(BlackBox):
    """Declares what it has not."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset({"generate", "score"})


class OutOfMemory(RegionModel):
    """Fails at what it declares."""

    def trace(self, image: np.ndarray, question: str, answer: str, captures: frozenset[Capture]) -> Trace:
        raise RuntimeError("out of memory")


class HidesItsScore(RegionModel):
    """Has more than it declares."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset({"generate", "trace"})


class Bytes(RegionModel):
    """Answers in bytes."""

    def answer(self, image: np.ndarray, question: str) -> Any:
        return b"yes"


class Samples(RegionModel):
    """Decodes by drawing."""

    def answer(self, image: np.ndarray, question: str) -> str:
        return f"yes{np.random.randint(10**6)}"  # noqa: NPY002


class Summed(RegionModel):
    """Scores the answer as a whole."""

    def score(self, images: Sequence[np.ndarray], question: str, answer: str) -> np.ndarray:
        return super().score(images, question, answer).sum(1)


class Logits(RegionModel):
    """Scores by what is no log-probability."""

    def score(self, images: Sequence[np.ndarray], question: str, answer: str) -> np.ndarray:
        return super().score(images, question, answer) + 4


class Backwards(RegionModel):
    """Scores a batch in the wrong order."""

    def score(self, images: Sequence[np.ndarray], question: str, answer: str) -> np.ndarray:
        return super().score(images, question, answer)[::-1]


class Stripped(RegionModel):
    """Its tokens have lost their spaces."""

    def tokens(self, answer: str) -> list[str]:
        return [token.strip() for token in super().tokens(answer)]


class Contrary(RegionModel):
    """Answers what it holds unlikely."""

    def answer(self, image: np.ndarray, question: str) -> str:
        return "no"

    def score(self, images: Sequence[np.ndarray], question: str, answer: str) -> np.ndarray:
        return super().score(images, question, answer) - 0.5 * answer.startswith("no")


class Gap(RegionModel):
    """Its grid leaves the last row out."""

    def image_grid(self, image: np.ndarray) -> list[Box]:
        return [box._replace(y1=min(box.y1, 200)) for box in super().image_grid(image)]


class Overlap(RegionModel):
    """Its image tokens overlap."""

    def image_grid(self, image: np.ndarray) -> list[Box]:
        return [box._replace(x1=min(box.x1 + 3, 224)) for box in super().image_grid(image)]


class HeadsToo(RegionModel):
    """Its rollout is of the wrong shape."""

    def trace(self, image: np.ndarray, question: str, answer: str, captures: frozenset[Capture]) -> Trace:
        trace = super().trace(image, question, answer, captures)
        return trace if trace.rollout is None else Trace(**{**vars(trace), "rollout": trace.rollout[None]})


class NoGradient(RegionModel):
    """Captures hidden states without their gradient."""

    def trace(self, image: np.ndarray, question: str, answer: str, captures: frozenset[Capture]) -> Trace:
        return Trace(**{**vars(super().trace(image, question, answer, captures)), "hidden_gradient": None})


class OtherLogProbs(RegionModel):
    """Its trace is not of what it scores."""

    def trace(self, image: np.ndarray, question: str, answer: str, captures: frozenset[Capture]) -> Trace:
        trace = super().trace(image, question, answer, captures)
        return Trace(**{**vars(trace), "logprobs": trace.logprobs - 1})


class RawGradients(RegionModel):
    """Path gradients that are not times the change."""

    def path_gradients(
        self, image: np.ndarray, baseline: np.ndarray | None, fractions: Sequence[float], question: str, answer: str
    ) -> np.ndarray:
        return np.ones((len(fractions), *image.shape))


class GreyGradients(RegionModel):
    """Path gradients without channels."""

    def path_gradients(
        self, image: np.ndarray, baseline: np.ndarray | None, fractions: Sequence[float], question: str, answer: str
    ) -> np.ndarray:
        return super().path_gradients(image, baseline, fractions, question, answer).sum(-1)


class WritesToTheFrame(RegionModel):
    """Normalises the frame where it lies."""

    def image_grid(self, image: np.ndarray) -> list[Box]:
        image[0] = 0
        return super().image_grid(image)


MODELS: list[tuple[str, type[Model]]] = [
    ("contract", UnknownCapability), ("offers what it declares", NoScore), ("offers what it declares", HidesItsScore),
    ("offers what it declares", OutOfMemory),
    ("answers in text", Bytes), ("repeatable", Samples), ("score has its shape", Summed),
    ("scores are log probabilities", Logits), ("batch equals one by one", Backwards), ("tokens join", Stripped),
    ("greedy", Contrary), ("grid tiles the frame", Gap), ("grid tiles the frame", Overlap),
    ("trace has its shapes", HeadsToo), ("trace has its shapes", NoGradient),
    ("trace agrees with score", OtherLogProbs), ("path gradients have their shape", RawGradients),
    ("path gradients have their shape", GreyGradients), ("leaves the frames alone", WritesToTheFrame),
]  # fmt: skip
