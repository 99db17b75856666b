"""Several images, several methods: one model asked once an image, and what fails left out by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.contracts.attributor import Attributor
from harness.contracts.model import Answer, Model
from harness.errors import HarnessError
from harness.explaining.explain import ask, explain_answer
from harness.explaining.explanation import Explanation
from harness.imaging.upsample import Upsampling


@dataclass(frozen=True)
class Failure:
    """What could not be explained. ``attributor``: empty where the image itself was at fault, or the model."""

    image: str
    attributor: str
    why: str

    def __str__(self) -> str:
        method = f", {self.attributor}" if self.attributor else ""
        return f"{self.image}{method}: {self.why}"


def explain_each(
    images: Iterable[tuple[str, np.ndarray | HarnessError]],
    question: str,
    model: Model,
    attributors: Mapping[str, Attributor],
    answer: str | None = None,
    seed: int = 0,
    upsampling: Upsampling = "bilinear",
) -> Iterator[tuple[str, Explanation | Failure]]:
    """Explain the answer about each image by each method; one that fails costs no other.

    ``images``: names, and pixels uint8 [height, width, 3] or why there are none. ``attributors``: loaded, by the label
    to show, and known to work with the model. The rest is as in :func:`explain_answer`; a model that is asked is asked
    once an image.
    """
    for name, pixels in images:
        if isinstance(pixels, HarnessError):
            yield name, Failure(name, "", str(pixels))
            continue
        try:
            said = Answer(answer) if answer is not None else ask(model, pixels, question)
        except HarnessError as error:
            yield name, Failure(name, "", str(error))
            continue
        for label, attributor in attributors.items():
            try:
                found = explain_answer(pixels, question, model, attributor, said, seed, upsampling)
                yield name, replace(found, attributor=label)
            except HarnessError as error:
                yield name, Failure(name, label, str(error))


def read_each(
    items: Sequence[Any], names: Sequence[str], read: Callable[[Any], np.ndarray]
) -> Iterator[tuple[str, np.ndarray | HarnessError]]:
    """The pixels of images, one at a time, or why there are none, for :func:`explain_each`."""
    for item, name in zip(items, names, strict=True):
        try:
            yield name, read(item)
        except HarnessError as error:
            yield name, error
