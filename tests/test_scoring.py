"""The revision of the scoring: a change of the harness that changes a figure must raise it.

What the harness itself makes of maps, boxes and texts is kept here as a digest for each revision. Where this test
fails, a figure that somebody published would now be another: raise ``SCORING`` and add the new digest.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import numpy as np

from harness.bench.verdict import final_answer
from harness.contracts.case import RecordKey
from harness.contracts.explained import Explained
from harness.imaging.frame import Box, Letterbox
from harness.imaging.saliency import peak, saliency_to_boxes
from harness.imaging.upsample import upsample
from harness.run.measure import measure
from harness.run.provenance import SCORING
from harness.run.subset import spread
from plugins.metrics import metrics

KNOWN = {1: "7257dd81084c00c8"}


def made() -> list[Any]:
    """What the harness makes of fixed input, rounded as journals round it."""
    found: list[Any] = [[final_answer(text) for text in ("Yes.", "No, there is none", "perhaps", "Yes. No. So: yes")]]
    found.append(spread(37))
    rng = np.random.default_rng(0)
    for number in range(12):
        width, height = (int(side) for side in rng.integers(150, 900, 2))
        place = Letterbox(width, height)
        values = rng.random((7, 9)) ** 4
        heat = upsample(values, 224, 224, "nearest" if number % 2 else "bilinear")
        boxes = [place.to_native(box) for box in saliency_to_boxes(heat, place.content)]
        truth = [Box(0.2 * width, 0.3 * height, 0.5 * width, 0.7 * height)]
        explained = Explained(
            record=RecordKey("s", 0, "m", "direct"), attributor="a", place=place, truth=truth, true_concepts=(),
            truths={"region": (Box(0, 0, width / 2, height),)}, mask=None,
            boxes=[Box(*(round(edge, 2) for edge in box)) for box in boxes],
        )  # fmt: skip
        figures = measure({cls.name: cls() for cls in metrics() if cls.default}, explained, {"boxes"})
        hottest = [round(edge, 2) for edge in peak(heat, place.content) or ()]
        found += [[[round(edge, 2) for edge in box] for box in boxes], figures.metrics, hottest]
    return found


def test_a_changed_figure_raises_the_revision() -> None:
    digest = sha256(json.dumps(made(), sort_keys=True).encode()).hexdigest()[:16]
    assert KNOWN.get(SCORING) == digest, (
        f"The harness makes {digest} of fixed maps and boxes, and revision {SCORING} made {KNOWN.get(SCORING)}: raise "
        "SCORING in harness/run/provenance.py, and add the digest here."
    )
    assert len(set(KNOWN.values())) == len(KNOWN)
