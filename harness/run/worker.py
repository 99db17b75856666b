"""Who makes results: a worker explains the records of one image after the other, one model in memory at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any

from harness.contracts.attributor import Attribution, Attributor, missing
from harness.contracts.case import Case, Cost, RecordKey
from harness.contracts.explained import Explained
from harness.contracts.metric import Metric, Need
from harness.contracts.mode import Mode
from harness.contracts.model import Capture, Model
from harness.contracts.observer import Observer
from harness.contracts.source import Sample, Source, read_sample
from harness.errors import HarnessError, NotApplicable, one_line
from harness.imaging.frame import FRAME_SIDE
from harness.imaging.overlap import union_area
from harness.imaging.read import letterbox
from harness.imaging.upsample import Upsampling
from harness.participants import Participant
from harness.run.errors_log import traceback_of
from harness.run.measure import measure
from harness.run.memory import free_memory, out_of_memory, peaks, reset_peaks
from harness.run.no_model import NoModel
from harness.run.noise import noise_of
from harness.run.provenance import environment, weights_of
from harness.run.row import KEY, ResultKey, Row, Status, image_id, true_edges
from harness.run.select import Task, deal
from harness.run.shared_case import Scene, SharedCase, checked, cost_of, notes_of, said_of, seed_everything, truth_of
from harness.run.time_limit import TimeLimit, time_limit
from harness.text import writable


@dataclass(frozen=True)
class Unit:
    """What is to be done about one sample with one model (a label): tasks of its modes, each by an attributor (its
    place in the run). All of it is done by one worker, which so reads the image once."""

    model: str
    todo: list[tuple[Task, int]]


@dataclass(frozen=True)
class Result:
    """One result: its row, the journal's notes of what took how long, the files that observers keep, by their paths
    below the run's folder, what to tell the user, and the traceback of what made the row fail."""

    row: Row
    timings: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    traceback: str | None = None


@dataclass(frozen=True)
class RunJob:
    """What a run has to do, for workers anywhere (:class:`harness.contracts.executor.Job`)."""

    attributors: list[Participant[Attributor]]
    models: list[Participant[Model]]
    metrics: list[Participant[Metric]]
    observers: list[Participant[Observer]]
    sources: dict[str, Source]
    records: list[RecordKey]
    seed: int
    upsampling: Upsampling
    noise: bool
    timeout: float | None = None

    def worker(self) -> RunWorker:
        """A worker. Raises ``HarnessError`` where a method cannot be loaded."""
        return RunWorker(self)

    def facts(self) -> dict[str, Any]:
        """Versions, device and hashes of weights, as JSON."""
        computing: list[Participant[Any]] = [*self.attributors, *(self.models if self.needs_model else ())]
        return environment() | {"weights": {one.label: weights_of(one) for one in computing}}

    def homes(self, units: Sequence[Unit], count: int) -> list[int]:
        """Which of ``count`` workers each unit goes to."""
        places = deal((task for unit in units for task, _ in unit.todo), count)
        return [places[unit.todo[0][0].image] for unit in units]

    def lost(self, unit: Unit, why: str) -> Iterator[Result]:
        """The results of a unit that could not be done, failed for one reason."""
        maker = RowMaker(self, unit.model, {one.label: one.make() for one in self.metrics})
        for task, place in unit.todo:
            yield Result(maker.failed(task, self.attributors[place], None, HarnessError(why)))

    @property
    def needs_model(self) -> bool:
        """Whether anything asks a model something; else none is loaded, and its weights need not be there."""
        asking = any(one.cls.needs or one.cls.captures or one.cls.grounding for one in self.attributors)
        return asking or self.noise or any("model" in one.cls.needs for one in self.metrics)

    @cached_property
    def methods(self) -> list[Attributor]:
        """The attributors, loaded, once in each process. Raises ``HarnessError`` where one cannot be."""
        return [one.load() for one in self.attributors]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "methods"}


