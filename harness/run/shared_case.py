"""A case as one attributor sees it, and what that attributor says of it, checked and in native pixels."""

from __future__ import annotations

import math
import operator
import random
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from harness.contracts.attributor import Attribution
from harness.contracts.case import Case, RecordKey
from harness.contracts.explained import Explained
from harness.contracts.model import Capture, Trace, backward
from harness.contracts.source import Sample
from harness.errors import NotApplicable
from harness.imaging.frame import Box, Letterbox
from harness.imaging.saliency import peak, saliency_to_boxes
from harness.run.row import MOST_BOXES
from harness.text import writable

BOX_DECIMALS = 2  # of edges in native pixels
DIGITS = 6  # significant ones of scores, which may be tiny


@dataclass
class SharedCase(Case):
    """One attributor's view of a case: its own image, seed and cost; original score and trace shared.

    The shared passes run once, for the first who asks, and are charged to every attributor that uses them:
    an attributor's cost is what it would be alone, whatever else takes part in the run and in which order.
    ``shared`` is the same dictionary in all the views of a case; what lies in it cannot be written to.
    """

    shared: dict[str, Any] = field(default_factory=dict)
    own: frozenset[Capture] = frozenset()  # of ``captures``, those that this attributor asked for

    @cached_property
    def original(self) -> np.ndarray:
        """Log-probabilities of the answer's tokens for the unaltered image, float64 [T]."""
        self.cost.forward += 1
        if "original" not in self.shared:
            scores = self.model.score([self.image.copy()], self.question, self.answer)
            self.shared["original"] = _frozen(scores[0])
        scores_of_tokens: np.ndarray = self.shared["original"]
        return scores_of_tokens

    @cached_property
    def trace(self) -> Trace:
        """One pass with the captures that all attributors of the run need."""
        if why := self.model.cannot_capture(self.own):
            raise NotApplicable(why)
        self.cost.forward += 1
        if "trace" not in self.shared:
            trace = self.model.trace(self.image.copy(), self.question, self.answer, self.captures)
            for value in vars(trace).values():
                _frozen(value)
            self.shared["trace"] = trace
        found: Trace = self.shared["trace"]
        self.cost.backward += backward(self.own)
        return found


def _frozen(array: Any) -> Any:
    if isinstance(array, np.ndarray):
        array.flags.writeable = False
    return array


@dataclass(frozen=True)
class Scene:
    """A sample's image as models see it, and what is true of it.

    ``frame``: uint8 [side, side, 3]. ``place``: how the image lies in it. ``truth``: the true boxes in native pixels,
    clipped to the image; ``truths``: further ones; ``priors``: the source's guesses, in the frame. ``mask``: bool
    [height, width], where a metric needs it and the source knows it.
    """

    frame: np.ndarray
    place: Letterbox
    truth: list[Box]
    truths: dict[str, tuple[Box, ...]]
    priors: dict[str, tuple[Box, ...]]
    mask: np.ndarray | None = None


def truth_of(record: RecordKey, attributor: str, sample: Sample, scene: Scene | None, **more: Any) -> Explained:
    """A result of which only the truth is known yet."""
    return Explained(
        record=record,
        attributor=attributor,
        place=scene.place if scene else None,
        truth=scene.truth if scene else sample.boxes,
        truths=scene.truths if scene else {str(kind): boxes for kind, boxes in sample.truths.items()},
        true_concepts=sample.concepts,
        mask=scene.mask if scene else None,
        **more,
    )


def notes_of(attribution: Attribution | None, label: str, key: RecordKey) -> list[str]:
    """What a method wants the user to know of this image, with the name of both."""
    return [f"{label}, {key.source} {key.index}: {note}" for note in (attribution.notes if attribution else ())]


