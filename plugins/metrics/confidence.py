"""How sure a method says that it is."""

from __future__ import annotations

from typing import ClassVar

from harness.contracts.explained import Explained
from harness.contracts.metric import Metric, Need


class Confidence(Metric):
    """How sure the method says that it is that it looked where it should have."""

    name: ClassVar[str] = "confidence"
    title: ClassVar[str] = "Confidence"
    # Of the explanation itself: a journal does not hold it, so that it cannot be measured afterwards.
    needs: ClassVar[frozenset[Need]] = frozenset({"map"})
    legend: ClassVar[str] = (
        "how sure the method says that it is that it looked where it should have, as that it found the organs; it says "
        "nothing about whether that is so; more is better."
    )

    def measure(self, explained: Explained) -> float | None:
        return None if explained.attribution is None else explained.attribution.confidence
