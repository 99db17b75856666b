"""The row: one result. This one schema writes it, resumes and verifies it, and feeds the leaderboard."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from hashlib import blake2b
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from harness.contracts.case import RecordKey
from harness.contracts.mode import Mode
from harness.contracts.source import Sample
from harness.imaging.frame import Box, to_boxes
from harness.run.line import JournalLine

Count = Annotated[int, Field(ge=0)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Side = Annotated[int, Field(ge=1)]
Edges = Annotated[list[Number], Field(min_length=4, max_length=4)]
# What an annotation gives; an edge that is no number is null.
MOST_BOXES = 1000  # of a row: somebody else's may hold any number
TrueEdges = Annotated[list[Number | None], Field(min_length=4, max_length=4)]
Status = Literal["ok", "failed", "not_applicable"]
KEY = ("source", "index", "model", "mode", "attributor")


class ResultKey(NamedTuple):
    """What a result is about: a record, and the method that explains it."""

    source: str
    index: int  # type: ignore[assignment]  # hides a method of tuples that nobody needs here
    model: str
    mode: Mode
    attributor: str


class Row(JournalLine):
    """One result: a line of the journal.

    Attributes
    ----------
    source, index
        The sample: its data set, and its place there.
    model, mode, attributor
        Whose answer, of which kind, explained by which method; models and methods by their labels.
    image
        16 hexadecimal digits that are the same for all rows about one image.
    attribute
        The finding that the question asks about.
    answer
        The recorded answer that was explained.
    truth
        The true boxes x0, y0, x1, y1, half-open, in native pixels.
    true_concepts
        The concepts that are right answers to where the cause is; empty where that is not known.
    truths
        Further true boxes by kind: ``region``, ``plausible``, ``others``.
    status
        ``ok``; ``failed``: it counts as the worst; ``not_applicable``: the method can say nothing on the model.
    error
        Why it is not ``ok``.
    size
        Width and height of the image in pixels; null where it could not be read.
    boxes
        What the method marked, native, to a hundredth of a pixel.
    peak
        The hottest point x, y of its map, native.
    map_range, map_values
        The least and greatest value of its map within the image, and how many differ as float32; null without a map.
    map_noise
        The range of what its map changes by when the model rounds otherwise (:mod:`harness.run.noise`); null where that
        was not asked for, or cannot be known.
    concept, concept_scores, token_scores, concept_token_scores, fallback, completeness
        What else it said, as :class:`harness.Attribution` has it.
    metrics
        The figures by metric. Null: the method says nothing that the metric could measure. A metric that does not
        apply to the sample, or needs what the model does not offer, is absent.
    unmeasured
        The metrics that could not be measured, and why.
    forward, backward
        Images that the method sent through the model.
    """

    source: str
    index: Count
    model: str
    mode: Mode
    attributor: str
    image: str
    attribute: str
    answer: str
    truth: Annotated[list[TrueEdges], Field(max_length=MOST_BOXES)]
    true_concepts: list[str]
    truths: dict[str, Annotated[list[TrueEdges], Field(max_length=MOST_BOXES)]]
    status: Status
    error: str | None
    size: Annotated[list[Side], Field(min_length=2, max_length=2)] | None
    boxes: Annotated[list[Edges], Field(max_length=MOST_BOXES)]
    peak: Annotated[list[Number], Field(min_length=2, max_length=2)] | None
    map_range: Annotated[list[Number], Field(min_length=2, max_length=2)] | None
    map_values: Count | None
    map_noise: Number | None
    concept: str | None
    concept_scores: dict[str, Number] | None
    token_scores: list[Number] | None
    concept_token_scores: dict[str, list[Number]] | None
    fallback: bool
    completeness: Number | None
    metrics: dict[str, Number | None]
    unmeasured: dict[str, str]
    forward: Count
    backward: Count

    @model_validator(mode="after")
    def _of_one_piece(self) -> Row:
        if self.status == "failed" and self.error is None:
            raise ValueError("it failed without an error")
        if self.status != "ok" and self.boxes:
            raise ValueError(f"it is {self.status.replace('_', ' ')} and yet has boxes")
        if both := self.metrics.keys() & self.unmeasured.keys():
            raise ValueError(f"its {min(both)} is measured and unmeasured")
        return self

    @cached_property
    def key(self) -> ResultKey:
        """What the row is about."""
        return ResultKey(self.source, self.index, self.model, self.mode, self.attributor)

    @cached_property
    def record(self) -> RecordKey:
        """Which record the row is about."""
        return RecordKey(self.source, self.index, self.model, self.mode)

    @property
    def true_boxes(self) -> tuple[Box, ...]:
        """The true boxes, clipped to the image. Raises ``TypeError`` where an edge is no number."""
        return self._clipped(self.truth)

    @property
    def further_boxes(self) -> dict[str, tuple[Box, ...]]:
        """The further true boxes by kind, clipped to the image. Raises ``TypeError`` where an edge is no number."""
        return {kind: self._clipped(rows) for kind, rows in self.truths.items()}

    def _clipped(self, rows: list[TrueEdges]) -> tuple[Box, ...]:
        boxes = to_boxes(rows)  # type: ignore[arg-type]
        return boxes if self.size is None else tuple(box.clip(*self.size) for box in boxes)


def true_edges(boxes: Iterable[Box]) -> list[TrueEdges]:
    """A source's boxes as rows hold them: an edge that is no number is null."""
    return [[float(edge) if np.isfinite(edge) else None for edge in box] for box in boxes]


def image_id(sample: Sample) -> str:
    """Which rows are about one image: 16 hexadecimal digits that do not give a patient's file name away."""
    return blake2b(f"{sample.source}\n{sample.image}".encode(), digest_size=8).hexdigest()
