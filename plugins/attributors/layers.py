"""The layer of the model's decoder that a method looks at, as an option, and the capture that it asks for thereby."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from harness.contracts.attributor import Attributor
from harness.contracts.model import Capability, Kind, Layer, at
from harness.contracts.plugin import NoOptions


class _Counted(NoOptions):
    """Layers have no zeroth."""

    @field_validator("layer", check_fields=False)
    @classmethod
    def _counted(cls, layer: Layer) -> Layer:
        if layer == 0:
            raise ValueError("layers count from 1, the first, or from -1, the last")
        return layer


class AttentionLayer(_Counted):
    """Which attention."""

    layer: int = Field(default=-1, description="Decoder layer: 1 is the first, -1 the last, which is the paper's.")


class HiddenLayer(_Counted):
    """Which hidden states."""

    layer: int | Literal["embedding"] = Field(
        default=-1,
        description="What decoder layer reads the hidden states: 1 is the first, which reads the image embeddings, so "
        "that embedding is the same; -1 the last, which is the paper's.",
    )


class EmbeddingLayer(_Counted):
    """Which hidden states, where the image enters."""

    layer: int | Literal["embedding"] = Field(
        default="embedding",
        description="What decoder layer reads the hidden states: embedding, where the image enters the decoder, which "
        "layer 1 reads; -1 is the last.",
    )


class AtLayer(Attributor):
    """A method that reads one capture, of the kind ``kind``, at the layer that its options name."""

    needs: ClassVar[frozenset[Capability]] = frozenset({"trace"})
    kind: ClassVar[Kind]

    def __init__(self, options: NoOptions | None = None) -> None:
        super().__init__(options)
        self.captures = frozenset({at(self.kind, self.layer)})  # type: ignore[misc]  # the class's is the default's

    @property
    def layer(self) -> Layer:
        """Where it looks."""
        layer: Layer = self.options.layer  # type: ignore[attr-defined]
        return layer
