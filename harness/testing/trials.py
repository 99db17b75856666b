"""What attribution methods are made to explain, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Cost, RecordKey
from harness.contracts.mode import question
from harness.contracts.model import Capability, Capture
from harness.imaging.frame import Box, Letterbox
from harness.imaging.read import letterbox
from harness.run.shared_case import SharedCase, boxes_of, said_of, seed_everything
from harness.testing.check import raised_by, sentence
from harness.testing.pictures import film, sixteen_bit_film
from harness.testing.region import SIDE, RegionModel
from harness.testing.watched import ALL_CAPTURES, EVERYTHING, Watched

CAUSE = Box(56, 84, 84, 140)
ANSWER = "The left lung is dark, so yes."
PLAIN = "a chest film"


@dataclass(frozen=True)
class Specimen:
    """An image in native pixels, uint8 [height, width, 3], the answer about it, and the grid of image tokens."""

    image: np.ndarray
    answer: str = ANSWER
    rows: int = 8
    columns: int = 8


# Made when first used. Apart from what each is called by, all are like the plain one.
SPECIMENS: dict[str, Callable[[], Specimen]] = {
    PLAIN: lambda: Specimen(film(320, 320)),
    "a blank image": lambda: Specimen(np.zeros((320, 320, 3), np.uint8)),
    "an image of one row": lambda: Specimen(film(3, 900)),
    "an upright image": lambda: Specimen(film(450, 250)),
    "a 16-bit image with a bright marker": lambda: Specimen(sixteen_bit_film(320, 320)),
    "image tokens in 5 rows of 7": lambda: Specimen(film(320, 320), rows=5, columns=7),
    "an answer of one token": lambda: Specimen(film(320, 320), answer="Yes"),
    "an answer of 60 tokens": lambda: Specimen(film(320, 320), answer="The lung is dark. " * 14 + "So: clearly a yes."),
}


@cache
def framed(name: str) -> tuple[Specimen, np.ndarray, Letterbox]:
    """A specimen, its image in the frame, uint8 [side, side, 3], and where in the frame it is. Not to be written to."""
    specimen = SPECIMENS[name]()
    frame, place = letterbox(specimen.image)
    frame.flags.writeable = False
    return specimen, frame, place


@dataclass(frozen=True)
class Trial:
    """One explanation by one method. ``raised``: what it raised, as a sentence. ``case``: what it was asked.

    ``wrote``: it wrote to the case's image. ``model``: knows what was asked of it.
    """

    said: Any
    raised: str | None
    wrote: bool
    case: SharedCase
    model: Watched

    @property
    def cost(self) -> Cost:
        """What the case counted."""
        return self.case.cost

    def content(self) -> bytes:
        """Everything that the method said, to be compared byte by byte."""
        said = self.said
        if not isinstance(said, Attribution):
            return repr(said).encode()
        saliency = b"" if said.saliency is None else np.ascontiguousarray(said.saliency).tobytes()
        return saliency + repr({k: v for k, v in vars(said).items() if k != "saliency"}).encode()


def make_trial(
    method: Attributor,
    name: str,
    offers: frozenset[Capability] = EVERYTHING,
    captures: frozenset[Capture] = ALL_CAPTURES,
    global_seed: int = 0,
) -> Trial:
    """Let a loaded method explain the specimen of this name, as a run would.

    ``offers``: what the model can do. ``captures``: those of all methods of the run together. ``global_seed``: of the
    process's generators, which a method should not draw from.
    """
    specimen, frame, place = framed(name)
    model = Watched(RegionModel(CAUSE, specimen.rows, specimen.columns), offers, method.captures)
    asked = question("pleural effusion", "reasoning")
    case = SharedCase(
        model, frame.copy(), asked, specimen.answer, place.content, seed=7, captures=captures | method.captures,
        own=method.captures, record=RecordKey("kit", list(SPECIMENS).index(name), model.name, "reasoning"),
        priors={"question": (place.content,), "pose": (place.content,)},
    )  # fmt: skip
    said: list[Any] = []
    seed_everything(global_seed)
    error = raised_by(lambda: said.append(method.attribute(case)))
    return Trial(
        said=said[0] if said else None,
        raised=None if error is None else sentence(error),
        wrote=not np.array_equal(frame, case.image),
        case=case,
        model=model,
    )


class Trials:
    """The trials of one loaded method, each made once, for all checks to look at."""

    def __init__(self, method: Attributor) -> None:
        self.plugin = self.method = method
        self._made: dict[tuple[Any, ...], Trial] = {}

    def on(self, name: str = PLAIN) -> Trial:
        """On one of the ``SPECIMENS``, with a model that offers everything, beside methods that capture everything."""
        return self._trial(name, EVERYTHING, ALL_CAPTURES)

    def again(self, global_seed: int = 0) -> Trial:
        """Once more on the plain specimen, after it explained another."""
        self.on("an upright image")
        return self._trial(PLAIN, EVERYTHING, ALL_CAPTURES, global_seed, "again")

    def offered(self, offers: frozenset[Capability]) -> Trial:
        """On the plain specimen, with a model that has only these capabilities, and captures for this method alone."""
        return self._trial(PLAIN, offers, self.method.captures)

    def all(self) -> list[Trial]:
        """On all the specimens, with everything offered."""
        return [self.on(name) for name in SPECIMENS]

    def _trial(
        self, name: str, offers: frozenset[Capability], captures: frozenset[Capture], seed: int = 0, *more: Any
    ) -> Trial:
        key = (name, offers, captures, seed, *more)
        if key not in self._made:
            self._made[key] = make_trial(self.method, name, offers, captures, seed)
        return self._made[key]


def map_fault(trial: Trial) -> str | None:
    """What is wrong with the saliency map, if there is one."""
    saliency = trial.said.saliency
    if saliency is None:
        return None
    saliency = np.asarray(saliency)
    if saliency.shape != (SIDE, SIDE):
        return f"Its saliency map has shape {saliency.shape}; the frame's is ({SIDE}, {SIDE})."
    if not (np.issubdtype(saliency.dtype, np.number) and np.isfinite(saliency).all()):
        return "Its saliency map holds NaN, infinities or no numbers."
    return None


def box_fault(trial: Trial) -> str | None:
    """What is wrong with the boxes, if there are any."""
    said: Attribution = trial.said
    boxes = list(said.boxes or []) + list((said.concept_boxes or {}).values())
    for box in boxes:
        error = raised_by(lambda box=box: boxes_of(Attribution(boxes=[box]), trial.case))  # type: ignore[misc]
        if error is not None:
            return f"Of its boxes, {str(error).rstrip('.')}."
        if min(box) < -1e-6 or max(box) > SIDE + 1e-6:
            edges = [round(float(edge), 2) for edge in box]
            return f"The box {edges} is not within the frame's 0..{SIDE}; boxes are x0, y0, x1, y1 in frame pixels."
    return None


def extras_fault(trial: Trial) -> str | None:
    """What is wrong with the concept or the scores."""
    said: Attribution = trial.said
    harmless = replace(said, saliency=None, boxes=[trial.case.content])  # the others are judged apart
    error = raised_by(lambda: said_of(harmless, trial.case, Letterbox(SIDE, SIDE)))
    if error is not None:
        return f"In what it returns, {str(error).rstrip('.')}."
    if said.concept_token_scores is not None and set(said.concept_token_scores) != set(said.concept_scores or ()):
        return "Its concept_token_scores are not of the concepts that it scores."
    tokens = len(trial.model.inner.tokens(trial.case.answer))
    each = [*(said.concept_token_scores or {}).values(), *([] if said.token_scores is None else [said.token_scores])]
    wrong = [len(scores) for scores in each if len(scores) != tokens]
    return f"It scored {wrong[0]} tokens of an answer of {tokens}." if wrong else None


FAULTS: tuple[Callable[[Trial], str | None], ...] = (map_fault, box_fault, extras_fault)