class RowMaker:
    """Makes the rows about one model."""

    def __init__(self, job: RunJob, model: str, metrics: dict[str, Metric]) -> None:
        self.metrics, self.sources = metrics, job.sources
        self.model = next(one for one in job.models if one.label == model)

    def failed(
        self, task: Task, one: Participant[Attributor], scene: Scene | None, error: BaseException, **cost: int
    ) -> Row:
        """The row of a result that failed, or is not applicable, as the model's capabilities or the method say."""
        explained, why = truth_of(task.key, one.label, task.sample, scene), one_line(error)
        if reason := lacking(one, self.model) or (why if isinstance(error, NotApplicable) else None):
            return self.row(task, explained, "not_applicable", reason, **cost)
        if isinstance(error, TimeLimit):
            why = str(error)
        if out_of_memory(error):  # whose own text tells how many bytes were free in which process
            why = f"Memory ran out on this sample ({type(error).__name__})."
        return self.row(task, explained, "failed", why, **cost)

    def row(self, task: Task, explained: Explained, status: Status, error: str | None, **said: Any) -> Row:
        """A row: what the method ``said``, what it cost, and its figures."""
        sample, place = task.sample, explained.place
        found = measure(
            {} if status == "not_applicable" else self.metrics, explained, self._offers(task), status == "failed"
        )
        fields: dict[str, Any] = {
            "boxes": [], "peak": None, "map_range": None, "map_values": None, "map_noise": None, "concept": None,
            "concept_scores": None, "token_scores": None, "concept_token_scores": None, "fallback": False,
            "completeness": None, "forward": 0, "backward": 0, **said,
        }  # fmt: skip
        fields["boxes"] = [list(box) for box in fields["boxes"]]
        fields["peak"] = list(fields["peak"]) if fields["peak"] else None
        return Row(
            **ResultKey(*task.key, explained.attributor)._asdict(),
            image=image_id(sample),
            attribute=writable(sample.attribute),
            answer=writable(task.record.prediction),
            truth=true_edges(sample.boxes),
            true_concepts=list(sample.concepts),
            truths={kind: true_edges(boxes) for kind, boxes in self.sources[sample.source].truths(sample).items()},
            status=status,
            error=error,
            size=[place.width, place.height] if place else None,
            metrics=found.metrics,
            unmeasured=found.unmeasured,
            **fields,
        )

    def _offers(self, task: Task) -> set[Need]:
        offers: set[Need] = {"boxes", "map"}
        if "score" in self.model.cls.capabilities:
            offers.add("model")
        if type(self.sources[task.record.dataset]).mask is not Source.mask:
            offers.add("mask")
        return offers


