"""The build itself: three rounds of edits and answers, each answer journaled before the next is asked for.

A round asks about some views of a sample's image: the original; then, where the answer was yes, the three edits;
then, where the sample survives the filter, the controls. In each round all edits are made first, then one model after
the other is asked, so that never two networks are in memory.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from harness.bench.causal import GATES, judge
from harness.bench.records import Record
from harness.bench.verdict import final_answer
from harness.building.controls import CONTROLS
from harness.building.select import BuildPlan, Question
from harness.building.versions import Fault, View, Views, attempt
from harness.contracts.model import Model
from harness.participants import load
from harness.run.case import seed_everything
from harness.run.journal import Journal, Layout
from harness.run.memory import free_memory
from harness.run.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console

BUILD = Layout(
    "build.jsonl", "build-timings.jsonl", 1, ("source", "index", "model", "mode", "view"), "harness build"
)
ORIGINAL, *EDITS = (gate.text for gate in GATES)

Row = dict[str, Any]


@dataclass
class Loop:
    """One start of a build: goes through the plan and journals what is not in the journal yet."""

    plan: BuildPlan
    seed: int
    journal: Journal
    views: Views
    console: Console

    def run(self, controls: bool) -> None:
        """Everything that is still to be done, the controls too where asked for."""
        questions = self.plan.questions
        self._round("originals", questions, [ORIGINAL])
        self._round("edits", [q for q in questions if self._said_yes(q)], EDITS)
        if controls:
            self._round("controls", [q for q in questions if self.survived(q)], CONTROLS)

    def row(self, question: Question, view: str) -> Row | None:
        """What the journal says about one view, if anything."""
        return self.journal.rows.get(_key(question, view))

    def record(self, question: Question) -> Record:
        """The four texts as a record; empty where there is none."""
        sample = question.sample
        texts = {gate.text: (self.row(question, gate.text) or {}).get("answer") or "" for gate in GATES}
        return Record(
            model=question.model.name, dataset=sample.source, index=sample.index, answer=sample.answer,
            mode=question.mode, **texts,
        )  # fmt: skip

    def fault(self, question: Question) -> Row | None:
        """The first of the record's views that failed, if one did."""
        rows = (self.row(question, gate.text) for gate in GATES)
        return next((row for row in rows if row is not None and row["status"] == "failed"), None)

    def survived(self, question: Question) -> bool:
        """Whether a question that was asked in full passes all gates."""
        return self.fault(question) is None and judge(self.record(question)) is None

    def _said_yes(self, question: Question) -> bool:
        row = self.row(question, ORIGINAL)
        return row is not None and row["status"] == "ok" and final_answer(row["answer"]) == GATES[0].wanted

    def _round(self, name: str, questions: Sequence[Question], views: Sequence[str]) -> None:
        todo = [q for q in questions if any(self.row(q, view) is None for view in views)]
        answers = sum(self.row(q, view) is None for q in todo for view in views)
        samples = list({(q.sample.source, q.sample.index): q.sample for q in todo}.values())
        if ORIGINAL in views:
            samples = []  # nothing to edit
        with Progress(self.console, len(samples) + answers) as progress:
            for sample in samples:
                progress.doing(f"{name}: editing · {sample.source} {sample.index}")
                start = time.perf_counter()
                self.views.of(sample, views)
                seconds = time.perf_counter() - start
                self.journal.time(f"edit {name}", seconds, source=sample.source, index=sample.index)
                progress.advance()
            self.views.close()
            for model in self.plan.models:
                mine = [q for q in todo if q.model is model]
                if mine:
                    self._one_model(model, mine, views, f"{name}: {model.name}", progress)

    def _one_model(
        self, cls: type[Model], todo: Sequence[Question], views: Sequence[str], stage: str, progress: Progress
    ) -> None:
        """Ask one model all that is left of a round."""
        progress.doing(f"{stage} · loading")
        start = time.perf_counter()
        model = load(cls, self.plan.options[cls], "model")
        self.journal.time("load", time.perf_counter() - start, model=cls.name)
        for _, group in groupby(todo, key=lambda q: (q.sample.source, q.sample.index)):
            questions = list(group)
            shown = self.views.of(questions[0].sample, views)
            for question in questions:
                for view in views:
                    if self.row(question, view) is None:
                        progress.doing(f"{stage} · {question.sample.source} {question.sample.index}")
                        self._one_answer(model, question, view, shown[view])
                        progress.advance()
        self.views.close()  # in case an edit was gone from the cache
        del model
        free_memory()

    def _one_answer(self, model: Model, question: Question, view: str, shown: View | Fault) -> None:
        """One answer about one view, into the journal."""
        key = dict(zip(BUILD.key, _key(question, view), strict=True))
        row: Row = {**key, "status": "ok", "error": None, "answer": None, "edit": None, "boxes": None}
        said: str | Fault
        if isinstance(shown, Fault):
            said = shown
        else:
            row["edit"] = shown.file
            if shown.edit is not None and shown.edit.boxes != question.sample.boxes:
                row["boxes"] = [list(box) for box in shown.edit.boxes]
            start = time.perf_counter()
            said = attempt(partial(self._ask, model, question, shown))
            self.journal.time("answer", time.perf_counter() - start, **key)
        if isinstance(said, Fault):
            row |= {"status": said.status, "error": said.error}
        else:
            row["answer"] = said
        self.journal.add(row)

    def _ask(self, model: Model, question: Question, shown: View) -> str:
        """The model's answer. Raises for what is no text, or cannot be written as UTF-8."""
        seed_everything(self.seed)  # for a model that draws from the global generators
        said = model.answer(shown.frame, question.sample.question(question.mode))
        if not isinstance(said, str):
            raise TypeError(f"the model answered {type(said).__name__}, not text")
        said.encode("utf-8")
        return said


def _key(question: Question, view: str) -> tuple[str, int, str, str, str]:
    sample = question.sample
    return sample.source, sample.index, question.model.name, question.mode, view
