"""The build's journal: one schema that writes a row, one answer, and resumes it."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import model_validator

from harness.contracts.mode import Mode
from harness.run.journal_reading import Layout
from harness.run.line import JournalLine
from harness.run.row import Count, Edges, Status


class AnswerKey(NamedTuple):
    """What an answer is about: the sample, who was asked and how, and which version of the image."""

    source: str
    index: int  # type: ignore[assignment]  # hides a method of tuples that nobody needs here
    model: str
    mode: Mode
    version: str


BUILD = Layout("build.jsonl", "build-timings.jsonl", 4, AnswerKey._fields, "harness build")


class BuildRow(JournalLine):
    """One answer: a line of the journal.

    Attributes
    ----------
    source, index
        The sample: its source, and its place there.
    model, mode
        Who was asked, and how.
    version
        Which version of the image: a text of :data:`harness.building.causal.GATES`, or a control.
    status
        ``ok``; ``failed``; ``not_applicable``: the control has no edit for this sample.
    error
        Why it is not ``ok``.
    answer
        The model's text.
    cut_off
        Whether the text ends at the model's token limit, so that it states nothing.
    edit
        The file of the edited image, below the folder of edits; null for the original.
    boxes
        Where the edit was, x0, y0, x1, y1 in native pixels; null for the sample's own boxes.
    """

    source: str
    index: Count
    model: str
    mode: Mode
    version: str
    status: Status
    error: str | None
    answer: str | None
    cut_off: bool
    edit: str | None
    boxes: list[Edges] | None

    @model_validator(mode="after")
    def _of_one_piece(self) -> BuildRow:
        if (self.status == "ok") != (self.answer is not None) or (self.status == "ok") != (self.error is None):
            raise ValueError("an answer that is ok has a text and no error, any other has an error and no text")
        if self.cut_off and self.answer is None:
            raise ValueError("an answer that was cut off has a text")
        return self

    @property
    def key(self) -> AnswerKey:
        """What the row is about."""
        return AnswerKey(self.source, self.index, self.model, self.mode, self.version)
