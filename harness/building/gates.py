"""What became of each question: the record, why it was dropped, and what the controls say about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.bench.causal import FAILED, GATES, judge
from harness.bench.records import Record
from harness.bench.verdict import final_answer
from harness.building.controls import CONTROLS
from harness.building.rounds import Loop, Row
from harness.building.select import Question

HELD, FLIPPED, NOT_APPLICABLE = "held", "flipped", "not applicable"
VERDICTS = (HELD, FLIPPED, NOT_APPLICABLE, FAILED)


@dataclass(frozen=True)
class Outcome:
    """One judged question.

    ``dropped``: the gate's reason, ``"failed"``, or None where the sample survives. ``files``: each view's file in
    the cache of edits, by the record's texts. ``controls``: the journal's rows of a survivor's controls, by name.
    """

    question: Question
    record: Record
    dropped: str | None
    failures: tuple[Row, ...]
    files: dict[str, str | None]
    controls: dict[str, Row]

    def verdict(self, control: str) -> str | None:
        """One of :data:`VERDICTS`, or None where the control was not asked about."""
        row = self.controls.get(control)
        if row is None:
            return None
        if row["status"] != "ok":
            return FAILED if row["status"] == "failed" else NOT_APPLICABLE
        return HELD if final_answer(row["answer"]) == GATES[0].wanted else FLIPPED

    @property
    def flips(self) -> list[str]:
        """The controls under which a survivor's answer flips, so that it would be dropped if they were gates."""
        return [name for name in CONTROLS if self.verdict(name) == FLIPPED]


def outcomes(loop: Loop, controls: bool) -> list[Outcome]:
    """The outcomes of a finished loop, in the order of the records; with controls only where asked for."""
    return [_outcome(loop, question, controls) for question in loop.plan.questions]


def _outcome(loop: Loop, question: Question, controls: bool) -> Outcome:
    rows = {gate.text: loop.row(question, gate.text) for gate in GATES}
    record = loop.record(question)
    dropped = FAILED if loop.fault(question) else judge(record)
    asked: dict[str, Row] = {}
    if controls and dropped is None:
        asked = {name: row for name in CONTROLS if (row := loop.row(question, name)) is not None}
    every = [row for row in (*rows.values(), *asked.values()) if row is not None]
    return Outcome(
        question=question,
        record=record,
        dropped=dropped,
        failures=tuple(row for row in every if row["status"] == "failed"),
        files={text: row["edit"] if row else None for text, row in rows.items()},
        controls=asked,
    )


def side_rows(found: list[Outcome]) -> list[dict[str, Any]]:
    """The controls as plain data, one row a survivor: what the side file holds beside the release's format.

    ``boxes``: where the edit was, x0, y0, x1, y1 in native pixels; null for the sample's own boxes.
    """
    rows = []
    for outcome in found:
        if not outcome.controls:
            continue
        record = outcome.record
        row: dict[str, Any] = {
            "model": record.model, "dataset": record.dataset, "index": record.index, "mode": record.mode,
        }  # fmt: skip
        for name, said in outcome.controls.items():
            row[name] = {
                "verdict": outcome.verdict(name),
                **{part: said[part] for part in ("answer", "error", "boxes", "edit")},
            }
        rows.append(row)
    return rows
