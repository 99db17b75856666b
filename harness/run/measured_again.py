"""What is kept of a result, as metrics take it: to measure it again without a model."""

from __future__ import annotations

from harness.contracts.attributor import Attribution
from harness.contracts.explained import Explained
from harness.imaging.frame import Letterbox, to_boxes
from harness.run.row import Row


def explained_of(row: Row, said: Attribution | None = None) -> Explained:
    """What a metric measures of a row, without a model. ``said``: what was kept of it, for metrics that need maps.

    Raises ``TypeError`` where an edge of a true box is no number.
    """
    return Explained(
        record=row.record,
        attributor=row.attributor,
        place=Letterbox(*row.size) if row.size else None,
        boxes=to_boxes(row.boxes),
        peak=(row.peak[0], row.peak[1]) if row.peak else None,
        concept=row.concept,
        concept_scores=row.concept_scores,
        truth=row.true_boxes,
        true_concepts=row.true_concepts,
        truths=row.further_boxes,
        attribution=said,
    )
