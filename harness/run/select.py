"""What a run will do: which records, of which models, about which samples, explained by which attributors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from harness import options as plugin_options
from harness.bench.records import Record, bench_hash, read_records
from harness.contracts.attributor import Attributor
from harness.contracts.model import Model
from harness.contracts.plugin import NoOptions, Plugin
from harness.contracts.source import Mode, Sample, Source
from harness.errors import HarnessError, one_line
from harness.registry import Registry
from harness.run.provenance import describe, environment


@dataclass(frozen=True)
class Task:
    """One record to explain, and the sample that it is about."""

    record: Record
    sample: Sample


@dataclass(frozen=True)
class Plan:
    """All that a run will do. ``tasks`` is grouped by sample; ``header`` is the journal's.

    ``available``: records before the limit. ``absent``: modes asked for that the benchmark has no file of.
    ``notes``: what the sources, and the attributors once set up, would have the user know.
    ``faithfulness``: steps of its curves, 0 for none.
    """

    attributors: list[type[Attributor]]
    tasks: dict[type[Model], list[Task]]
    sources: dict[str, Source]
    options: dict[type[Plugin], NoOptions]
    header: dict[str, Any]
    available: int
    absent: list[Mode]
    notes: list[str]
    faithfulness: int

    @property
    def records(self) -> int:
        """How many records the run explains."""
        return sum(map(len, self.tasks.values()))


def make_plan(
    registry: Registry,
    attributors: Sequence[str],
    models: Sequence[str] | None,
    modes: Sequence[Mode],
    bench: Path | None,
    data_root: Path | None,
    options: Sequence[str],
    limit: int | None,
    seed: int,
    faithful: int = 0,
) -> Plan:
    """Read the records and annotations; nothing is loaded or written. Parameters as in ``runner.evaluate``.

    Raises ``HarnessError`` for an unknown name, a bad option, and records that do not fit the sources.
    """
    if limit is not None and limit < 1:
        raise HarnessError(f"The limit must be at least 1 record, it is {limit}.")
    if not attributors:
        raise HarnessError("No attributor was given; `harness plugins` lists them.")
    if not modes:
        raise HarnessError("No mode was given; the modes are direct and reasoning.")
    methods = _unique(registry.find("attributor", name) for name in attributors)
    folder = bench if bench is not None else default_bench(registry)
    records = read_records(folder, modes)
    absent = [mode for mode in modes if mode not in records]
    groups = _by_model(registry, records, models, folder)
    available = sum(map(len, groups.values()))
    if limit is not None:
        groups = thin(groups, limit)
    datasets = sorted({record.dataset for group in groups.values() for record in group})
    homes = {dataset: registry.find("source", dataset) for dataset in datasets}
    runners = _unique(cls for cls, _ in groups)
    classes: list[type[Plugin]] = [*methods, *runners, *_unique(homes.values())]
    chosen = plugin_options.for_plugins(options, classes)
    made = {cls: make_source(cls, chosen[cls], data_root) for cls in _unique(homes.values())}
    sources = {dataset: made[cls] for dataset, cls in homes.items()}
    samples = _find_samples(sources, groups.values())
    tasks = {model: _tasks(model, groups, samples, folder) for model in runners}
    header = environment() | {
        "seed": seed,
        "limit": limit,
        "modes": list(records),
        "bench": {
            mode: {"sha256": bench_hash(folder, mode), "records": len(rows)} for mode, rows in records.items()
        },
        "planned": _planned(groups, list(records)),
        "available": available,
        "samples": digest(samples),
        "attributors": [cls.name for cls in methods],
        "plugins": {
            kind: {cls.name: describe(registry, cls, chosen[cls]) for cls in found}
            for kind, found in (
                ("attributor", methods),
                ("model", runners),
                ("source", _unique(homes.values())),
            )
        },
    }
    if faithful:
        header["faithfulness"] = faithful
    notes = [note for source in made.values() for note in source.notes()]
    return Plan(methods, tasks, sources, chosen, header, available, absent, notes, faithful)


def make_source(cls: type[Source], chosen: NoOptions, data_root: Path | None) -> Source:
    """A source, ready for use. Raises ``HarnessError`` where it cannot be set up."""
    try:
        return cls(chosen, data_root)
    except HarnessError:
        raise
    except Exception as error:
        raise HarnessError(f"The source {cls.name!r} cannot be set up: {one_line(error)}.") from error


def default_bench(registry: Registry) -> Path:
    """The benchmark that ships with a source. Raises ``HarnessError`` where none or several have one."""
    shipping = [cls for cls in registry.all("source") if cls.bench is not None]
    if len(shipping) == 1:
        return Path(shipping[0].bench)
    if not shipping:
        raise HarnessError("No installed source ships a benchmark; give the folder of one by --bench.")
    names = ", ".join(cls.name for cls in shipping)
    raise HarnessError(f"Several sources ship a benchmark ({names}); give the folder of one by --bench.")


Groups = dict[tuple[type[Model], Mode], list[Record]]
Name = TypeVar("Name")
Row = TypeVar("Row")


def _by_model(
    registry: Registry, records: dict[Mode, list[Record]], names: Sequence[str] | None, folder: Path
) -> Groups:
    """The records of each model asked for (all that the records name, where none) and mode, in their
    order."""
    present = dict.fromkeys(record.model for rows in records.values() for record in rows)
    if not present:
        raise HarnessError(f"The benchmark {folder} holds no records in the mode {' or '.join(records)}.")
    classes = _unique(registry.find("model", name) for name in (names or present))
    groups: Groups = {}
    for cls in classes:
        called = {cls.name, *cls.aliases}
        for mode, rows in records.items():
            groups[cls, mode] = [record for record in rows if record.model in called]
        if not any(groups[cls, mode] for mode in records):
            raise HarnessError(
                f"The benchmark {folder} holds no records of the model {cls.name!r}; "
                f"it has those of {', '.join(present)}."
            )
    return groups


def thin(groups: dict[Name, list[Row]], limit: int) -> dict[Name, list[Row]]:
    """``limit`` rows in all: as many from each group as from any other, evenly spaced in each.

    A group too small for its share gives all it has, and the larger ones make up for it.
    """
    left, out = limit, dict(groups)
    for done, key in enumerate(sorted(groups, key=lambda key: len(groups[key]))):
        rows = groups[key]
        take = min(len(rows), left // (len(groups) - done))
        left -= take
        out[key] = [rows[(2 * i + 1) * len(rows) // (2 * take)] for i in range(take)]
    return out


def _find_samples(
    sources: dict[str, Source], groups: Iterable[Sequence[Record]]
) -> dict[tuple[str, int], Sample]:
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


def _tasks(
    model: type[Model], groups: Groups, samples: dict[tuple[str, int], Sample], folder: Path
) -> list[Task]:
    """A model's tasks by sample, so that both modes of a sample follow each other."""
    tasks: dict[tuple[str, int, Mode], Task] = {}
    for (cls, mode), records in groups.items():
        for record in records if cls is model else ():
            sample = samples[record.dataset, record.index]
            key = (sample.source, sample.index, mode)
            if key in tasks:
                raise HarnessError(
                    f"The benchmark {folder} has two {mode} records of sample {sample.index} of "
                    f"{sample.source!r} for the model {model.name!r}, under {record.model!r} and "
                    f"{tasks[key].record.model!r}; remove one."
                )
            tasks[key] = Task(record, sample)
    order = {mode: place for place, (_, mode) in enumerate(groups)}
    return [tasks[key] for key in sorted(tasks, key=lambda key: (key[0], key[1], order[key[2]]))]


def _planned(groups: Groups, modes: Sequence[Mode]) -> dict[str, dict[str, int]]:
    """How many records of each model a run explains, by mode."""
    return {
        mode: {cls.name: len(rows) for (cls, group), rows in groups.items() if group == mode}
        for mode in modes
    }


def digest(samples: dict[tuple[str, int], Sample]) -> str:
    """SHA-256 of what the sources say about the samples in use."""
    rows = [
        [dataset, index, s.image, s.attribute, [list(box) for box in s.boxes], s.answer, s.concept]
        for (dataset, index), s in sorted(samples.items())
    ]
    return sha256(json.dumps(rows).encode()).hexdigest()


def _unique(classes: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(classes))
