"""A reference pool from images of Chest ImaGenome: choose them, draw the masks, letterbox both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.errors import HarnessError
from harness.imaging.frame import Box
from harness.imaging.read import letterbox, letterbox_mask
from harness.reading.image import read_image
from plugins.attributors.medfocus.candidates import Candidate
from plugins.attributors.medfocus.concepts import CONCEPTS
from plugins.attributors.medfocus.references import Pool
from plugins.attributors.medsam import MedSAM

# Given an image, uint8 [h, w, 3], and n boxes in its pixels: masks, bool [n, h, w].
Outline = Callable[[np.ndarray, list[Box]], np.ndarray]


class TooFew(HarnessError):
    """Not enough images can be references; ``passed_over``: the others by path, each with why."""

    def __init__(self, text: str, passed_over: dict[str, str]) -> None:
        super().__init__(text)
        self.passed_over = passed_over


@dataclass(frozen=True)
class MadePool:
    """A pool, and the images that came before its last one and are not in it, each with why."""

    pool: Pool
    passed_over: dict[str, str]


def make_pool(
    root: Path,
    candidates: list[Candidate],
    count: int,
    medsam: Path | None = None,
    progress: Callable[[int], None] = lambda found: None,
) -> MadePool:
    """A pool of the first ``count`` candidates that have all concepts and whose image under ``root`` is sound.

    ``medsam``: weights of MedSAM, which then draws the masks; without, they are the boxes themselves. What
    masks the published MedFocus uses is not known. With boxes in the place of exact masks, the concepts' boxes
    of 40 phantoms have a mean IoU of 0.671 instead of 0.663 for medfocus-consensus, 0.259 instead of 0.275 for medfocus
    (benchmarks/concept_boxes.py --box-masks): the former uses little more of a mask than its edges.
    ``progress`` is told how many are found so far. Raises :class:`TooFew` where there are fewer.
    """
    outline = filled if medsam is None else _outlines(MedSAM(medsam))
    images: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    passed_over: dict[str, str] = {}
    for candidate in candidates:
        if len(images) == count:
            break
        path = candidate.image.path
        if candidate.lacks:
            passed_over[path] = f"no box of {', '.join(candidate.lacks)}"
            continue
        try:
            image, drawn = reference(read_image(root / path), candidate, outline)
        except HarnessError as error:
            passed_over[path] = str(error)
            continue
        images.append(image)
        masks.append(drawn)
        progress(len(images))
    if len(images) < count:
        raise TooFew(_too_few(len(images), count, candidates), passed_over)
    drawn_by = "its boxes" if medsam is None else "drawn by MedSAM in its boxes"
    origin = f"{count} normal images of Chest ImaGenome 1.0.0 (gold standard), masks: {drawn_by}"
    return MadePool(Pool(np.stack(images), np.stack(masks), origin), passed_over)


def reference(image: np.ndarray, candidate: Candidate, outline: Outline) -> tuple[np.ndarray, np.ndarray]:
    """One reference in the frame: uint8 [side, side] and bool [11, side, side], from uint8 [h, w, 3].

    Raises ``HarnessError`` where a concept has no pixel there.
    """
    boxes = list(dict.fromkeys(box for group in candidate.boxes.values() for box in group))
    drawn = dict(zip(boxes, outline(image, boxes), strict=True))
    masks = np.stack(
        [letterbox_mask(np.any([drawn[box] for box in candidate.boxes[concept]], axis=0)) > 127 for concept in CONCEPTS]
    )
    empty = [name for name, mask in zip(CONCEPTS, masks, strict=True) if not mask.any()]
    if empty:
        raise HarnessError(f"no pixel of {', '.join(empty)} is in the image")
    return letterbox(image)[0][..., 0], masks


def filled(image: np.ndarray, boxes: list[Box]) -> np.ndarray:
    """The boxes as masks: all pixels whose centre is inside."""
    height, width = image.shape[:2]
    masks = np.zeros((len(boxes), height, width), bool)
    for mask, box in zip(masks, boxes, strict=True):
        x0, y0, x1, y1 = (int(np.ceil(edge - 0.5)) for edge in box.clip(width, height))
        mask[y0:y1, x0:x1] = True
    return masks


def _outlines(medsam: MedSAM) -> Outline:
    """MedSAM's masks; a box in which it sees nothing is filled instead."""

    def outline(image: np.ndarray, boxes: list[Box]) -> np.ndarray:
        masks = medsam.masks(image, boxes)
        empty = [not mask.any() for mask in masks]
        masks[empty] = filled(image, boxes)[empty]
        return masks

    return outline


def _too_few(found: int, count: int, candidates: list[Candidate]) -> str:
    complete = sum(not candidate.lacks for candidate in candidates)
    lacking = {name: sum(name in candidate.lacks for candidate in candidates) for name in CONCEPTS}
    text = (
        f"Of {count} references {found} were found: normal images {len(candidates)}, of these with all "
        f"{len(CONCEPTS)} concepts {complete}, of these unusable {complete - found}."
    )
    absent = ", ".join(f"{name} ({number})" for name, number in lacking.items() if number)
    if absent:
        text += f" What the others lack: {absent}."
    if found:
        text += f" --count {found} takes those that were found."
    return text
