"""What finding the concepts on a film gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.imaging.frame import Box
from plugins.attributors.medfocus.concepts import CONCEPTS


@dataclass(frozen=True)
class Located:
    """The concepts' boxes on a film, frame pixels; a concept off the film has none.

    ``confidence``: 0 to 1, how far the film looks as the pool's mean film does where it was fitted. None where a way of
    locating cannot tell. ``notes``: what looks wrong with the film, in sentences.
    """

    boxes: dict[str, Box]
    confidence: float | None = None
    notes: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """For the cache on disk; JSON keeps every digit of a float."""
        boxes = {name: [float(edge) for edge in box] for name, box in self.boxes.items()}
        return {"boxes": boxes, "confidence": self.confidence, "notes": list(self.notes)}


def from_json(kept: dict[str, Any]) -> Located:
    """The inverse of :meth:`Located.as_json`."""
    boxes = {name: Box(*edges) for name, edges in kept["boxes"].items()}
    return Located(boxes, kept["confidence"], tuple(kept["notes"]))


def of_each(boxes: Sequence[Box | None]) -> Located:
    """Of one box a concept, in the order of ``CONCEPTS``, None where there is none, by a way that knows no more."""
    return Located({name: box for name, box in zip(CONCEPTS, boxes, strict=True) if box is not None})
