"""What results are measured by: the built-in metrics, in the order of a board's columns."""

from __future__ import annotations

from collections.abc import Sequence

from harness.contracts.metric import Metric
from harness.hookspecs import hookimpl


@hookimpl
def metrics() -> Sequence[type[Metric]]:
    """The metrics of this plugin; boards rank by the first unless told otherwise."""
    from plugins.metrics.average_precision import Auroc, AveragePrecision
    from plugins.metrics.concept_right import ConceptRight
    from plugins.metrics.confidence import Confidence
    from plugins.metrics.deletion_insertion import Deletion, Insertion
    from plugins.metrics.further_truths import DistractorMass, Fooled, IoUPlausible, IoURegion
    from plugins.metrics.iou_at_area import IoUAtArea
    from plugins.metrics.overlap import F1, IoU, Precision, Recall
    from plugins.metrics.pointing import Pointing
    from plugins.metrics.relevance_mass import RelevanceMass

    of_boxes = [IoU, IoURegion, Precision, Recall, F1, Pointing, ConceptRight, IoUPlausible, Fooled]
    of_maps = [AveragePrecision, RelevanceMass, DistractorMass, IoUAtArea, Auroc]
    return [*of_boxes, Deletion, Insertion, *of_maps, Confidence]
