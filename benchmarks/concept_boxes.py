"""Mean IoU of the 11 concept boxes of MedFocus and of its variants against the exact masks of phantoms.

Run from the repository's root: ``python -m benchmarks.concept_boxes [POOL] [--patients N]``. The figures that their
descriptions give come from here. ``--choices`` also measures medfocus with the reference chosen by the divergence.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.imaging.frame import Box
from harness.imaging.read import letterbox
from plugins.attributors.medfocus.concept_hiding import ConceptHiding
from plugins.attributors.medfocus.concepts import CONCEPTS
from plugins.attributors.medfocus.medfocus import MedFocus
from plugins.attributors.medfocus.medfocus_consensus import MedFocusConsensus
from plugins.attributors.medfocus.references import DEFAULT_POOL, Pool
from plugins.phantom.population import person
from plugins.phantom.radiograph import Radiograph

FIRST_SEED = 6_000_000  # no split of plugins.phantom.splits


def tight(mask: np.ndarray) -> Box:
    """The half-open box of a mask's true pixels."""
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return Box(float(cols[0]), float(rows[0]), float(cols[-1] + 1), float(rows[-1] + 1))


def boxed(pool: Pool) -> Pool:
    """A pool that knows of each concept no more than its box."""
    masks = pool.masks.copy()
    for mask in masks.reshape(-1, *masks.shape[2:]):
        x0, y0, x1, y1 = map(int, tight(mask))
        mask[y0:y1, x0:x1] = True
    return replace(pool, masks=masks)


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    both = Box(max(a.x0, b.x0), max(a.y0, b.y0), min(a.x1, b.x1), min(a.y1, b.y1)).area
    return both / (a.area + b.area - both)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pool", nargs="?", type=Path, default=DEFAULT_POOL)
    parser.add_argument("--patients", type=int, default=40)
    parser.add_argument("--medsam", type=Path, help="also measure with MedSAM's refinement")
    parser.add_argument("--choices", action="store_true", help="also choose medfocus's reference by the divergence")
    parser.add_argument("--box-masks", action="store_true", help="put each reference's box in the place of its mask")
    args = parser.parse_args()

    cases = []
    for seed in range(FIRST_SEED, FIRST_SEED + args.patients):
        film = Radiograph(person(seed))
        frame, place = letterbox(film.image(), 224)
        masks = film.anatomy.masks()
        cases.append((frame, place.content, {name: place.to_frame(tight(masks[name])) for name in CONCEPTS}))

    for medsam in dict.fromkeys((None, args.medsam)):
        given = {"pool": args.pool, "medsam": medsam}
        methods: dict[str, ConceptHiding] = {
            "medfocus-consensus": MedFocusConsensus(MedFocusConsensus.Options(**given)),
            "medfocus": MedFocus(MedFocus.Options(**given)),
        }
        if args.choices:
            methods["medfocus, choice=debiased"] = MedFocus(MedFocus.Options(choice="debiased", **given))
        for name, method in methods.items():
            if args.box_masks:
                method.__dict__["pool"] = boxed(method.pool)
            method.boxes(np.zeros((224, 224, 3), np.uint8), Box(0, 0, 224, 224))  # loading is not timed
            start = time.perf_counter()
            found = [method.boxes(frame, content) for frame, content, _ in cases]
            seconds = (time.perf_counter() - start) / len(cases)
            scores = {
                part: float(np.mean([iou(b[part], t[part]) for b, (_, _, t) in zip(found, cases, strict=True)]))
                for part in CONCEPTS
            }
            mean = np.mean(list(scores.values()))
            print(f"{name}{' + MedSAM' if medsam else ''}: mean IoU {mean:.3f}, {seconds:.3f} s an image")
            for part, score in scores.items():
                print(f"    {score:.3f}  {part}")


if __name__ == "__main__":
    main()
