"""Results that metrics and observers are checked on: what a method might have marked, beside a truth that is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.contracts.attributor import Attribution
from harness.contracts.case import Case, RecordKey
from harness.contracts.editor import region_mask
from harness.contracts.explained import Explained
from harness.contracts.mode import question
from harness.contracts.model import Model
from harness.imaging.frame import Box, Letterbox
from harness.run.shared_case import said_of
from harness.testing.region import SIDE, RegionModel
from harness.testing.trials import ANSWER, CAUSE, framed
from harness.testing.trials import PLAIN as FILM
from harness.testing.watched import EVERYTHING, Watched

ELSEWHERE = Box(140, 28, 168, 84)  # as large as CAUSE, and apart from it
CONCEPT, OTHER_CONCEPT = "left lung", "cardiac silhouette"
TRUTH, ASTRAY = "the truth", "something else"


def heat_in(*boxes: Box) -> np.ndarray:
    """A map of the frame, float64 [side, side]: 1 in the boxes, else 0."""
    return region_mask((SIDE, SIDE), boxes, "foreground").astype(float)


def _plain(box: Box, concept: str) -> Attribution:
    """All that a method can say, about one place."""
    scores = {CONCEPT: 0.1, OTHER_CONCEPT: 0.1, concept: 0.9}
    tokens = [1.0 for _ in RegionModel(CAUSE).tokens(ANSWER)]
    return Attribution(
        saliency=heat_in(box), boxes=[box], concept=concept, concept_scores=scores, concept_boxes={concept: box},
        token_scores=tokens,
    )  # fmt: skip


# What methods mark, in the frame. Made anew for each result, for a plugin that writes to it.
MARKS: dict[str, Callable[[], Attribution]] = {
    TRUTH: lambda: _plain(CAUSE, CONCEPT),
    ASTRAY: lambda: _plain(ELSEWHERE, OTHER_CONCEPT),
    "boxes alone": lambda: Attribution(boxes=[ELSEWHERE, CAUSE]),
    "a map alone": lambda: Attribution(saliency=heat_in(CAUSE, ELSEWHERE) + 0.1 * np.eye(SIDE)),
    "nothing": lambda: Attribution(saliency=np.zeros((SIDE, SIDE))),
    "twelve boxes": lambda: Attribution(
        boxes=[Box(x, y, x + 20, y + 30) for y in (60, 100, 140) for x in (55, 85, 115, 145)]
    ),
    "the whole image": lambda: Attribution(boxes=[Box(0, 0, SIDE, SIDE)], fallback=True),
    "an upright image": lambda: _plain(CAUSE, CONCEPT),
    "an unknown concept": lambda: _plain(CAUSE, CONCEPT),
}


def marked(name: str, record: int = 0) -> Explained:
    """The result of this name, anew: a method's ``MARKS`` on a film whose truth is ``CAUSE``.

    Parameters
    ----------
    name
        One of ``MARKS``.
    record
        The index of the record that it is about.
    """
    upright = name == "an upright image"
    _, frame, place = framed(name if upright else FILM)
    model: Model = Watched(RegionModel(CAUSE, 8, 8), EVERYTHING, frozenset())
    key = RecordKey("kit", record, "toy-region", "reasoning")
    asked = question("pleural effusion", "reasoning")
    case = Case(model, frame.copy(), asked, ANSWER, place.content, seed=7, record=key)
    attribution = MARKS[name]()
    said = said_of(attribution, case, place)
    truth = [Box(*(round(edge, 2) for edge in place.to_native(CAUSE)))]
    return Explained(
        record=key,
        attributor="kit",
        place=place,
        truth=truth,
        true_concepts=() if name == "an unknown concept" else (CONCEPT,),
        truths={"region": [Box(0, 0, place.width / 2, place.height)], "others": []},
        mask=region_mask((place.height, place.width), truth, "foreground"),
        attribution=attribution,
        case=case,
        redistributable=True,
        **{part: said[part] for part in ("boxes", "peak", "concept", "concept_scores")},
    )


def failed(place: Letterbox | None) -> Explained:
    """A result that failed, after its image was read or, without a ``place``, because it could not be."""
    right = marked(TRUTH)
    return Explained(
        record=right.record,
        attributor=right.attributor,
        place=place,
        truth=right.truth,
        true_concepts=right.true_concepts,
        truths=right.truths,
        mask=right.mask if place else None,
        case=right.case if place else None,
        redistributable=place is not None,
    )


def content(explained: Explained) -> bytes:
    """Everything that a result holds, to be compared byte by byte."""
    said, case = explained.attribution, explained.case
    arrays = [explained.mask, said.saliency if said else None, case.image if case else None]
    texts = [
        repr([explained.boxes, explained.truth, explained.concept_scores]),
        repr({name: value for name, value in vars(said).items() if name != "saliency"}) if said else "",
    ]
    parts = [b"" if array is None else np.ascontiguousarray(array).tobytes() for array in arrays]
    return b"|".join([*parts, *(text.encode() for text in texts)])
