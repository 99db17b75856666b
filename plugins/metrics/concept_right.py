"""Does a method name the anatomical concept that holds the cause?"""

from __future__ import annotations

from typing import ClassVar

from harness.contracts.explained import Explained
from harness.contracts.metric import Metric


class ConceptRight(Metric):
    """Whether the method names a concept that holds the cause."""

    name: ClassVar[str] = "concept"
    title: ClassVar[str] = "Concept right"
    default: ClassVar[bool] = True
    legend: ClassVar[str] = (
        "for how many records the method names an anatomical concept that holds the cause, of those whose cause the "
        "source knows; one that contains much else beside it counts as wrong, and so does naming none; more is better."
    )

    def applies(self, explained: Explained) -> bool:
        return bool(explained.true_concepts)

    def measure(self, explained: Explained) -> float | None:
        if explained.concept is None and not explained.concept_scores:
            return None
        return float(explained.concept in explained.true_concepts)
