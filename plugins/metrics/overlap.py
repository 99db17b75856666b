"""How well the boxes cover the true ones, as regions: IoU, precision, recall and F1 (MedGround-Bench's metrics)."""

from __future__ import annotations

from typing import ClassVar

from harness.contracts.explained import Explained
from harness.contracts.metric import Metric
from harness.imaging.overlap import overlap


class IoU(Metric):
    """Area that the boxes and the true boxes share, as a part of what either covers."""

    name: ClassVar[str] = "iou"
    title: ClassVar[str] = "IoU"
    default: ClassVar[bool] = True
    legend: ClassVar[str] = (
        "the area that the method's boxes and the true boxes share, as a part of what either covers, in the image's "
        "own pixels; more is better."
    )

    def measure(self, explained: Explained) -> float:
        return overlap(explained.boxes, explained.truth).iou


class Precision(Metric):
    """Part of the boxes' area that is true."""

    name: ClassVar[str] = "precision"
    title: ClassVar[str] = "Precision"
    default: ClassVar[bool] = True
    legend: ClassVar[str] = "the part of the area of the method's boxes that lies in true boxes; more is better."

    def measure(self, explained: Explained) -> float:
        return overlap(explained.boxes, explained.truth).precision


class Recall(Metric):
    """Part of the true area that the boxes cover."""

    name: ClassVar[str] = "recall"
    title: ClassVar[str] = "Recall"
    default: ClassVar[bool] = True
    legend: ClassVar[str] = (
        "the part of the true boxes' area that the method's boxes cover; more is better, and marking much gains it "
        "for nothing."
    )

    def measure(self, explained: Explained) -> float:
        return overlap(explained.boxes, explained.truth).recall


class F1(Metric):
    """Harmonic mean of precision and recall."""

    name: ClassVar[str] = "f1"
    title: ClassVar[str] = "F1"
    default: ClassVar[bool] = True
    legend: ClassVar[str] = "the harmonic mean of precision and recall of each record; more is better."

    def measure(self, explained: Explained) -> float:
        return overlap(explained.boxes, explained.truth).f1
