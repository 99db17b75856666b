"""One explained case: what metrics measure and observers see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from harness.contracts.attributor import Attribution
from harness.contracts.case import Case, RecordKey
from harness.imaging.frame import Box, Letterbox


@dataclass(frozen=True)
class Explained:
    """What a method said about one record, beside what is true of it.

    Attributes
    ----------
    record
        Which record it is about.
    attributor
        The method's label in the run.
    place
        How the image lies in the frame; None where the image could not be read.
    boxes
        What the method marked, in native pixels: its own boxes, or those that the benchmark's rule makes of its map.
    peak
        The hottest point (x, y) of its map in native pixels; None where it gave no map, or a flat one.
    concept
        The anatomical concept that it named.
    concept_scores
        Its score of every concept.
    truth
        The true boxes, in native pixels, clipped to the image.
    true_concepts
        The concepts that are right answers to where the cause is; none where the source knows none.
    truths
        Further true boxes by kind, native, clipped; see :class:`harness.contracts.source.Sample`.
    mask
        bool [height, width], native: the pixels that are known to hold the cause; None where the source knows none,
        or no metric of the run asks for it.
    attribution
        All that the method said, in the frame; None where it failed, and where results are measured from a journal.
    case
        What it explained, with the loaded model. Its passes are at nobody's cost. None where there is no model.
    redistributable
        Whether the source lets anybody have its images.
    """

    record: RecordKey
    attributor: str
    place: Letterbox | None
    boxes: Sequence[Box] = ()
    peak: tuple[float, float] | None = None
    concept: str | None = None
    concept_scores: Mapping[str, float] | None = None
    truth: Sequence[Box] = ()
    true_concepts: Sequence[str] = ()
    truths: Mapping[str, Sequence[Box]] = field(default_factory=dict)
    mask: np.ndarray | None = None
    attribution: Attribution | None = None
    case: Case | None = None
    redistributable: bool = False

    @cached_property
    def heat(self) -> np.ndarray:
        """The importance of each pixel of the frame, float64 [side, side], any scale.

        The method's own map; where it gave boxes alone, 1 for a pixel whose middle lies in one of them, else 0.

        Raises
        ------
        ValueError
            Where there is neither, as in a journal whose run kept no maps.
        """
        if self.attribution is None or self.place is None:
            raise ValueError("there is no map of this result; run `harness eval` with --keep-maps")
        return heat_of(self.attribution, self.place.side)


def heat_of(said: Attribution, side: int) -> np.ndarray:
    """The map [side, side] of what a method said; where it gave boxes alone, 1 for a pixel whose middle lies in one of
    them, else 0."""
    if said.saliency is not None:
        return np.asarray(said.saliency, np.float64)
    heat = np.zeros((side, side))
    middles = np.arange(side) + 0.5
    for x0, y0, x1, y1 in said.boxes or ():
        inside = (middles >= y0) & (middles < y1), (middles >= x0) & (middles < x1)
        heat[np.ix_(*inside)] = 1
    return heat
