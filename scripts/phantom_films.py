"""Render phantoms for training: frames, which findings each shows, where, and how plain.

``python -m scripts.phantom_films FOLDER --bodies 4000`` writes arrays that :class:`Films` reads; it goes on from the
parts that are there. Several films are made of one body, each with its own findings: the body is the costly part.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from itertools import count
from pathlib import Path

import numpy as np

from harness.imaging.frame import FRAME_SIDE, Letterbox
from harness.imaging.read import letterbox, letterbox_mask
from plugins.phantom import splits
from plugins.phantom.kinds import ATTRIBUTES
from plugins.phantom.marks import MARKS
from plugins.phantom.population import person
from plugins.phantom.projection import HEIGHT, WIDTH
from plugins.phantom.radiograph import Radiograph
from plugins.phantom.truth import Truth, paint

GRID = 16  # patches a side of both embedded models
BOXES = 3


@dataclass
class Films:
    """``frames`` uint8 [n, 224, 224]; ``present`` bool [n, K]; ``where`` uint8 [n, K, 16, 16], a finding's share of
    each patch's area, 255 for all of it; ``contrast`` float [n, K], 0 where it is absent; ``boxes`` float
    [n, K, 3, 4] in frame pixels, NaN where there is none; ``side`` float [n, K], the share of the signal in the
    patient's left half."""

    frames: np.ndarray
    present: np.ndarray
    where: np.ndarray
    contrast: np.ndarray
    boxes: np.ndarray
    side: np.ndarray

    @classmethod
    def load(cls, folder: Path) -> Films:
        """All parts of a folder, in an order that mixes them."""
        parts = [np.load(path) for path in sorted(folder.glob("part-*.npz"))]
        whole = [np.concatenate([part[field.name] for part in parts]) for field in fields(cls)]
        order = np.random.default_rng(0).permutation(len(whole[0]))
        return cls(*(array[order] for array in whole))


def films(seed: int, each: int) -> list[Radiograph]:
    """Films of one body with different findings; the first is the patient's own."""
    first = Radiograph(person(seed))
    made = [first]
    for k in range(1, each):
        film = Radiograph(person(seed, k))
        # The normal body is the same: share it.
        film.__dict__.update(anatomy=first.anatomy, normal=first.normal, _grain=first._grain, _window=first._window)
        made.append(film)
    return made


def planted(seed: int) -> Radiograph:
    """A film on which each mark is by a coin, and independent of it the lesion that it stands in for."""
    rng, patient = np.random.default_rng([seed, 5]), person(seed)
    coins = {kind: rng.random(2) < 0.5 for kind in MARKS}
    kinds = [kind for kind in patient.kinds if kind not in MARKS] + [kind for kind in MARKS if coins[kind][0]]
    return Radiograph(replace(patient, kinds=tuple(kinds)), tuple(kind for kind in MARKS if coins[kind][1]))


def row(film: Radiograph, learnt: Collection[str] = ()) -> dict[str, np.ndarray]:
    """One film's arrays, by the names of :class:`Films`. For the kinds that are ``learnt`` by their mark, the mark is
    the finding."""
    size = len(ATTRIBUTES)
    frame, _ = letterbox(film.image(), FRAME_SIDE)
    place, truth = Letterbox(WIDTH, HEIGHT), Truth(film)
    made = {
        "frames": frame[..., 0],
        "present": np.array([kind in film.drawn for kind in ATTRIBUTES]),
        "where": np.zeros((size, GRID, GRID), np.uint8),
        "contrast": np.zeros(size, np.float32),
        "boxes": np.full((size, BOXES, 4), np.nan, np.float32),
        "side": np.full(size, np.nan, np.float32),
    }
    for k, kind in enumerate(ATTRIBUTES):
        if kind in film.drawn:
            signal = film.signal(kind)
            made["where"][k] = by_patch(signal)
            made["contrast"][k] = film.drawn[kind].contrast
            made["side"][k] = (film.anatomy.x[signal] > 0).mean()
            for b, box in enumerate(truth.boxes(kind)[:BOXES]):
                made["boxes"][k, b] = place.to_frame(box)
    for kind in learnt:
        k, box = ATTRIBUTES.index(kind), film.mark_boxes.get(kind)
        made["present"][k], made["contrast"][k] = box is not None, box is not None
        made["where"][k], made["boxes"][k], made["side"][k] = 0, np.nan, np.nan
        if box is not None:
            mark = paint((box,))
            made["where"][k] = by_patch(mark)
            made["boxes"][k, 0] = place.to_frame(box)
            made["side"][k] = (film.anatomy.x[mark] > 0).mean()
    return made


def by_patch(mask: np.ndarray) -> np.ndarray:
    """The share of each patch that a mask [HEIGHT, WIDTH] covers, 0..255 [GRID, GRID]."""
    shares: np.ndarray = letterbox_mask(mask).reshape(GRID, FRAME_SIDE // GRID, GRID, -1).mean((1, 3))
    return shares


def part(folder: Path, number: int, seeds: range, each: int, learnt: Collection[str] = ()) -> None:
    """Render and save one part, unless it is there; planted films where kinds are ``learnt`` by their mark."""
    path = folder / f"part-{number:04d}.npz"
    if path.exists():
        return
    if learnt:
        rows = [row(planted(seed), learnt) for seed in seeds]
    else:
        rows = [row(film) for seed in seeds for film in films(seed, each)]
    partial = path.with_name(f"writing-{path.name}")
    np.savez(partial, **{name: np.stack([r[name] for r in rows]) for name in rows[0]})
    partial.rename(path)


def main() -> None:
    """Render in parallel."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bodies", type=int, default=4000)
    parser.add_argument("--each", type=int, default=3, help="films a body")
    parser.add_argument("--split", choices=["TRAIN", "DEVELOP", "TEST"], default="TRAIN")
    parser.add_argument("--planted", action="store_true", help="films with planted marks, one a body")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    seeds, step = getattr(splits, args.split)[: args.bodies], 50
    with ProcessPoolExecutor(args.workers) as pool:
        starts = range(0, len(seeds), step)
        learnt = tuple(MARKS) if args.planted else ()
        jobs = [
            pool.submit(part, args.folder, k, seeds[s : s + step], args.each, learnt) for k, s in zip(count(), starts)
        ]
        for done, job in enumerate(jobs, 1):
            job.result()
            print(f"{done}/{len(jobs)} parts", flush=True)


if __name__ == "__main__":
    main()