def said_of(attribution: Any, case: Case, place: Letterbox) -> dict[str, Any]:
    """What an attribution says, as the fields of a row and of :class:`Explained` of the same names.

    Boxes and peak are in native pixels, rounded. Raises where the attribution is malformed, or the attributor made
    something else of its cost.
    """
    boxes = _rounded(place.to_native(box) for box in boxes_of(attribution, case))
    if attribution.concept is not None and not isinstance(attribution.concept, str):
        raise ValueError(f"its concept is {type(attribution.concept).__name__} instead of text")
    scores, tokens, missed = attribution.concept_scores, attribution.token_scores, attribution.completeness
    each = attribution.concept_token_scores
    return {
        "boxes": boxes,
        **_of_map(attribution, case, place),
        "concept": None if attribution.concept is None else writable(attribution.concept),
        "fallback": bool(attribution.fallback),
        "completeness": None if missed is None else _number(missed, "its completeness error"),
        "concept_scores": None
        if scores is None
        else {writable(str(name)): _number(value, "a concept's score") for name, value in scores.items()},
        "token_scores": None if tokens is None else _token_scores(tokens),
        "concept_token_scores": None
        if each is None
        else {writable(str(name)): _token_scores(values) for name, values in each.items()},
    }


def cost_of(case: Case) -> dict[str, int]:
    """The passes that a case took. Raises where the attributor made something else of them."""
    return {name: operator.index(passes) for name, passes in vars(case.cost).items()}


def boxes_of(said: Attribution, case: Case) -> list[Box]:
    """What an attribution says as boxes in frame pixels. Raises ``ValueError`` where it is malformed."""
    if not isinstance(said, Attribution):
        raise ValueError(f"it returned {type(said).__name__} instead of an Attribution")
    if said.boxes is not None:
        boxes = checked(said.boxes)
        if len(boxes) > MOST_BOXES:
            raise ValueError(f"it returned {len(boxes)} boxes, and a result holds at most {MOST_BOXES}")
        for box in boxes:
            if not box.area > 0:
                raise ValueError(f"the box {list(box)} is empty; boxes are x0, y0, x1, y1")
        return boxes
    if said.saliency is None:
        raise ValueError("it returned neither boxes nor a saliency map")
    return saliency_to_boxes(_map(said.saliency, case), case.content)


def _map(saliency: np.ndarray, case: Case) -> np.ndarray:
    saliency = np.asarray(saliency)
    if saliency.shape != case.image.shape[:2]:
        raise ValueError(f"its saliency map has shape {saliency.shape}, the frame {case.image.shape[:2]}")
    return saliency


def _of_map(said: Attribution, case: Case, place: Letterbox) -> dict[str, Any]:
    """What a row keeps of a map: its hottest point, native; its least and greatest value; how many values differ."""
    if said.saliency is None:
        return dict.fromkeys(("peak", "map_range", "map_values"))
    heat, (x0, y0, x1, y1) = _map(said.saliency, case), (round(edge) for edge in case.content)
    part = np.asarray(heat, np.float64)[y0:y1, x0:x1]
    found, hottest = peak(heat, case.content), None
    if found is not None:
        hottest = tuple(round(edge, BOX_DECIMALS) for edge in place.to_native(Box(*found, *found))[:2])
    with np.errstate(over="ignore"):
        count = len(np.unique(part.astype(np.float32)))
    ends = [float(f"{edge:.9g}") for edge in (part.min(), part.max())]
    return {"peak": hottest, "map_range": ends, "map_values": count}


def checked(boxes: Iterable[Sequence[float]]) -> list[Box]:
    """The same boxes. Raises ``ValueError`` for one that has not four finite edges, or has them inverted."""
    found = []
    for box in boxes:
        edges = [float(edge) for edge in box]
        if len(edges) != 4 or not all(map(math.isfinite, edges)):
            raise ValueError(f"the box {edges} has not four finite edges")
        if edges[2] < edges[0] or edges[3] < edges[1]:
            raise ValueError(f"the box {edges} is inverted; boxes are x0, y0, x1, y1")
        found.append(Box(*edges))
    return found


def _rounded(boxes: Iterable[Box]) -> list[Box]:
    """Boxes to a hundredth of a pixel, without those that lie wholly outside the image."""
    found = (Box(*(round(edge, BOX_DECIMALS) for edge in box)) for box in boxes)
    return [box for box in found if box.area > 0]


def _token_scores(values: Iterable[float]) -> list[float]:
    return [_number(value, "a token's score") for value in values]


def _number(value: float, what: str) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{what} is {number}")
    return float(f"{number:.{DIGITS}g}")


def seed_everything(seed: int) -> None:
    """Seed the global generators, for plugins that draw from them although the case has a seed."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch = sys.modules.get("torch")
    if torch is not None:
        # Not torch.manual_seed: without a GPU it queues a stack trace for later at every call.
        torch.default_generator.manual_seed(seed)
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(seed)
