"""The evaluation loop: explain every record of a benchmark by every attributor, score it, and keep a
journal."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.attempt import SharedCase, attempt, checked, failure, not_applicable, one_line
from harness.attributor import Attributor
from harness.errors import HarnessError
from harness.geometry import FRAME_SIDE, Box, Letterbox
from harness.images import letterbox
from harness.journal import KEY, Journal, Key
from harness.model import Capture, Model
from harness.plan import Plan, Task, make_plan
from harness.progress import Progress
from harness.registry import Registry
from harness.source import MODES, Mode, Sample

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
) -> Result:
    """Explain a benchmark's records by each of the attributors, and journal how well each finds the evidence.

    The text explained is the record's own prediction. ``models``: names or aliases; None for all that the
    benchmark names. ``bench``: a folder of records; None for the one that ships with a source. Of ``modes``,
    one that the folder has no file of is left out, which the console says.
    ``data_root``: where sources find their files. ``options``: ``NAME.FIELD=VALUE`` for any plugin that
    takes part. ``limit``: at most so many records, evenly spread. ``output``: the journal's folder; a run
    that was stopped there goes on, unless ``fresh``. Ctrl-C ends the run cleanly.
    Plugins' ``run_finished`` hooks are the caller's to call.

    A fault of an attributor, or an image that cannot be read, fails that sample alone. Raises
    ``HarnessError`` for what the user can put right: unknown names, bad options, files that are missing, a
    model that does not load.
    """
    if console is None:
        from rich.console import Console

        console = Console()
    plan = make_plan(registry, attributors, models, modes, bench, data_root, options, limit, seed)
    methods = [_set_up(cls, plan) for cls in plan.attributors]
    interrupted = False
    with Journal(output, plan.header, fresh) as journal:
        run = _Run(plan, methods, seed, journal, console)
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
    _said: set[str] = field(default_factory=set)

    def all_models(self) -> None:
        """Everything, one model in memory at a time."""
        total = self.plan.records * len(self.methods)
        done = len(self.journal.rows)
        if self.plan.absent:
            self._say(f"The benchmark has no {' or '.join(self.plan.absent)}.json: that mode is left out.")
        for note in self.plan.notes:
            self._say(note)
        if self.plan.records < self.plan.available:
            self._say(
                f"A subset: {self.plan.records} of {self.plan.available} records; "
                "its figures are no substitute for the whole benchmark's."
            )
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
                    start = time.perf_counter()
                    fields = attempt(method, case, scene.place, scene.truth)
                    self.journal.time(
                        "attribute", time.perf_counter() - start, **dict(zip(KEY, key, strict=True))
                    )
                self.journal.add(_row(task, key, fields))
                progress.advance()
        del model
        _free_memory()

    def _load(self, cls: type[Model]) -> Model:
        start = time.perf_counter()
        try:
            model = cls(self.plan.options[cls])
            model.load()
        except HarnessError:
            raise
        except Exception as error:
            raise HarnessError(f"The model {cls.name!r} cannot be loaded: {one_line(error)}.") from error
        self.journal.time("load", time.perf_counter() - start, model=cls.name)
        return model

    def _read(self, task: Task) -> _Scene | Exception:
        """The image of a sample in its frame, or what is wrong with it."""
        start = time.perf_counter()
        sample = task.sample
        try:
            image = self.plan.sources[task.record.dataset].image(sample)
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
                raise ValueError(f"the source gave an image {image.dtype} {image.shape}, not uint8 [h, w, 3]")
            frame, place = letterbox(image, FRAME_SIDE)
            scene = _Scene(frame, place, checked(sample.boxes))
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


def _row(task: Task, key: Key, fields: dict[str, Any]) -> dict[str, Any]:
    sample = task.sample
    return {
        **dict(zip(KEY, key, strict=True)),
        "attribute": sample.attribute,
        "answer": task.record.prediction,
        "truth": _json_boxes(sample.boxes),
        "concept_truth": sample.concept,
        **fields,
    }


def _json_boxes(boxes: Sequence[Box]) -> list[list[float | None]]:
    """Boxes as JSON; an edge that is no number becomes null."""
    return [[float(edge) if np.isfinite(edge) else None for edge in box] for box in boxes]


def _free_memory() -> None:
    """Give a dropped model's memory back before the next one is loaded."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
