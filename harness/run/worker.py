"""The work of an evaluation: what is left to do about a sample and a model, and who does it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np

from harness.contracts.attributor import Attributor, Case
from harness.contracts.model import Capture, Model
from harness.contracts.source import Mode, Sample, read
from harness.errors import HarnessError, one_line
from harness.imaging.frame import FRAME_SIDE, Box, Letterbox
from harness.imaging.read import letterbox
from harness.run.case import SharedCase, attempt, checked, failure, not_applicable
from harness.run.journal import KEY, Key
from harness.run.loading import load
from harness.run.memory import free_memory, peaks, reset_peaks
from harness.run.select import Plan, Task
from leaderboard.render.gallery_observer import Camera
from plugins.metrics.deletion_insertion import FIELDS, faithfulness

Row = dict[str, Any]


@dataclass(frozen=True)
class Unit:
    """What is to be done about one sample with one model: tasks of its modes, each by an attributor (its place in the
    plan). All of it is done by one worker, which so reads the image once."""

    model: type[Model]
    todo: list[tuple[Task, int]]


@dataclass(frozen=True)
class Outcome:
    """One result: its journal row, what took how long to get it (:meth:`harness.run.journal.Journal.time`), and
    the files of the gallery that it gives."""

    row: Row
    timings: list[Row] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)


def set_up(cls: type[Attributor], plan: Plan) -> Attributor:
    """An attributor that is loaded. Raises ``HarnessError`` where it cannot be."""
    try:
        method = cls(plan.options[cls])
        method.load()
    except HarnessError:
        raise
    except Exception as error:
        raise HarnessError(f"The attributor {cls.name!r} cannot be set up: {one_line(error)}.") from error
    return method


class Worker:
    """Does units, one model in memory at a time. ``methods``: the plan's attributors, set up."""

    def __init__(self, plan: Plan, methods: Sequence[Attributor], seed: int, camera: Camera) -> None:
        self.plan, self.methods, self.seed, self.camera = plan, methods, seed, camera
        self._model: Model | None = None
        self._timings: list[Row] = []

    def run(self, unit: Unit, doing: Callable[[str], None] = lambda what: None) -> Iterator[Outcome]:
        """The outcomes of a unit in its order, each as soon as it is there. ``doing`` hears what runs now.

        A fault of an attributor, or an image that cannot be read, fails that sample alone. Raises ``RunError`` where
        the model does not load.
        """
        cls = unit.model
        able = [method for method in self.methods if method.needs <= cls.capabilities]
        captures = frozenset[Capture]().union(*(method.captures for method in able))
        model: Model | None = None
        scene: _Scene | Exception | None = None
        if any(self.methods[place] in able for _, place in unit.todo):
            model = self._loaded(cls, doing)
            doing(f"{cls.name} · reading an image")
            scene = self._read(unit.todo[0][0])
        shared: dict[Mode, dict[str, Any]] = {task.record.mode: {} for task, _ in unit.todo}
        for task, place in unit.todo:
            method = self.methods[place]
            doing(f"{cls.name} · {task.record.mode} · {method.name}")
            key = key_of(task, cls, method)
            pictures: dict[str, bytes] = {}
            if method not in able or model is None or scene is None:
                fields = declined(cls, method)
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
                fields, pictures = self._attempt(method, case, task, scene, key)
            timings, self._timings = self._timings, []
            yield Outcome(row_of(task, key, fields, self.plan), timings, pictures)

    def close(self) -> None:
        """Give the model's memory back."""
        self._model = None
        free_memory()

    def _loaded(self, cls: type[Model], doing: Callable[[str], None]) -> Model:
        if type(self._model) is not cls:
            self.close()
            doing(f"loading {cls.name}")
            start = time.perf_counter()
            self._model = load(cls, self.plan.options[cls], "model")
            self._time("load", start, model=cls.name)
        assert self._model is not None
        return self._model

    def _attempt(
        self, method: Attributor, case: SharedCase, task: Task, scene: _Scene, key: Key
    ) -> tuple[Row, dict[str, bytes]]:
        """Explain one case, and measure and picture what the run asks for besides, at nobody's cost."""
        about, start = dict(zip(KEY, key, strict=True)), time.perf_counter()
        reset_peaks()
        fields, said = attempt(method, case, scene.place, scene.truth)
        self._time("attribute", start, **about, **peaks())
        source = self.plan.sources[task.record.dataset]
        pictures = self.camera.take(key, scene.frame, case.content, source, case.model, case.answer, said)
        if self.plan.faithfulness:
            start = time.perf_counter()
            apart = Case(case.model, scene.frame.copy(), case.question, case.answer, case.content, case.seed)
            fields |= faithfulness(said, apart, self.plan.faithfulness)
            self._time("faithfulness", start, **about)
        return fields, pictures

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
        self._time("read", start, source=sample.source, index=sample.index)
        return scene

    def _time(self, stage: str, start: float, **about: Any) -> None:
        self._timings.append({"stage": stage, "seconds": time.perf_counter() - start, **about})


@dataclass(frozen=True)
class _Scene:
    """A frame image, uint8 [side, side, 3], its place, and the true boxes in native pixels."""

    frame: np.ndarray
    place: Letterbox
    truth: list[Box]


def lost(unit: Unit, plan: Plan, why: str) -> Iterator[Outcome]:
    """The outcomes of a unit that could not be done, failed for one reason."""
    for task, place in unit.todo:
        method = plan.attributors[place]
        able = method.needs <= unit.model.capabilities
        fields = failure(HarnessError(why)) if able else declined(unit.model, method)
        yield Outcome(row_of(task, key_of(task, unit.model, method), fields, plan))


def declined(cls: type[Model], method: Attributor | type[Attributor]) -> Row:
    """The result fields of a sample that a method cannot explain, as the model does not offer what it needs."""
    missing = " and ".join(sorted(method.needs - cls.capabilities))
    return not_applicable(f"{method.name} needs {missing}, which {cls.name} does not offer")


def key_of(task: Task, cls: type[Model], method: Attributor | type[Attributor]) -> Key:
    """What a result is about, as the journal says it."""
    return task.sample.source, task.sample.index, cls.name, task.record.mode, method.name


def seed_of(seed: int, sample: Sample, mode: Mode) -> int:
    """A 32-bit seed of one case, the same for all models and attributors, in any order."""
    name = "\n".join(map(str, (seed, sample.source, sample.index, mode)))
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest(), "big")


def image_id(sample: Sample) -> str:
    """Which rows are about one image: 16 hexadecimal digits that do not give a patient's file name away."""
    return blake2b(f"{sample.source}\n{sample.image}".encode(), digest_size=8).hexdigest()


def row_of(task: Task, key: Key, fields: Row, plan: Plan) -> Row:
    """A journal row from its result fields."""
    sample = task.sample
    measured = {name: fields.get(name) for name in FIELDS} if plan.faithfulness else {}
    return {
        **dict(zip(KEY, key, strict=True)),
        "image": image_id(sample),
        "attribute": sample.attribute,
        "answer": task.record.prediction,
        "truth": _json_boxes(sample.boxes),
        "concept_truth": sample.concept,
        **fields,
        **measured,
    }


def _json_boxes(boxes: Sequence[Box]) -> list[list[float | None]]:
    """Boxes as JSON; an edge that is no number becomes null."""
    return [[float(edge) if np.isfinite(edge) else None for edge in box] for box in boxes]
