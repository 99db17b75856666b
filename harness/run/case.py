"""One attributor's attempt at one case: what it says, checked, mapped to native pixels and scored."""

from __future__ import annotations

import math
import operator
import random
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from harness.contracts.attributor import Attribution, Attributor, Case, Cost
from harness.contracts.model import BACKWARD, Capture, Trace
from harness.errors import one_line
from harness.imaging.frame import Box, Letterbox
from harness.imaging.overlap import Overlap, overlap
from harness.imaging.saliency import peak, saliency_to_boxes
from harness.run.memory import free_memory, out_of_memory

DECIMALS, BOX_DECIMALS = 6, 2  # of figures in 0..1, and of edges in native pixels
DIGITS = 6  # significant ones of scores, which may be tiny
_ERROR_LENGTH = 300


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
        self.cost.forward += 1
        if "trace" not in self.shared:
            trace = self.model.trace(self.image.copy(), self.question, self.answer, self.captures)
            for value in vars(trace).values():
                if isinstance(value, np.ndarray):
                    _frozen(value)
            self.shared["trace"] = trace
        found: Trace = self.shared["trace"]
        self.cost.backward += bool(self.own & BACKWARD)
        return found


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def attempt(
    attributor: Attributor, case: Case, place: Letterbox, truth: Sequence[Box]
) -> tuple[dict[str, Any], Attribution | None]:
    """The result fields of a journal row, and what the attributor said, None where it failed.

    Whatever the attributor does wrong makes it a failed row. ``size`` (width, height), ``truth`` and, in the
    row, the boxes and the map's ``peak`` are native pixels; the figures are those of the rounded boxes.
    """
    seed_everything(case.seed)
    said: Attribution | None = None
    tight = False
    try:
        said = attributor.attribute(case)
        boxes = _rounded(place.to_native(box) for box in boxes_of(said, case))
        fields = {"status": "ok", "error": None, **_figures(boxes, truth), **_extras(said)}
        fields["peak"] = _peak(said, case, place)
        fields |= _cost(case)
    except KeyboardInterrupt:
        raise
    # A plugin that calls sys.exit(), or throws what is no Exception, must not end the run either.
    except BaseException as error:
        tight = out_of_memory(error)
        fields, said = failure(error), None
        with suppress(Exception):
            fields |= _cost(case)
    if tight:  # out here nothing holds the failed passes' tensors any more
        free_memory()
    return fields | {"size": [place.width, place.height]}, said


def failure(error: BaseException) -> dict[str, Any]:
    """The result fields of a sample that failed: zero, and why."""
    why = one_line(error)
    if out_of_memory(error):  # whose own text tells how many bytes were free in which process
        why = f"Memory ran out on this sample ({type(error).__name__})."
    return {"status": "failed", "error": why, **_figures([], None), **_nothing()}


def not_applicable(reason: str) -> dict[str, Any]:
    """The result fields of a sample that an attributor cannot explain for want of a capability: no
    figures."""
    figures: dict[str, Any] = {**dict.fromkeys(_figures([], None)), "boxes": []}
    return {"status": "not_applicable", "error": reason, **figures, **_nothing()}


def _nothing() -> dict[str, Any]:
    return {**_extras(Attribution()), "peak": None, **vars(Cost()), "size": None}


def _cost(case: Case) -> dict[str, int]:
    """The passes that an attempt took. Raises where the attributor made something else of them."""
    return {name: operator.index(passes) for name, passes in vars(case.cost).items()}


def boxes_of(said: Attribution, case: Case) -> list[Box]:
    """What an attribution says as boxes in frame pixels. Raises ``ValueError`` where it is malformed."""
    if not isinstance(said, Attribution):
        raise ValueError(f"it returned {type(said).__name__} instead of an Attribution")
    if said.boxes is not None:
        boxes = checked(said.boxes)
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


def _peak(said: Attribution, case: Case, place: Letterbox) -> list[float] | None:
    """Where the map is hottest, native x and y; None where there is no map, or a flat one."""
    if said.saliency is None:
        return None
    found = peak(_map(said.saliency, case), case.content)
    return None if found is None else [round(edge, BOX_DECIMALS) for edge in place.to_native(Box(*found, *found))[:2]]


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


def _figures(boxes: Sequence[Box], truth: Sequence[Box] | None) -> dict[str, Any]:
    score = overlap(boxes, truth) if truth is not None else Overlap()
    return {
        "boxes": [list(box) for box in boxes],
        "iou": round(score.iou, DECIMALS),
        "precision": round(score.precision, DECIMALS),
        "recall": round(score.recall, DECIMALS),
        "f1": round(score.f1, DECIMALS),
    }


def _extras(said: Attribution) -> dict[str, Any]:
    if said.concept is not None and not isinstance(said.concept, str):
        raise ValueError(f"its concept is {type(said.concept).__name__} instead of text")
    scores = said.concept_scores
    return {
        "concept": said.concept,
        "fallback": bool(said.fallback),
        "concept_scores": None
        if scores is None
        else {str(name): _number(value, "a concept's score") for name, value in scores.items()},
        "token_scores": None
        if said.token_scores is None
        else [_number(value, "a token's score") for value in said.token_scores],
    }


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
