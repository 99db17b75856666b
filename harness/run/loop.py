"""The evaluation loop: explain every record of a benchmark by every attributor, score it, and keep a
journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from harness.contracts.attributor import Attributor
from harness.contracts.source import MODES, Mode
from harness.errors import HarnessError, one_line
from harness.registry import Registry
from harness.run.executor import Executor, Local
from harness.run.journal import Journal
from harness.run.progress import Progress
from harness.run.select import Plan, make_plan
from harness.run.shards import Shard
from harness.run.worker import Unit, key_of, set_up
from leaderboard.render.gallery_observer import Camera, Gallery, choose

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Result:
    """How a run ended. Counts are of (record, attributor) pairs, those of earlier starts of the run included.

    ``finished`` of ``total`` are in the journal, among them ``failed`` ones, which score zero, and
    ``not_applicable`` ones, which do not count.
    """

    folder: Path
    finished: int
    failed: int
    interrupted: bool
    total: int
    not_applicable: int


def evaluate(
    registry: Registry,
    attributors: Sequence[str],
    models: Sequence[str] | None = None,
    modes: Sequence[Mode] = MODES,
    bench: Path | None = None,
    data_root: Path | None = None,
    options: Sequence[str] = (),
    limit: int | None = None,
    seed: int = 0,
    output: Path = Path("harness-results"),
    fresh: bool = False,
    console: Console | None = None,
    gallery: int = 0,
    faithful: int = 0,
    shard: Shard | None = None,
    executor: Executor | None = None,
) -> Result:
    """Explain a benchmark's records by each of the attributors, and journal how well each finds the evidence.

    The text explained is the record's own prediction. ``models``: names or aliases; None for all that the
    benchmark names. ``bench``: a folder of records; None for the one that ships with a source. Of ``modes``,
    one that the folder has no file of is left out, which the console says.
    ``data_root``: where sources find their files. ``options``: ``NAME.FIELD=VALUE`` for any plugin that
    takes part. ``limit``: at most so many records, evenly spread. ``output``: the journal's folder; a run
    that was stopped there goes on, unless ``fresh``. ``gallery``: keep pictures of so many records, evenly
    spread, of those that this start explains. ``faithful``: measure deletion and
    insertion areas in so many steps, 0 for not. ``shard``: explain that part of the
    records alone, in a folder of its own below ``output`` (:mod:`harness.run.shards`). ``executor``: who does the work
    (:mod:`harness.run.executor`); None for this process. Ctrl-C ends the run cleanly.
    Plugins' ``run_finished`` hooks are the caller's to call.

    A fault of an attributor, or an image that cannot be read, fails that sample alone. Raises
    ``HarnessError`` for what the user can put right: unknown names, bad options, files that are missing, a
    model that does not load.
    """
    if console is None:
        from rich.console import Console

        console = Console()
    plan = make_plan(registry, attributors, models, modes, bench, data_root, options, limit, seed, faithful)
    methods = [_set_up(cls, plan) for cls in plan.attributors]
    pictured = choose(plan, gallery)
    if shard is not None:
        plan, output = shard.of(plan), shard.folder(output)
    interrupted = False
    with Journal(output, plan.header, fresh) as journal:
        run = _Run(plan, methods, seed, journal, console, Camera(pictured), Gallery(output, fresh), registry)
        registry.run_started(output, plan.header, len(journal.rows), console)
        try:
            run.all_units(executor or Local())
        except KeyboardInterrupt:
            interrupted = True
        rows = list(journal.rows.values())
    statuses = [row["status"] for row in rows]
    return Result(
        folder=output,
        finished=len(rows),
        failed=statuses.count("failed"),
        interrupted=interrupted,
        total=plan.records * len(methods),
        not_applicable=statuses.count("not_applicable"),
    )


def _set_up(cls: type[Attributor], plan: Plan) -> Attributor:
    """An attributor that is loaded; its notes join the plan's, and the header, for boards to show."""
    method = set_up(cls, plan)
    try:
        notes = [str(note) for note in method.notes({source.name for source in plan.sources.values()})]
    except HarnessError:
        raise
    except Exception as error:
        raise HarnessError(f"The attributor {cls.name!r} cannot be set up: {one_line(error)}.") from error
    if notes:
        plan.notes.extend(notes)
        plan.header["plugins"]["attributor"][cls.name]["notes"] = notes
    return method


@dataclass
class _Run:
    """One start of a run: has what is not in the journal yet done, and journals it."""

    plan: Plan
    methods: list[Attributor]
    seed: int
    journal: Journal
    console: Console
    camera: Camera
    gallery: Gallery
    registry: Registry
    _said: set[str] = field(default_factory=set)

    def all_units(self, executor: Executor) -> None:
        """Everything that is left, in the order of the plan."""
        total = self.plan.records * len(self.methods)
        done = len(self.journal.rows)
        self._introduce(done, total)
        units = list(self._units())
        with Progress(self.console, total, done) as progress, ExitStack() as stack:
            work = executor.run(units, self.plan, self.methods, self.seed, self.camera, progress.doing)
            stack.enter_context(closing(work))  # so that Ctrl-C gives models and workers back
            for outcome in work:
                for about in outcome.timings:
                    self.journal.time(**about)
                self.gallery.keep(outcome.pictures)
                if outcome.row["status"] == "not_applicable":
                    self._say(f"{outcome.row['error']}: those results are marked as not applicable.")
                self.journal.add(outcome.row)
                self.registry.sample_scored(self.journal.folder, outcome.row, self.console)
                progress.advance()

    def _units(self) -> Iterator[Unit]:
        """What is not in the journal yet, by model and sample."""
        for cls, tasks in self.plan.tasks.items():
            for _, group in groupby(tasks, key=lambda task: (task.sample.source, task.sample.index)):
                todo = [
                    (task, place)
                    for task in group
                    for place, method in enumerate(self.methods)
                    if key_of(task, cls, method) not in self.journal.rows
                ]
                if todo:
                    yield Unit(cls, todo)

    def _introduce(self, done: int, total: int) -> None:
        if self.plan.absent:
            self._say(f"The benchmark has no {' or '.join(self.plan.absent)}.json: that mode is left out.")
        for note in self.plan.notes:
            self._say(note)
        planned = sum(sum(counts.values()) for counts in self.plan.header["planned"].values())
        if planned < self.plan.available:
            self._say(
                f"A subset: {planned} of {self.plan.available} records; "
                "its figures are no substitute for the whole benchmark's."
            )
        if "shard" in self.plan.header:
            which = "{index} of {count}".format(**self.plan.header["shard"])
            self._say(f"Shard {which}: {self.plan.records} of {planned} records.")
        if done:
            self._say(f"{done} of {total} results are in {self.journal.folder} already.")

    def _say(self, text: str) -> None:
        """Tell the user something, once."""
        if text not in self._said:
            self._said.add(text)
            self.console.print(text, markup=False, highlight=False)
