"""An evaluation: explain every selected record by every attributor, measure it, and keep a journal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.evaluating.dry_run import tell
from harness.evaluating.growing import Growth
from harness.files import write_whole
from harness.participants import check_there, reason
from harness.registry import Registry
from harness.run.before import Before
from harness.run.errors_log import ERRORS_LOG, log_error
from harness.run.header import Header
from harness.run.journal import Journal
from harness.run.journal_reading import EVALUATION
from harness.run.progress import Progress
from harness.run.provenance import header_of
from harness.run.row import ResultKey
from harness.run.select import Selection, deal, select
from harness.run.settings import RunSettings
from harness.run.shards import Shard
from harness.run.worker import Result, RunJob, Unit
from harness.text import say

if TYPE_CHECKING:
    from rich.console import Console

_NAME = re.compile(r"[\w-][\w.-]{0,99}")
_KEPT = re.compile(r"[0-9a-f]{16}\.\w+")  # what observers call their files


@dataclass(frozen=True)
class Ended:
    """How a run ended. Counts are of (record, attributor) pairs, those of earlier starts of the run included.

    ``finished`` of ``total`` are in the journal, among them ``failed`` ones, which count as the worst, and
    ``not_applicable`` ones, which do not count. ``given_up``: more failed than was allowed.
    """

    folder: Path
    finished: int
    failed: int
    interrupted: bool
    total: int
    not_applicable: int
    given_up: bool = False


def run(registry: Registry, settings: RunSettings, console: Console | None = None) -> Ended:
    """Explain a benchmark's records by each of the attributors, and journal how well each finds the evidence.

    The text that is explained is the record's own prediction. Ctrl-C ends the run cleanly. A fault of an attributor,
    or an image that cannot be read, fails that sample alone. Plugins' ``run_finished`` hooks are the caller's to call.

    Raises
    ------
    HarnessError
        For what the user can put right: unknown names, bad options, missing files, a model that does not load.
    """
    if console is None:
        from rich.console import Console

        console = Console()
    output = settings.output if settings.shard is None else Shard.parse(settings.shard).folder(settings.output)
    before = Before.of(output, settings.fresh)
    selection = select(registry, settings, before)
    job = RunJob(
        attributors=selection.attributors,
        models=selection.models,
        metrics=selection.metrics,
        observers=selection.observers,
        sources=selection.sources,
        records=[task.key for task in selection.every_task],
        seed=settings.seed,
        upsampling=settings.upsampling,
        noise=settings.noise,
        timeout=settings.timeout,
    )
    check_there([*selection.attributors, *(selection.models if job.needs_model else ())])
    notes = _notes(job, selection)
    header = header_of(registry, settings, selection, notes, job.needs_model)
    growth = Growth(before, header, selection, settings.retry_failed)
    if settings.shard is not None:
        selection = _part(selection, Shard.parse(settings.shard))
    keep = growth.keep if before.header is not None else None
    with Journal(output, growth.header.line(), settings.fresh, EVALUATION, keep) as journal:
        start = _Start(selection, growth.header, job, journal, console, registry)
        start.introduce([*journal.remarks, *growth.said, *(note for said in notes.values() for note in said)])
        if settings.dry_run:
            tell(console, selection, journal, output)
            return _ended(journal, selection)
        journal.discard = lambda: _discard(registry, output)
        registry.run_started(output, growth.header.line(), len(journal.rows), console)
        total = len(selection.every_task) * len(selection.attributors)
        try:
            start.finish(settings.workers, settings.failures_allowed(total))
            journal.commit()
        except KeyboardInterrupt:
            return _ended(journal, selection, interrupted=True)
        return _ended(journal, selection, given_up=start.given_up)


def _ended(journal: Journal, selection: Selection, interrupted: bool = False, given_up: bool = False) -> Ended:
    statuses = [row["status"] for row in journal.rows.values()]
    return Ended(
        folder=journal.folder,
        finished=len(statuses),
        failed=statuses.count("failed"),
        interrupted=interrupted,
        given_up=given_up,
        total=len(selection.every_task) * len(selection.attributors),
        not_applicable=statuses.count("not_applicable"),
    )


def _notes(job: RunJob, selection: Selection) -> dict[str, list[str]]:
    """What readers of each attributor's results must know, by label; all of them are loaded for that."""
    sources = {source.name for source in selection.sources.values()}
    notes: dict[str, list[str]] = {}
    for one, method in zip(job.attributors, job.methods, strict=True):
        try:
            notes[one.label] = [str(note) for note in method.notes(sources)]
        except HarnessError:
            raise
        except Exception as error:
            raise HarnessError(f"The attributor {one.label!r} cannot be set up: {reason(error)}.") from error
    return notes


