"""How well could MedFocus and its variant do on the phantom benchmark if they always named the right concept?

Run from the repository's root: ``python -m benchmarks.concept_ceiling``. For every finding of the embedded benchmark,
the overlap of its true boxes with the method's box of that acceptable concept which overlaps them most; printed are the
means. What lies above them no choice of a concept can reach.
"""

from __future__ import annotations

import numpy as np

from harness.imaging.overlap import overlap
from harness.imaging.read import letterbox
from plugins.attributors.medfocus.concept_hiding import ConceptHiding
from plugins.attributors.medfocus.medfocus import MedFocus
from plugins.attributors.medfocus.medfocus_consensus import MedFocusConsensus
from plugins.sources.phantom import Phantom


def main() -> None:
    """Measure and print."""
    for method in (MedFocusConsensus(), MedFocus()):
        measure(method)


def measure(method: ConceptHiding) -> None:
    """Print the means of one method."""
    source = Phantom()
    method.load()
    found = []
    for sample in source.samples():
        frame, place = letterbox(source.image(sample))
        boxes = method.boxes(frame, place.content)
        scores = [overlap([place.to_native(boxes[name])], sample.boxes) for name in sample.concepts if name in boxes]
        score = max(scores, key=lambda one: one.iou, default=overlap([], sample.boxes))
        found.append((score.iou, score.precision, score.recall))
    iou, precision, recall = 100 * np.mean(found, axis=0)
    means = f"IoU {iou:.1f}, precision {precision:.1f}, recall {recall:.1f} percent"
    print(f"{method.name}, {len(found)} findings: {means}")


if __name__ == "__main__":
    main()
