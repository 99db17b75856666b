"""Fit the controls' boxes on training patients, and say what they reach on development patients.

``python -m scripts.fit_phantom_priors`` writes ``priors.json`` beside the benchmark's records.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable

import numpy as np

from harness.imaging.frame import Box, to_boxes
from harness.imaging.overlap import overlap
from harness.testing.constant_box import best_box
from plugins.phantom import splits
from plugins.phantom.kinds import ATTRIBUTES
from plugins.phantom.population import person
from plugins.phantom.priors import BODY, FILM, to_body, to_film
from plugins.phantom.projection import Projection
from plugins.phantom.radiograph import Radiograph
from plugins.phantom.truth import Truth
from plugins.sources.phantom import BENCH

Found = dict[str, list[tuple[Projection, tuple[Box, ...]]]]


def findings(seeds: Iterable[int]) -> Found:
    """Each kind's boxes on these patients' films, native pixels, with the films' pose."""
    found: Found = {kind: [] for kind in ATTRIBUTES}
    for seed in seeds:
        film = Radiograph(person(seed))
        truth = Truth(film)
        for kind in film.findings:
            found[kind].append((film.anatomy.projection, truth.boxes(kind)))
    return found


def main() -> None:
    """Fit, write, check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--train", type=int, default=2000, help="patients to fit on")
    parser.add_argument("--develop", type=int, default=400, help="patients to check on")
    args = parser.parse_args()
    train = findings(splits.TRAIN[: args.train])
    film = {kind: best_box([boxes for _, boxes in some], FILM) for kind, some in train.items()}
    body = {kind: best_box([[to_body(p, b) for b in boxes] for p, boxes in some], BODY) for kind, some in train.items()}
    BENCH.mkdir(exist_ok=True)
    rounded = {name: {k: [round(e, 2) for e in box] for k, box in boxes.items()}
               for name, boxes in (("question", film), ("body", body))}  # fmt: skip
    (BENCH / "priors.json").write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")
    reached = []
    for kind, some in findings(splits.DEVELOP[: args.develop]).items():
        question = np.mean([overlap(to_boxes([film[kind]]), boxes).iou for _, boxes in some])
        posed = np.mean([overlap([to_film(p, body[kind])], boxes).iou for p, boxes in some])
        reached.append((question, posed))
        print(f"{kind:22s} question-prior {100 * question:5.1f}  body-prior {100 * posed:5.1f}  ({len(some)} findings)")
    print("mean over kinds: question-prior {:.1f}, body-prior {:.1f}".format(*100 * np.mean(reached, axis=0)))


if __name__ == "__main__":
    main()
