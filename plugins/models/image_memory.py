"""What the vision tower made of images: the same frames are scored under several questions, modes and answers.

A batch is kept as a whole and found only as a whole, since numbers depend in their last digits on what else is in a
batch: whether something was kept must not show in any result.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

MOST = 256 << 20  # bytes: all frames that the methods make of one film, for models of 12 billion parameters


@dataclass
class Seen:
    """The inputs of one batch of images, and what the vision tower gave; None as long as it was not asked."""

    inputs: dict[str, torch.Tensor]
    features: Any = None


class ImageMemory:
    """The batches seen last, up to ``most`` bytes of what the vision tower made of them."""

    def __init__(self, model: Any, most: int = MOST) -> None:
        # The part of the model that places image features among the text's; one without is asked every time.
        self._owner: Any = getattr(model, "model", None)
        self._most, self._on = most, hasattr(self._owner, "get_image_features")
        self._kept: OrderedDict[bytes, tuple[Seen, int]] = OrderedDict()

    def clear(self) -> None:
        """Forget all, as where weights change or memory is short."""
        self._kept.clear()

    @contextmanager
    def off(self) -> Iterator[None]:
        """Within, nothing is kept or found."""
        on, self._on = self._on, False
        try:
            yield
        finally:
            self._on = on

    @contextmanager
    def of(
        self, images: Sequence[np.ndarray], made: Callable[[], dict[str, torch.Tensor]]
    ) -> Iterator[dict[str, torch.Tensor]]:
        """The inputs of a batch, from ``made`` where it was not seen; within, its features are computed once at most.

        The pixels of a batch that was seen are empty: nobody looks at them.
        """
        if not self._on:
            yield made()
            return
        key = _key(images)
        seen = self._kept[key][0] if key in self._kept else Seen(made())
        given = self._owner.get_image_features

        def features(*args: Any, **kwargs: Any) -> Any:
            if seen.features is None:
                seen.features = _pooled(given(*args, **kwargs))
            return seen.features

        self._owner.get_image_features = features
        try:
            yield seen.inputs
        finally:
            del self._owner.get_image_features
        if seen.features is not None:
            self._keep(key, seen)

    def _keep(self, key: bytes, seen: Seen) -> None:
        if key not in self._kept:
            inputs = {name: _emptied(value) if name == "pixel_values" else value for name, value in seen.inputs.items()}
            self._kept[key] = Seen(inputs, seen.features), _bytes(seen.features)
        self._kept.move_to_end(key)
        while sum(size for _, size in self._kept.values()) > self._most:
            self._kept.popitem(last=False)


def _key(images: Sequence[np.ndarray]) -> bytes:
    digest = blake2b(repr([image.shape for image in images]).encode(), digest_size=16)
    for image in images:
        digest.update(image.tobytes())
    return digest.digest()


def _pooled(output: Any) -> Any:
    """What goes among the text, without what it was made from, which is many times larger."""
    return type(output)(pooler_output=output.pooler_output) if hasattr(output, "pooler_output") else output


def _emptied(value: torch.Tensor) -> torch.Tensor:
    return value[:0]


def _bytes(features: Any) -> int:
    """How much memory tensors take, however nested."""
    if hasattr(features, "element_size"):
        return int(features.element_size() * features.numel())
    if isinstance(features, dict):
        return sum(map(_bytes, features.values()))
    return sum(map(_bytes, features)) if isinstance(features, list | tuple) else 0