class RunWorker:
    """Does units, one model in memory at a time."""

    def __init__(self, job: RunJob) -> None:
        self.job, self.methods = job, job.methods
        self.metrics = {one.label: one.make() for one in job.metrics}
        self.observers = {one.label: one.make() for one in job.observers}
        for observer in self.observers.values():
            observer.begin(job.records)
        self._model: tuple[str, Model] | None = None
        self._timings: list[dict[str, Any]] = []

    def run(self, unit: Unit, doing: Callable[[str], None] = lambda what: None) -> Iterator[Result]:
        """The results of a unit in its order, each as soon as it is there. ``doing`` hears what runs now.

        A fault of an attributor, or an image that cannot be read, fails that sample alone. Raises ``RunError`` where
        the model does not load.
        """
        maker = RowMaker(self.job, unit.model, self.metrics)
        able = [lacking(one, maker.model) is None for one in self.job.attributors]
        captures = frozenset[Capture]()
        model: Model | None = None
        scene: Scene | Exception | None = None
        if any(able[place] for _, place in unit.todo):
            model = self._loaded(maker.model, doing) if self.job.needs_model else NoModel()
            asked = (method.captures for method, can in zip(self.methods, able, strict=True) if can)
            captures = captures.union(*(own for own in asked if not model.cannot_capture(own)))
            doing(f"{unit.model} · reading an image")
            scene = self._read(unit.todo[0][0])
        shared: dict[Mode, dict[str, Any]] = {task.record.mode: {} for task, _ in unit.todo}
        for task, place in unit.todo:
            one, method, mode = self.job.attributors[place], self.methods[place], task.record.mode
            doing(f"{unit.model} · {mode} · {one.label}")
            files: dict[str, bytes] = {}
            remarks: list[str] = []
            traceback: str | None = None
            answer = task.record.prediction.strip()  # as chat templates do, so that its tokens are those that were said
            if not able[place] or model is None or not isinstance(scene, Scene) or not answer:
                error = scene if isinstance(scene, Exception) else HarnessError("The recorded answer is empty.")
                row, traceback = maker.failed(task, one, None, error), traceback_of(error)
            else:
                case = SharedCase(
                    model=model,
                    image=scene.frame.copy(),
                    question=task.sample.question(mode),
                    answer=answer,
                    content=scene.place.content,
                    seed=seed_of(self.job.seed, task.sample, mode),
                    captures=captures,
                    record=task.key,
                    upsampling=self.job.upsampling,
                    priors=scene.priors,
                    shared=shared[mode],
                    own=method.captures,
                )
                row, explained, remarks, traceback = self._explain(maker, task, one, method, case, scene)
                files, more = self._observe(explained)
                remarks += more
            timings, self._timings = self._timings, []
            yield Result(row, timings, files, remarks, traceback if row.status == "failed" else None)

    def close(self) -> None:
        """Give the model's memory back."""
        self._model = None
        free_memory()

    def _loaded(self, one: Participant[Model], doing: Callable[[str], None]) -> Model:
        if self._model is None or self._model[0] != one.label:
            self.close()
            doing(f"loading {one.label}")
            start = time.perf_counter()
            self._model = one.label, one.load()
            self._time("load", start, model=one.label)
        return self._model[1]

    def _explain(
        self,
        maker: RowMaker,
        task: Task,
        one: Participant[Attributor],
        method: Attributor,
        case: SharedCase,
        scene: Scene,
    ) -> tuple[Row, Explained, list[str], str | None]:
        """Explain one case and measure the explanation; whatever the method does wrong makes it a failed row. Also what
        to tell the user, and the traceback of what went wrong."""
        about = dict(zip(KEY, ResultKey(*task.key, one.label), strict=True))
        # What metrics and observers ask of the model is at nobody's cost.
        apart = Case(case.model, scene.frame.copy(), case.question, case.answer, case.content, case.seed)
        source = self.job.sources[task.record.dataset]
        more = {"case": apart, "redistributable": source.redistributable is True}
        reset_peaks()
        start = time.perf_counter()
        fault: BaseException | None = None
        traceback: str | None = None
        said, cost = dict[str, Any](), dict[str, int]()
        attribution: Attribution | None = None
        try:
            seed_everything(case.seed)
            with time_limit(self.job.timeout):
                attribution = method.attribute(case)
            said, cost = said_of(attribution, case, scene.place), cost_of(case)
        except KeyboardInterrupt:
            raise
        # A plugin that calls sys.exit(), or throws what is no Exception, must not end the run either.
        except BaseException as error:
            traceback = traceback_of(error)
            fault = error.with_traceback(None)  # which would hold the failed passes' tensors
            with suppress(Exception):
                cost = cost_of(case)
        if fault is not None and out_of_memory(fault):
            free_memory()
        self._time("attribute", start, **about, **peaks())
        if fault is not None:
            row = maker.failed(task, one, scene, fault, **cost)
            return row, truth_of(task.key, one.label, task.sample, scene, **more), [], traceback
        remarks = notes_of(attribution, one.label, task.key)
        if self.job.noise and attribution is not None:
            start = time.perf_counter()
            # With nothing of others' in it, so that a map's noise does not hang on who takes part.
            again = replace(case, image=scene.frame.copy(), cost=Cost(), captures=method.captures, shared={})
            said["map_noise"], remark = noise_of(attribution, method, again)
            remarks += [remark] if remark else []
            self._time("noise", start, **about)
        told = {name: said[name] for name in ("boxes", "peak", "concept", "concept_scores")}
        explained = truth_of(task.key, one.label, task.sample, scene, attribution=attribution, **told, **more)
        start = time.perf_counter()
        row = maker.row(task, explained, "ok", None, **said, **cost)
        if any("model" in metric.needs for metric in self.metrics.values()):
            self._time("measure", start, **about)
        return row, explained, remarks, None

    def _observe(self, explained: Explained) -> tuple[dict[str, bytes], list[str]]:
        """The files that observers keep, by path, and what went wrong."""
        files: dict[str, bytes] = {}
        remarks = []
        for label, observer in self.observers.items():
            try:
                kept = {f"{observer.folder}/{name}": bytes(data) for name, data in observer.observe(explained).items()}
                files |= kept
            except (Exception, SystemExit) as error:
                remarks.append(f"The observer {label!r} failed, which harms no result: {one_line(error)}")
        return files, remarks

    def _read(self, task: Task) -> Scene | Exception:
        """The image of a sample in its frame, or what is wrong with it."""
        start = time.perf_counter()
        sample, source = task.sample, self.job.sources[task.record.dataset]
        try:
            image = read_sample(source, sample)
            frame, place = letterbox(image, FRAME_SIDE)
            # What an annotator drew past the edge is no image.
            truth = [box.clip(place.width, place.height) for box in checked(sample.boxes)]
            if not union_area(truth) > 0:
                raise ValueError("the true boxes cover no area")
            masked = any("mask" in metric.needs | metric.wants for metric in self.metrics.values())
            truths = {
                kind: tuple(box.clip(place.width, place.height) for box in checked(boxes))
                for kind, boxes in source.truths(sample).items()
            }
            guesses = source.priors(sample).items()
            priors = {knows: tuple(place.to_frame(box) for box in checked(boxes)) for knows, boxes in guesses}
            scene = Scene(frame, place, truth, truths, priors, source.mask(sample) if masked else None)
        except Exception as error:
            return error
        self._time("read", start, source=sample.source, index=sample.index)
        return scene

    def _time(self, stage: str, start: float, **about: Any) -> None:
        self._timings.append({"stage": stage, "seconds": time.perf_counter() - start, **about})


def lacking(one: Participant[Attributor], model: Participant[Model]) -> str | None:
    """Why a method cannot explain a model, which does not offer what it needs; None where it can."""
    absent = missing(one.cls, model.cls)
    return f"{one.label} needs {' and '.join(absent)}, which {model.label} does not offer" if absent else None


def seed_of(seed: int, sample: Sample, mode: Mode) -> int:
    """A 32-bit seed of one case, the same for all models and attributors, in any order."""
    name = "\n".join(map(str, (seed, sample.source, sample.index, mode)))
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest(), "big")
