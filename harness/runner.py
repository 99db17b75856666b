"""The evaluation loop: explain every record of a benchmark by every attributor, score it, and keep a
journal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.attempt import SharedCase, attempt, checked, failure, not_applicable, one_line
from harness.attributor import Attributor, Case
from harness.errors import HarnessError
from harness.faithfulness import FIELDS, faithfulness
from harness.gallery import Gallery, choose
from harness.geometry import FRAME_SIDE, Box, Letterbox
from harness.images import letterbox
from harness.journal import KEY, Journal, Key
from harness.loading import load
from harness.memory import free_memory
from harness.model import Capture, Model
from harness.plan import Plan, Task, make_plan
from harness.progress import Progress
from harness.registry import Registry
from harness.shard import Shard
from harness.source import MODES, Mode, Sample, read

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
) -> Result:
    """Explain a benchmark's records by each of the attributors, and journal how well each finds the evidence.

    The text explained is the record's own prediction. ``models``: names or aliases; None for all that the
    benchmark names. ``bench``: a folder of records; None for the one that ships with a source. Of ``modes``,
    one that the folder has no file of is left out, which the console says.
    ``data_root``: where sources find their files. ``options``: ``NAME.FIELD=VALUE`` for any plugin that
    takes part. ``limit``: at most so many records, evenly spread. ``output``: the journal's folder; a run
    that was stopped there goes on, unless ``fresh``. ``gallery``: keep pictures of so many records, evenly
    spread, of those that this start explains (:mod:`harness.gallery`). ``faithful``: measure deletion and
    insertion areas in so many steps (:mod:`harness.faithfulness`), 0 for not. ``shard``: explain that part of the
    records alone, in a folder of its own below ``output`` (:mod:`harness.shard`). Ctrl-C ends the run cleanly.
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
        pictures = Gallery(output, pictured, fresh)
        run = _Run(plan, methods, seed, journal, console, pictures, registry)
        registry.run_started(output, plan.header, len(journal.rows), console)
        try:
            run.all_models()
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
    try:
        method = cls(plan.options[cls])
        method.load()
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
    """One start of a run: goes through the plan and journals what is not in the journal yet."""

    plan: Plan
    methods: list[Attributor]
    seed: int
    journal: Journal
    console: Console
    gallery: Gallery
    registry: Registry
    _said: set[str] = field(default_factory=set)

    def all_models(self) -> None:
        """Everything, one model in memory at a time."""
        total = self.plan.records * len(self.methods)
        done = len(self.journal.rows)
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
        with Progress(self.console, total, done) as progress:
            for cls, tasks in self.plan.tasks.items():
                self._one_model(cls, tasks, progress)

    def _one_model(self, cls: type[Model], tasks: list[Task], progress: Progress) -> None:
        able = [method for method in self.methods if method.needs <= cls.capabilities]
        captures = frozenset[Capture]().union(*(method.captures for method in able))
        model: Model | None = None
        for _, group in groupby(tasks, key=lambda task: (task.sample.source, task.sample.index)):
            todo = [(task, method) for task in group for method in self.methods]
            todo = [
                (task, method) for task, method in todo if _key(task, cls, method) not in self.journal.rows
            ]
            scene: _Scene | Exception | None = None
            if any(method in able for _, method in todo):
                if model is None:
                    progress.doing(f"loading {cls.name}")
                    model = self._load(cls)
                progress.doing(f"{cls.name} · reading an image")
                scene = self._read(todo[0][0])
            shared: dict[Mode, dict[str, Any]] = {task.record.mode: {} for task, _ in todo}
            for task, method in todo:
                progress.doing(f"{cls.name} · {task.record.mode} · {method.name}")
                key = _key(task, cls, method)
                if method not in able or model is None or scene is None:
                    fields = self._decline(cls, method)
                elif isinstance(scene, Exception):
                    fields = failure(scene)
                else:
                    case = SharedCase(
                        model=model,
                        image=scene.frame.copy(),
                        question=task.sample.question(task.record.mode),
                        answer=task.record.prediction,
                        content=scene.place.content,
                        seed=seed_of(self.seed, task.sample, task.record.mode),
                        captures=captures,
                        shared=shared[task.record.mode],
                        own=method.captures,
                    )
                    fields = self._attempt(method, case, task, scene, key)
                if self.plan.faithfulness:
                    fields |= {name: fields.get(name) for name in FIELDS}
                row = _row(task, key, fields)
                self.journal.add(row)
                self.registry.sample_scored(self.journal.folder, row, self.console)
                progress.advance()
        del model
        free_memory()

    def _attempt(
        self, method: Attributor, case: SharedCase, task: Task, scene: _Scene, key: Key
    ) -> dict[str, Any]:
        """Explain one case, and measure and keep what the run asks for besides, at nobody's cost."""
        about, start = dict(zip(KEY, key, strict=True)), time.perf_counter()
        fields, said = attempt(method, case, scene.place, scene.truth)
        self.journal.time("attribute", time.perf_counter() - start, **about)
        source = self.plan.sources[task.record.dataset]
        self.gallery.keep(key, scene.frame, case.content, source, case.model, case.answer, said)
        if self.plan.faithfulness:
            start = time.perf_counter()
            apart = Case(case.model, scene.frame.copy(), case.question, case.answer, case.content, case.seed)
            fields |= faithfulness(said, apart, self.plan.faithfulness)
            self.journal.time("faithfulness", time.perf_counter() - start, **about)
        return fields

    def _load(self, cls: type[Model]) -> Model:
        start = time.perf_counter()
        model = load(cls, self.plan.options[cls], "model")
        self.journal.time("load", time.perf_counter() - start, model=cls.name)
        return model

    def _read(self, task: Task) -> _Scene | Exception:
        """The image of a sample in its frame, or what is wrong with it."""
        start = time.perf_counter()
        sample = task.sample
        try:
            image = read(self.plan.sources[task.record.dataset], sample)
            frame, place = letterbox(image, FRAME_SIDE)
            # What an annotator drew past the edge is no image.
            truth = [box.clip(place.width, place.height) for box in checked(sample.boxes)]
            scene = _Scene(frame, place, truth)
        except Exception as error:
            return error
        self.journal.time("read", time.perf_counter() - start, source=sample.source, index=sample.index)
        return scene

    def _decline(self, cls: type[Model], method: Attributor) -> dict[str, Any]:
        missing = " and ".join(sorted(method.needs - cls.capabilities))
        reason = f"{method.name} needs {missing}, which {cls.name} does not offer"
        self._say(f"{reason}: those results are marked as not applicable.")
        return not_applicable(reason)

    def _say(self, text: str) -> None:
        """Tell the user something, once."""
        if text not in self._said:
            self._said.add(text)
            self.console.print(text, markup=False, highlight=False)


