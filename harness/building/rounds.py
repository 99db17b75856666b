"""The build itself: three rounds of edits and answers, each answer journaled before the next is asked for.

A round asks about some versions of a sample's image: the original; then, where the answer was yes, the three edits;
then, where the sample survives the filter, the controls. In each round all edits are made first, then one model after
the other is asked, so that never two networks are in memory.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from harness.bench.records import Record
from harness.bench.verdict import final_answer
from harness.building.build_row import AnswerKey, BuildRow
from harness.building.causal import GATES, judge
from harness.building.controls import CONTROLS
from harness.building.questions import BuildSelection, Question
from harness.building.versions import Missing, Version, Versions, or_missing
from harness.contracts.model import Answer, Model
from harness.errors import HarnessError
from harness.participants import Participant
from harness.run.errors_log import log_error
from harness.run.journal import Journal
from harness.run.memory import free_memory
from harness.run.progress import Progress
from harness.run.shared_case import seed_everything

if TYPE_CHECKING:
    from rich.console import Console

ORIGINAL, *EDITED = (gate.text for gate in GATES)


class Rounds:
    """One start of a build: asks what is not in the journal yet.

    Raises ``HarnessError`` where a row of the journal is not what this version of the harness writes.
    """

    def __init__(
        self, selection: BuildSelection, seed: int, journal: Journal, versions: Versions, console: Console
    ) -> None:
        self.selection, self.seed, self.journal, self.versions = selection, seed, journal, versions
        self._console = console
        self._rows: dict[AnswerKey, BuildRow] = {}
        for number, line in enumerate(journal.rows.values(), 2):
            try:
                row = BuildRow.read(line)
            except ValueError as error:
                path = journal.folder / journal.layout.journal
                raise HarnessError(
                    f"The journal {path} is broken at line {number} ({error}); give --fresh to start anew."
                ) from error
            self._rows[row.key] = row

    def run(self, controls: bool) -> None:
        """Everything that is still to be asked, the controls too where asked for."""
        questions = self.selection.questions
        self._round("originals", questions, [ORIGINAL])
        self._round("edits", [q for q in questions if self._said_yes(q)], EDITED)
        if controls:
            self._round("controls", [q for q in questions if self._survived(q)], CONTROLS)

    def row(self, question: Question, version: str) -> BuildRow | None:
        """What the journal says about one version; None where it was not asked about."""
        return self._rows.get(_key(question, version))

    def record(self, question: Question) -> Record:
        """The four texts as a record; empty where there is none, and an ``Answer`` where it was cut off."""
        sample = question.sample
        rows = {gate.text: self.row(question, gate.text) for gate in GATES}
        texts = {name: _text(row) for name, row in rows.items()}
        return Record(
            model=question.model, dataset=sample.source, index=sample.index, answer=sample.answer,
            mode=question.mode, **texts,
        )  # fmt: skip

    def failed(self, question: Question) -> bool:
        """Whether one of the record's four texts could not be had."""
        rows = (self.row(question, gate.text) for gate in GATES)
        return any(row is not None and row.status == "failed" for row in rows)

    def _survived(self, question: Question) -> bool:
        return not self.failed(question) and judge(self.record(question)) is None

    def _said_yes(self, question: Question) -> bool:
        row = self.row(question, ORIGINAL)
        return row is not None and not row.cut_off and final_answer(row.answer or "") == GATES[0].wanted

    def _round(self, name: str, questions: Sequence[Question], versions: Sequence[str]) -> None:
        todo = [q for q in questions if any(self.row(q, version) is None for version in versions)]
        answers = sum(self.row(q, version) is None for q in todo for version in versions)
        samples = list({(q.sample.source, q.sample.index): q.sample for q in todo}.values())
        if ORIGINAL in versions:
            samples = []  # nothing to edit
        with Progress(self._console, len(samples) + answers) as progress:
            for sample in samples:
                progress.doing(f"{name}: editing · {sample.source} {sample.index}")
                start = time.perf_counter()
                self.versions.of(sample, versions)
                seconds = time.perf_counter() - start
                self.journal.time(f"edit {name}", seconds, source=sample.source, index=sample.index)
                progress.advance()
            self.versions.close()
            for model in self.selection.models:
                mine = [q for q in todo if q.model == model.label]
                if mine:
                    self._one_model(model, mine, versions, f"{name}: {model.label}", progress)

    def _one_model(
        self,
        participant: Participant[Model],
        todo: Sequence[Question],
        versions: Sequence[str],
        stage: str,
        progress: Progress,
    ) -> None:
        """Ask one model all that is left of a round."""
        progress.doing(f"{stage} · loading")
        start = time.perf_counter()
        model = participant.load()
        self.journal.time("load", time.perf_counter() - start, model=participant.label)
        for _, group in groupby(todo, key=lambda q: (q.sample.source, q.sample.index)):
            questions = list(group)
            images = self.versions.of(questions[0].sample, versions)
            for question in questions:
                for version in versions:
                    if self.row(question, version) is None:
                        progress.doing(f"{stage} · {question.sample.source} {question.sample.index}")
                        self._one_answer(model, question, version, images[version])
                        progress.advance()
        self.versions.close()  # in case an edit was gone from the cache
        del model
        free_memory()

    def _one_answer(self, model: Model, question: Question, name: str, version: Version | Missing) -> None:
        """Ask for one answer, and journal it or why there is none."""
        key = _key(question, name)
        edit, boxes = None, None
        said: str | Missing
        if isinstance(version, Missing):
            said = version
        else:
            edit = version.file
            if version.edit is not None and version.edit.boxes != question.sample.boxes:
                boxes = [list(box) for box in version.edit.boxes]
            start = time.perf_counter()
            said = or_missing(partial(self._ask, model, question, version))
            self.journal.time("answer", time.perf_counter() - start, **key._asdict())
        missing = said if isinstance(said, Missing) else None
        row = BuildRow(
            **key._asdict(),
            status=missing.status if missing else "ok",
            error=missing.error if missing else None,
            answer=str(said) if isinstance(said, str) else None,
            cut_off=isinstance(said, Answer) and said.cut_off,
            edit=edit,
            boxes=boxes,
        )
        self.journal.add(row.line())
        if missing is not None and missing.traceback is not None:
            log_error(self.journal.folder, key, missing.traceback)
        self._rows[row.key] = row

    def _ask(self, model: Model, question: Question, version: Version) -> str:
        """The model's answer. Raises for what is no text, or cannot be written as UTF-8."""
        seed_everything(self.seed)  # for a model that draws from the global generators
        said = model.answer(version.frame, question.sample.question(question.mode))
        if not isinstance(said, str):
            raise TypeError(f"the model answered {type(said).__name__}, not text")
        said.encode("utf-8")
        return said


def _text(row: BuildRow | None) -> str:
    """What a row has to say, as the model said it."""
    said = (row.answer if row else None) or ""
    return Answer(said, cut_off=True) if row and row.cut_off else said


def _key(question: Question, version: str) -> AnswerKey:
    sample = question.sample
    return AnswerKey(sample.source, sample.index, question.model, question.mode, version)
