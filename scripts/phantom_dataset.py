"""Render phantoms for training: frames, which findings each shows, and where.

``python -m scripts.phantom_dataset FOLDER --bodies 4000`` writes arrays that :class:`Phantoms` reads. Several films
are made of one body, each with its own findings: the body is the costly part.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np

from harness.imaging.frame import FRAME_SIDE
from harness.imaging.read import letterbox, letterbox_mask
from plugins.phantom import splits
from plugins.phantom.patient import draw_findings, sample_patient
from plugins.phantom.render import Film
from plugins.phantom.vocabulary import FINDINGS

GRID = 8  # image tokens a side of both embedded models


@dataclass
class Phantoms:
    """``frames`` uint8 [n, 224, 224]; ``present`` bool [n, 17]; ``where`` uint8 [n, 17, 8, 8], a finding's share of
    each token's area, 255 for all of it."""

    frames: np.ndarray
    present: np.ndarray
    where: np.ndarray

    @classmethod
    def load(cls, folder: Path) -> Phantoms:
        """All parts of a folder, in an order that mixes them."""
        parts = [np.load(path) for path in sorted(folder.glob("part-*.npz"))]
        whole = [np.concatenate([part[name] for part in parts]) for name in ("frames", "present", "where")]
        order = np.random.default_rng(0).permutation(len(whole[0]))
        return cls(*(array[order] for array in whole))


def films(seed: int, each: int) -> list[Film]:
    """Films of one body with different findings; the first is the patient's own."""
    first = Film(sample_patient(seed))
    made = [first]
    for k in range(1, each):
        film = Film(replace(first.patient, findings=draw_findings(np.random.default_rng([seed, 2, k]))))
        # The normal body is the same: share it.
        film.__dict__.update(anatomy=first.anatomy, normal=first.normal, _grain=first._grain, _window=first._window)
        made.append(film)
    return made


def part(folder: Path, number: int, seeds: range, each: int) -> None:
    """Render and save one part, unless it is there."""
    path = folder / f"part-{number:04d}.npz"
    if path.exists():
        return
    frames, present, where = [], [], []
    for seed in seeds:
        for film in films(seed, each):
            frame, _ = letterbox(film.image(), FRAME_SIDE)
            frames.append(frame[..., 0])
            present.append([finding in film.findings for finding in FINDINGS])
            maps = np.zeros((len(FINDINGS), GRID, GRID), np.uint8)
            for k, finding in enumerate(FINDINGS):
                if finding in film.findings:
                    cells = letterbox_mask(film.finding_mask(finding))
                    maps[k] = cells.reshape(GRID, FRAME_SIDE // GRID, GRID, -1).mean((1, 3))
            where.append(maps)
    partial = path.with_name(f"writing-{path.name}")
    np.savez(partial, frames=np.stack(frames), present=np.array(present), where=np.stack(where))
    partial.rename(path)


def main() -> None:
    """Render in parallel."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bodies", type=int, default=4000)
    parser.add_argument("--each", type=int, default=3, help="films a body")
    parser.add_argument("--split", choices=["TRAIN", "DEVELOP", "TEST"], default="TRAIN")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    seeds, step = getattr(splits, args.split)[: args.bodies], 50
    with ProcessPoolExecutor(args.workers) as pool:
        starts = range(0, len(seeds), step)
        jobs = [pool.submit(part, args.folder, k, seeds[s : s + step], args.each) for k, s in zip(count(), starts)]
        for done, job in enumerate(jobs, 1):
            job.result()
            print(f"{done}/{len(jobs)} parts", flush=True)


if __name__ == "__main__":
    main()
