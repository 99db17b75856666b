"""Which records a run explains, and why these."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.bench.records import Record, read_records
from harness.contracts.attributor import Attributor
from harness.contracts.case import RecordKey
from harness.contracts.executor import Executor
from harness.contracts.metric import Metric
from harness.contracts.mode import MODES, Mode
from harness.contracts.model import Model
from harness.contracts.observer import Observer
from harness.contracts.plugin import Plugin
from harness.contracts.source import Sample, Source
from harness.defaults import bench_folder
from harness.errors import HarnessError, one_line
from harness.participants import Participant, choose, labelled
from harness.registry import Kind, Registry
from harness.run.before import Before
from harness.run.row import MOST_BOXES
from harness.run.settings import RunSettings
from harness.run.subset import covering, thin


@dataclass(frozen=True)
class Task:
    """One record to explain, the sample that it is about, and the label of its model in the run."""

    record: Record
    sample: Sample
    model: str

    @property
    def key(self) -> RecordKey:
        """Which record it is, as rows name it."""
        return RecordKey(self.sample.source, self.sample.index, self.model, self.record.mode)

    @property
    def image(self) -> tuple[str, str]:
        """Which image it is about: source and image name."""
        return self.sample.source, self.sample.image


@dataclass(frozen=True)
class Selection:
    """The records that a run explains, who takes part, and why these records.

    ``records``: all of the folder ``bench``, by the modes that were asked for and are there; ``absent``: the modes that
    it has no file of. ``tasks``: what is explained, by the model's label and then by sample, so that both modes of a
    sample follow each other; ``planned``: how many that are, by mode and model; ``available``: how many there are
    before the ``limit``; ``named``: the records that were asked for by name. ``sources``: set up, by the data set that
    records name; ``notes``: what they would have the user know.
    """

    bench: Path
    records: dict[Mode, list[Record]]
    tasks: dict[str, list[Task]]
    planned: dict[Mode, dict[str, int]]
    available: int
    limit: int | None
    named: list[str]
    absent: list[Mode]
    sources: dict[str, Source]
    notes: list[str]
    attributors: list[Participant[Attributor]]
    models: list[Participant[Model]]
    metrics: list[Participant[Metric]]
    observers: list[Participant[Observer]]
    executor: Participant[Executor]
    source_plugins: list[Participant[Source]]

    @property
    def every_task(self) -> list[Task]:
        """All tasks, model after model."""
        return [task for tasks in self.tasks.values() for task in tasks]


def select(registry: Registry, settings: RunSettings, before: Before | None = None) -> Selection:
    """Read the records and annotations; nothing is loaded or written.

    ``before``: the run that is in the output folder. It is taken up: what took part in it takes part, and what it
    explained is explained.

    Raises
    ------
    HarnessError
        For an unknown name, a bad option, and records that do not fit the sources.
    """
    before = before or Before()
    if not (settings.attributors or before.labels("attributor")):
        installed = ", ".join(cls.name for cls in registry.all("attributor")) or "none"
        raise HarnessError(f"Say which method to rate by --attributor NAME; installed: {installed}.")
    bench = bench_folder(registry, settings.bench)
    before.check_bench(bench)
    records = read_records(bench, [mode for mode in MODES if mode in {*settings.modes, *before.modes}])
    methods = [labelled(registry, "attributor", name)[0] for name in settings.attributors]
    wanted: list[tuple[Kind, str]] = [("attributor", name) for name in (*before.labels("attributor"), *methods)]
    names = [*before.labels("model"), *(settings.models or _models_of(records, bench))]
    models = dict(labelled(registry, "model", name) for name in names)
    groups = _by_model(models, records, bench)
    available = sum(map(len, groups.values()))
    groups, limit, named = _subset(groups, settings, before)
    datasets = sorted({record.dataset for group in groups.values() for record in group})
    homes = {dataset: registry.find("source", dataset) for dataset in datasets}
    wanted += [("model", label) for label in models] + [("source", cls.name) for cls in homes.values()]
    wanted += [("metric", cls.name) for cls in registry.defaults("metric")]
    wanted += [("metric", name) for name in (*before.labels("metric"), *settings.metrics)]
    asked = {cls.name: cls.asked(settings) for cls in registry.all("observer")}
    wanted += [("observer", name) for name, options in asked.items() if options is not None]
    wanted += [("observer", name) for name in settings.observers]
    wanted.append(("executor", settings.executor or registry.default("executor").name))
    implied = [f"{name}.{field}={value}" for name, options in asked.items() for field, value in (options or {}).items()]
    chosen = choose(registry, [*implied, *settings.options], wanted, before.options(registry, settings))

    def of(kind: Kind) -> list[Participant[Any]]:
        return [one for one in chosen if one.kind == kind]

    made = {one.cls: one.make(settings.data_root) for one in of("source")}
    sources = {dataset: made[cls] for dataset, cls in homes.items()}
    samples = _find_samples(sources, groups.values())
    return Selection(
        bench=bench,
        records=records,
        tasks={one.label: _tasks(one.label, groups, samples, bench) for one in of("model")},
        planned={
            mode: {label: len(rows) for (label, group), rows in groups.items() if group == mode} for mode in records
        },
        available=available,
        limit=limit,
        named=named,
        absent=[mode for mode in settings.modes if mode not in records],
        sources=sources,
        notes=[note for source in made.values() for note in source.notes()],
        attributors=of("attributor"),
        models=of("model"),
        metrics=of("metric"),
        observers=of("observer"),
        executor=of("executor")[0],
        source_plugins=of("source"),
    )


Groups = dict[tuple[str, Mode], list[Record]]


def _models_of(records: dict[Mode, list[Record]], bench: Path) -> list[str]:
    """The models that the records are about, in the records' order."""
    present = list(dict.fromkeys(record.model for rows in records.values() for record in rows))
    if not present:
        raise HarnessError(f"The benchmark {bench} holds no records in the mode {' or '.join(records)}.")
    return present


