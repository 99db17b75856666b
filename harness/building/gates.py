"""What became of each question: the record, the gate that it fails, and what the controls say about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harness.bench.records import Record
from harness.bench.verdict import final_answer
from harness.building.build_row import BuildRow
from harness.building.causal import CUT_OFF, FAILED, GATES, judge
from harness.building.controls import CONTROLS
from harness.building.questions import Question
from harness.building.rounds import Rounds

HELD, FLIPPED, NOT_APPLICABLE = "held", "flipped", "not applicable"
VERDICTS = (HELD, FLIPPED, CUT_OFF, NOT_APPLICABLE, FAILED)


@dataclass(frozen=True)
class Judged:
    """One question, judged.

    Attributes
    ----------
    question, record
        What was asked, and the answers.
    dropped
        Why it is not in the benchmark: the gate's reason, ``CUT_OFF`` or ``"failed"``. None: it survives.
    answers
        The rows of the record's texts that there are.
    failures
        The answers that could not be had, those of the controls too.
    files
        The edit's file of each of the record's texts, below the folder of edits; None for the original, and where
        it was not asked about.
    controls
        A survivor's answers under the controls, by name; empty where they were not asked for.
    """

    question: Question
    record: Record
    dropped: str | None
    answers: tuple[BuildRow, ...]
    failures: tuple[BuildRow, ...]
    files: dict[str, str | None]
    controls: dict[str, BuildRow]

    def verdict(self, control: str) -> str | None:
        """One of :data:`VERDICTS`, or None where the control was not asked about."""
        row = self.controls.get(control)
        if row is None:
            return None
        if row.answer is None:
            return FAILED if row.status == "failed" else NOT_APPLICABLE
        if row.cut_off:
            return CUT_OFF
        return HELD if final_answer(row.answer) == GATES[0].wanted else FLIPPED

    @property
    def flips(self) -> list[str]:
        """The controls under which a survivor's answer flips, so that it would be dropped if they were gates."""
        return [name for name in CONTROLS if self.verdict(name) == FLIPPED]


def judge_all(rounds: Rounds, controls: bool) -> list[Judged]:
    """The questions of finished rounds, judged, in the order of the records; with controls only where asked for."""
    return [_judged(rounds, question, controls) for question in rounds.selection.questions]


def _judged(rounds: Rounds, question: Question, controls: bool) -> Judged:
    rows = {gate.text: rounds.row(question, gate.text) for gate in GATES}
    record = rounds.record(question)
    dropped = FAILED if rounds.failed(question) else judge(record)
    asked: dict[str, BuildRow] = {}
    if controls and dropped is None:
        asked = {name: row for name in CONTROLS if (row := rounds.row(question, name)) is not None}
    every = [row for row in (*rows.values(), *asked.values()) if row is not None]
    return Judged(
        question=question,
        record=record,
        dropped=dropped,
        answers=tuple(row for row in rows.values() if row is not None and row.answer is not None),
        failures=tuple(row for row in every if row.status == "failed"),
        files={text: row.edit if row else None for text, row in rows.items()},
        controls=asked,
    )


def control_rows(judged: Iterable[Judged]) -> list[dict[str, Any]]:
    """The controls as plain data, one row a survivor: ``controls.json``, for which the release's format has no place.

    ``boxes``: where the edit was, x0, y0, x1, y1 in native pixels; null for the sample's own boxes.
    """
    rows = []
    for one in judged:
        if not one.controls:
            continue
        record = one.record
        row: dict[str, Any] = {
            "model": record.model, "dataset": record.dataset, "index": record.index, "mode": record.mode,
        }  # fmt: skip
        for name, said in one.controls.items():
            about = said.line()
            parts = {part: about[part] for part in ("answer", "error", "boxes", "edit")}
            row[name] = {"verdict": one.verdict(name), **parts}
        rows.append(row)
    return rows
