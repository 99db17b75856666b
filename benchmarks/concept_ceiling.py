"""How well could MedFocus do on the phantom benchmark if it always named the right concept?

Run from the repository's root: ``python -m benchmarks.concept_ceiling``. For every finding of the embedded benchmark,
the overlap of its true box with MedFocus's box of the concept that holds the cause; printed are the means. What lies
above them no choice of a concept can reach.
"""

from __future__ import annotations

import numpy as np

from harness.imaging.overlap import overlap
from harness.imaging.read import letterbox
from plugins.attributors.medfocus.medfocus import MedFocus
from plugins.sources.phantom import Phantom


def main() -> None:
    """Measure and print."""
    method, source = MedFocus(), Phantom()
    method.load()
    found = []
    for sample in source.samples():
        frame, place = letterbox(source.image(sample))
        box = method.boxes(frame, place.content).get(sample.concepts[0])
        score = overlap([place.to_native(box)] if box else [], sample.boxes)
        found.append((score.iou, score.precision, score.recall))
    iou, precision, recall = 100 * np.mean(found, axis=0)
    print(f"{len(found)} findings: IoU {iou:.1f}, precision {precision:.1f}, recall {recall:.1f} percent")


if __name__ == "__main__":
    main()