def _by_model(models: Mapping[str, type[Plugin]], records: dict[Mode, list[Record]], bench: Path) -> Groups:
    """The records of each model, by its label, and mode, in their order. A variant has its model's records."""
    groups: Groups = {}
    for label, cls in models.items():
        called = {cls.name, *cls.aliases}
        for mode, rows in records.items():
            groups[label, mode] = [record for record in rows if record.model in called]
        if not any(groups[label, mode] for mode in records):
            raise HarnessError(
                f"The benchmark {bench} holds no records of the model {cls.name!r}; it has those of "
                f"{', '.join(_models_of(records, bench))}. `harness build --model {cls.name} --output DIR` makes some, "
                "and --bench DIR takes them."
            )
    return groups


def _subset(groups: Groups, settings: RunSettings, before: Before) -> tuple[Groups, int | None, list[str]]:
    """What is explained of each model's records, the limit that says so, and the records asked for by name.

    What a run explained before is always among it. Raises ``HarnessError`` for a record that there is not.
    """
    named = list(dict.fromkeys([*(before.header.named if before.header else ()), *settings.records]))
    if named:
        return _named(groups, named), None, named
    limit = settings.at_most
    if limit is None or (before.header is not None and before.header.limit is None):
        return groups, None, []
    if before.header is not None:
        limit = max(limit, before.header.limit or 0)
    limit = covering({name: len(rows) for name, rows in groups.items()}, before.planned, limit)
    return thin(groups, limit), limit, []


def _named(groups: Groups, named: Sequence[str]) -> Groups:
    """The records of these samples, each given as SOURCE:INDEX."""
    there = {f"{record.dataset}:{record.index}" for records in groups.values() for record in records}
    for one in named:
        if one not in there:
            raise HarnessError(
                f"The benchmark has no record {one!r} of these models and modes; records are given as SOURCE:INDEX, as "
                f"in {min(there, default='phantom:12')}."
            )
    return {
        name: [record for record in records if f"{record.dataset}:{record.index}" in named]
        for name, records in groups.items()
    }


def _find_samples(sources: dict[str, Source], groups: Iterable[Sequence[Record]]) -> dict[tuple[str, int], Sample]:
    """The samples that the records are about; each source is gone through once, as far as needed."""
    needed: dict[str, set[int]] = {dataset: set() for dataset in sources}
    for records in groups:
        for record in records:
            needed[record.dataset].add(record.index)
    found: dict[tuple[str, int], Sample] = {}
    for dataset, indices in needed.items():
        missing = set(indices)
        try:
            for sample in sources[dataset].samples():
                if sample.index in missing:
                    missing.remove(sample.index)
                    if len(sample.boxes) > MOST_BOXES:
                        raise HarnessError(
                            f"Sample {sample.index} of {dataset!r} has {len(sample.boxes)} true boxes, and a journal "
                            f"holds at most {MOST_BOXES}; join them where they overlap."
                        )
                    found[dataset, sample.index] = sample
                if not missing:
                    break
        except HarnessError:
            raise
        except Exception as error:
            raise HarnessError(f"The source {dataset!r} failed: {one_line(error)}") from error
        if missing:
            raise HarnessError(
                f"The source {dataset!r} has no sample {min(missing)} ({len(missing)} are missing), which "
                "the records refer to; its annotations are not those that the benchmark was built from."
            )
    return found


def _tasks(model: str, groups: Groups, samples: dict[tuple[str, int], Sample], bench: Path) -> list[Task]:
    """A model's tasks by sample, so that both modes of a sample follow each other."""
    tasks: dict[tuple[str, int, Mode], Task] = {}
    for (label, mode), records in groups.items():
        for record in records if label == model else ():
            sample = samples[record.dataset, record.index]
            key = (sample.source, sample.index, mode)
            if key in tasks:
                raise HarnessError(
                    f"The benchmark {bench} has two {mode} records of sample {sample.index} of "
                    f"{sample.source!r} for the model {model!r}, under {record.model!r} and "
                    f"{tasks[key].record.model!r}; remove one."
                )
            tasks[key] = Task(record, sample, model)
    order = {mode: place for place, (_, mode) in enumerate(groups)}
    return [tasks[key] for key in sorted(tasks, key=lambda key: (key[0], key[1], order[key[2]]))]


def deal(tasks: Iterable[Task], count: int) -> dict[tuple[str, str], int]:
    """Which of ``count`` places each image goes to, 0 and up: by turns, in the order of the samples.

    It depends on the tasks alone, not on their order.
    """
    ordered = sorted(tasks, key=lambda task: (task.sample.source, task.sample.index))
    return {image: place % count for place, image in enumerate(dict.fromkeys(task.image for task in ordered))}


def digest(samples: dict[tuple[str, int], Sample]) -> str:
    """SHA-256 of what the sources say about the samples in use."""
    rows = [
        [
            dataset,
            index,
            s.image,
            s.attribute,
            [list(box) for box in s.boxes],
            s.answer,
            [*s.concepts],
            {kind: [list(box) for box in boxes] for kind, boxes in sorted(s.truths.items())},
        ]
        for (dataset, index), s in sorted(samples.items())
    ]
    return sha256(json.dumps(rows).encode()).hexdigest()
