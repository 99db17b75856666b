"""A model that offers exactly what it is told to and notes what is asked of it; a result that notes what is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, ClassVar, get_args

import numpy as np

from harness.contracts.explained import Explained
from harness.contracts.metric import Need
from harness.contracts.model import PLAIN, Capability, Capture, Kind, Model, Trace, backward
from harness.imaging.frame import Box

EVERYTHING: frozenset[Capability] = frozenset({"generate", "score", "trace"})
# What every model that traces captures, and what one may besides.
ALL_CAPTURES = PLAIN
MORE_CAPTURES: tuple[Capture, ...] = (
    "hidden@embedding", "hidden@1", "attention@1", "weighted_attention@1", "attention_relevance", "hidden_relevance",
    "token_logits",
)  # fmt: skip
# The trace's arrays as they are called at the last layer, and the capture that gives each.
ARRAYS: dict[str, Kind] = {kind: kind for kind in get_args(Kind)} | {
    "hidden_gradient": "hidden", "token_ids": "token_logits",
}  # fmt: skip

# What a metric reads of a result, and the need that it must name for it.
PARTS: dict[str, Need] = {"attribution": "map", "heat": "map", "mask": "mask", "case": "model"}


class Watched(Model):
    """A model in front of another. It refuses what is not in ``offers``, although the other may have it.

    ``calls``: the capabilities that were asked for, refused ones too. ``captures``: those that were asked for or read.
    ``forward``, ``backward``: the images that passed; a trace's backward pass counts where ``own`` asks for one.
    """

    name: ClassVar[str] = "watched"

    def __init__(self, inner: Model, offers: frozenset[Capability], own: frozenset[Capture]) -> None:
        super().__init__()
        self.inner, self.own = inner, own
        self.capabilities = offers  # type: ignore[misc]
        self.boxes_in, self.grounds = inner.boxes_in, inner.grounds  # type: ignore[misc]
        self.calls: set[Capability] = set()
        self.captures: set[Capture] = set()
        self.forward = self.backward = 0

    def answer(self, image: np.ndarray, question: str) -> str:
        """The other's."""
        self._asked("generate")
        self.forward += 1
        return self.inner.answer(image, question)

    def score(self, images: Sequence[np.ndarray], question: str, answer: str) -> np.ndarray:
        """The other's."""
        self._asked("score")
        self.forward += len(images)
        return self.inner.score(images, question, answer)

    def tokens(self, answer: str) -> list[str]:
        """The other's."""
        self._asked("score")
        return self.inner.tokens(answer)

    def cannot_capture(self, captures: frozenset[Capture]) -> str | None:
        """The other's."""
        return self.inner.cannot_capture(captures)

    def trace(self, image: np.ndarray, question: str, answer: str, captures: frozenset[Capture]) -> Trace:
        """The other's, noting which of its arrays are read."""
        self._asked("trace")
        self.forward += 1
        self.backward += backward(captures & self.own)
        return _reading(self.inner.trace(image, question, answer, captures), self.captures)

    def path_gradients(
        self, image: np.ndarray, baseline: np.ndarray | None, fractions: Sequence[float], question: str, answer: str
    ) -> np.ndarray:
        """The other's."""
        self._asked("trace")
        self.forward += len(fractions)
        self.backward += len(fractions)
        return self.inner.path_gradients(image, baseline, fractions, question, answer)

    def image_grid(self, image: np.ndarray) -> list[Box]:
        """The other's."""
        self._asked("trace")
        return self.inner.image_grid(image)

    def _asked(self, capability: Capability) -> None:
        self.calls.add(capability)
        if capability not in self.capabilities:
            raise NotImplementedError(f"{self.name} does not offer {capability!r}")


def _reading(trace: Trace, read: set[Capture]) -> Trace:
    """The same trace; what is read of it goes into ``read``."""

    class Reading(Trace):
        def __getattribute__(self, name: str) -> Any:
            array, at, layer = name.partition("@")
            if array in ARRAYS:
                read.add(f"{ARRAYS[array]}{at}{layer}")
            return super().__getattribute__(name)

    return Reading(**vars(trace))


def arrays_of(capture: Capture) -> list[str]:
    """The names of the arrays that a trace has by a capture."""
    kind, at, layer = capture.partition("@")
    return [f"{array}{at}{layer}" for array, by in ARRAYS.items() if by == kind]


def noting(explained: Explained, read: set[Need]) -> Explained:
    """The same result; the needs of what is read of it go into ``read``."""

    class Noting(Explained):
        def __getattribute__(self, name: str) -> Any:
            if name in PARTS:
                read.add(PARTS[name])
            return super().__getattribute__(name)

    return Noting(**{field.name: getattr(explained, field.name) for field in fields(explained)})
