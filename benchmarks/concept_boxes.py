"""Mean IoU of the 11 concept boxes of MedFocus and of its variants against the exact masks of phantoms, by framing.

Run from the repository's root: ``python -m benchmarks.concept_boxes [POOL] [--patients N]``. The figures that their
descriptions give come from here. Beside them stands a control that looks at no pixel: the pool's median boxes, in
shares of the film's sides. The patients are those of the split TEST; the locator's constants were chosen on DEVELOP
(``--develop``). ``--choices`` also measures medfocus with the reference chosen by the divergence.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.framings import FRAMINGS, Film, films, tight
from harness.imaging.frame import Box
from plugins.attributors.medfocus.concept_hiding import ConceptHiding
from plugins.attributors.medfocus.concepts import CONCEPTS
from plugins.attributors.medfocus.locator import placed, usual_boxes
from plugins.attributors.medfocus.medfocus import MedFocus
from plugins.attributors.medfocus.medfocus_consensus import MedFocusConsensus
from plugins.attributors.medfocus.references import DEFAULT_POOL, Pool, load_pool
from plugins.phantom import splits

LARGE = ("cardiac silhouette", "left lung", "right lung", "mediastinum")


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


def methods_of(args: argparse.Namespace) -> dict[str, Callable[[np.ndarray, Box], dict[str, Box]]]:
    """What is measured, the control first."""
    usual = usual_boxes(load_pool(args.pool))
    found: dict[str, Callable[[np.ndarray, Box], dict[str, Box]]] = {
        "fixed boxes (control)": lambda image, content: placed(usual, content)
    }
    for medsam in dict.fromkeys((None, args.medsam)):
        given = {"pool": args.pool, "medsam": medsam}
        methods: dict[str, ConceptHiding] = {
            "medfocus-consensus": MedFocusConsensus(MedFocusConsensus.Options(**given)),
            "consensus, locator=transport": MedFocusConsensus(MedFocusConsensus.Options(locator="transport", **given)),
            "medfocus": MedFocus(MedFocus.Options(**given)),
        }
        if args.choices:
            methods["medfocus, choice=debiased"] = MedFocus(MedFocus.Options(choice="debiased", **given))
        for name, method in methods.items():
            if args.box_masks:
                method.__dict__["pool"] = boxed(method.pool)
            method.boxes(np.zeros((224, 224, 3), np.uint8), Box(0, 0, 224, 224))  # loading is not timed
            found[f"{name}{' + MedSAM' if medsam else ''}"] = method.boxes
    return found


def measured(find: Callable[[np.ndarray, Box], dict[str, Box]], cases: list[Film]) -> tuple[dict[str, float], float]:
    """The mean IoU of each concept where it is on the film, a missing box counting 0, and CPU seconds a film."""
    start = time.process_time()
    found = [find(case.frame, case.content) for case in cases]
    seconds = (time.process_time() - start) / len(cases)
    scores: dict[str, list[float]] = {name: [] for name in CONCEPTS}
    for boxes, case in zip(found, cases, strict=True):
        for name, true in case.boxes.items():
            scores[name].append(iou(boxes[name], true) if name in boxes else 0.0)
    return {name: float(np.mean(values)) for name, values in scores.items()}, seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pool", nargs="?", type=Path, default=DEFAULT_POOL)
    parser.add_argument("--patients", type=int, default=40)
    parser.add_argument("--develop", action="store_true", help="the patients on which constants are chosen")
    parser.add_argument("--framing", choices=list(FRAMINGS), action="append", help="measure this framing alone")
    parser.add_argument("--medsam", type=Path, help="also measure with MedSAM's refinement")
    parser.add_argument("--choices", action="store_true", help="also choose medfocus's reference by the divergence")
    parser.add_argument("--box-masks", action="store_true", help="put each reference's box in the place of its mask")
    args = parser.parse_args()

    first = (splits.DEVELOP if args.develop else splits.TEST).start
    cases = [films(seed) for seed in range(first, first + args.patients)]
    methods = methods_of(args)
    print(f"{args.patients} patients from {first}; large: {', '.join(LARGE)}")
    print(f"{'':26}{'':30}{'mean':>7}{'large':>7}  " + " ".join(f"{_short(name):>6}" for name in CONCEPTS) + "   ms")
    for framing in args.framing or FRAMINGS:
        for name, find in methods.items():
            scores, seconds = measured(find, [case[framing] for case in cases])
            means = np.mean(list(scores.values())), np.mean([scores[part] for part in LARGE])
            figures = "".join(f"{mean:7.3f}" for mean in means) + "  " + " ".join(f"{s:6.2f}" for s in scores.values())
            print(f"{framing:26}{name:30}{figures}  {1000 * seconds:4.0f}", flush=True)


def _short(concept: str) -> str:
    """Six letters for a column: l.lung, r.hila."""
    side, _, rest = concept.partition(" ")
    return (f"{side[0]}.{rest}" if side in ("left", "right") else concept)[:6]


if __name__ == "__main__":
    main()
