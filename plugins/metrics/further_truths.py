"""Metrics against further truths: the region that has the finding, what only looks like the cause, other findings."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from harness.contracts.explained import Explained
from harness.contracts.metric import Metric
from harness.imaging.overlap import overlap
from plugins.metrics.true_pixels import PixelMetric, boxed_pixels, pixels


class IoURegion(Metric):
    """IoU with the regions of the body that have the finding, as Chest ImaGenome annotates it."""

    name: ClassVar[str] = "iou-region"
    title: ClassVar[str] = "IoU region"
    default: ClassVar[bool] = True
    legend: ClassVar[str] = (
        "IoU with the boxes of the anatomical regions that have the finding, where the source knows them: an "
        "annotation of regions rewards a method that marks regions, one of findings a method that marks findings; "
        "more is better."
    )

    def applies(self, explained: Explained) -> bool:
        return bool(explained.truths.get("region"))

    def measure(self, explained: Explained) -> float:
        return overlap(explained.boxes, explained.truths["region"]).iou


class IoUPlausible(Metric):
    """IoU with what a reader would take for the cause, on records whose cause is something else."""

    name: ClassVar[str] = "iou-plausible"
    title: ClassVar[str] = "IoU plausible"
    default: ClassVar[bool] = True
    higher_is_better: ClassVar[bool] = False
    worst: ClassVar[float] = 1.0
    legend: ClassVar[str] = (
        "on records whose cause was planted, IoU with the lesion that a reader would take for the cause and that the "
        "model does not use; less is better."
    )

    def applies(self, explained: Explained) -> bool:
        return bool(explained.truths.get("plausible"))

    def measure(self, explained: Explained) -> float:
        return overlap(explained.boxes, explained.truths["plausible"]).iou


class Fooled(Metric):
    """Whether the boxes overlap what looks like the cause more than the cause."""

    name: ClassVar[str] = "fooled"
    title: ClassVar[str] = "Fooled"
    default: ClassVar[bool] = True
    higher_is_better: ClassVar[bool] = False
    worst: ClassVar[float] = 1.0
    legend: ClassVar[str] = (
        "on records whose cause was planted, for how many the method's boxes overlap the lesion that the model does "
        "not use more (by IoU) than the cause; less is better."
    )

    def applies(self, explained: Explained) -> bool:
        return bool(explained.truths.get("plausible"))

    def measure(self, explained: Explained) -> float:
        lesion = overlap(explained.boxes, explained.truths["plausible"]).iou
        return float(lesion > overlap(explained.boxes, explained.truth).iou)


class DistractorMass(PixelMetric):
    """The part of the map's heat that lies on other findings."""

    name: ClassVar[str] = "distractor-mass"
    title: ClassVar[str] = "Distractors"
    higher_is_better: ClassVar[bool] = False
    worst: ClassVar[float] = 1.0
    legend: ClassVar[str] = (
        "the part of a map's positive heat that lies in the boxes of other findings, which the question is not about, "
        "and outside the true pixels; less is better, and a map that is even everywhere gets the part of the image "
        "that those boxes cover."
    )

    def applies(self, explained: Explained) -> bool:
        return bool(explained.truths.get("others"))

    def measure(self, explained: Explained) -> float:
        heat, true = pixels(explained)
        heat = np.maximum(heat, 0)
        return float(heat[boxed_pixels(explained, explained.truths["others"]) & ~true].sum() / (heat.sum() or 1))