@dataclass(frozen=True)
class _Scene:
    """A frame image, uint8 [side, side, 3], its place, and the true boxes in native pixels."""

    frame: np.ndarray
    place: Letterbox
    truth: list[Box]


def _key(task: Task, cls: type[Model], method: Attributor) -> Key:
    return task.sample.source, task.sample.index, cls.name, task.record.mode, method.name


def seed_of(seed: int, sample: Sample, mode: Mode) -> int:
    """A 32-bit seed of one case, the same for all models and attributors, in any order."""
    name = "\n".join(map(str, (seed, sample.source, sample.index, mode)))
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest(), "big")


def image_id(sample: Sample) -> str:
    """Which rows are about one image: 16 hexadecimal digits that do not give a patient's file name away."""
    return blake2b(f"{sample.source}\n{sample.image}".encode(), digest_size=8).hexdigest()


def _row(task: Task, key: Key, fields: dict[str, Any]) -> dict[str, Any]:
    sample = task.sample
    return {
        **dict(zip(KEY, key, strict=True)),
        "image": image_id(sample),
        "attribute": sample.attribute,
        "answer": task.record.prediction,
        "truth": _json_boxes(sample.boxes),
        "concept_truth": sample.concept,
        **fields,
    }


def _json_boxes(boxes: Sequence[Box]) -> list[list[float | None]]:
    """Boxes as JSON; an edge that is no number becomes null."""
    return [[float(edge) if np.isfinite(edge) else None for edge in box] for box in boxes]