def _part(selection: Selection, shard: Shard) -> Selection:
    """The part of a selection that is a shard's: all that is about an image stays together."""
    homes = deal(selection.every_task, shard.count)
    tasks = {
        model: [task for task in tasks if homes[task.image] == shard.index - 1]
        for model, tasks in selection.tasks.items()
    }
    return replace(selection, tasks=tasks)


def _discard(registry: Registry, output: Path) -> None:
    """Remove what observers kept of the run that was there before, and its errors."""
    with suppress(OSError):
        (output / ERRORS_LOG).unlink()
    for cls in registry.all("observer"):
        folder = output / cls.folder
        if folder.is_dir() and not folder.is_symlink():
            for path in folder.iterdir():
                if _KEPT.fullmatch(path.name):
                    path.unlink(missing_ok=True)


@dataclass
class _Start:
    """One start of a run: has what is not in the journal yet done, and journals it."""

    selection: Selection
    header: Header
    job: RunJob
    journal: Journal
    console: Console
    registry: Registry
    given_up: bool = False
    _failed: int = 0
    _said: set[str] = field(default_factory=set)

    def finish(self, workers: int | None, failures: int | None) -> None:
        """Everything that is left, in the order of the selection. ``failures``: how many may fail; None for all."""
        total = len(self.selection.every_task) * len(self.selection.attributors)
        done = len(self.journal.rows)
        units = list(self._units())
        executor = self.selection.executor.make()
        with Progress(self.console, total, done) as progress, ExitStack() as stack:
            work = executor.run(self.job, units, workers, progress.doing)
            stack.enter_context(closing(work))  # so that Ctrl-C gives models and workers back
            for result in work:
                self._keep(result)
                progress.advance()
                if failures is not None and self._failed > failures:
                    self.given_up = True
                    self._say(f"{self._failed} results failed, --max-failures allows {failures}: the run ends here.")
                    break

    def _keep(self, result: Result) -> None:
        self.journal.commit()  # before anything of the new run is written
        self._failed += result.row.status == "failed"
        for about in result.timings:
            self.journal.time(**about)
        for path, data in result.files.items():
            self._write(path, data)
        for remark in result.remarks:
            self._say(remark)
        row = result.row
        if row.status == "not_applicable":
            self._say(f"{row.error}: those results are marked as not applicable.")
        line = row.line()
        self.journal.add(line)
        if result.traceback is not None:
            log_error(self.journal.folder, row.key, result.traceback)
        self.registry.sample_scored(self.journal.folder, line, self.console)

    def _write(self, path: str, data: bytes) -> None:
        """Store a file of an observer. Raises ``HarnessError`` where the folder cannot be written."""
        folder, _, name = path.partition("/")
        if not _NAME.fullmatch(name):
            self._say(f"An observer wanted to keep a file called {name!r}, which is no plain name; it was not kept.")
            return
        try:
            write_whole(self.journal.folder / folder / name, data)
        except OSError as error:
            where = self.journal.folder / folder
            raise HarnessError(f"{where} cannot be written: {error.strerror or error}.") from error

    def _units(self) -> Iterator[Unit]:
        """What is not in the journal yet, by model and sample."""
        for model, tasks in self.selection.tasks.items():
            for _, group in groupby(tasks, key=lambda task: (task.sample.source, task.sample.index)):
                todo = [
                    (task, place)
                    for task in group
                    for place, one in enumerate(self.selection.attributors)
                    if ResultKey(*task.key, one.label) not in self.journal.rows
                ]
                if todo:
                    yield Unit(model, todo)

    def introduce(self, notes: list[str]) -> None:
        """Tell the user what is about to be run, and what of it is there."""
        selection = self.selection
        done, total = len(self.journal.rows), len(selection.every_task) * len(selection.attributors)
        if selection.absent:
            self._say(f"The benchmark has no {' or '.join(selection.absent)}.json: that mode is left out.")
        for note in [*selection.notes, *notes]:
            self._say(note)
        if self.header.records < selection.available:
            self._say(
                f"A subset: {self.header.records} of {selection.available} records; "
                "its figures are no substitute for the whole benchmark's."
            )
        if self.header.shard is not None:
            which = self.header.shard.replace("/", " of ")
            self._say(f"Shard {which}: {len(selection.every_task)} of {self.header.records} records.")
        if done:
            self._say(f"{done} of {total} results are in {self.journal.folder} already.")

    def _say(self, text: str) -> None:
        """Tell the user something, once."""
        if text not in self._said:
            self._said.add(text)
            say(self.console, text, wrap=True)
