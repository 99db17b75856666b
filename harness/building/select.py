"""What a build will do: which samples, edited by which editors, asked of which models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from harness import options as plugin_options
from harness.bench.records import read_records
from harness.building.edits import EditCache
from harness.contracts.editor import Editor
from harness.contracts.mode import Mode
from harness.contracts.model import Model
from harness.contracts.plugin import NoOptions, Plugin
from harness.contracts.source import Sample, Source
from harness.errors import HarnessError, one_line
from harness.participants import Participant, load, set_up
from harness.registry import Kind, Registry
from harness.run.provenance import describe, environment
from harness.run.select import digest, thin


@dataclass(frozen=True)
class Question:
    """One sample asked of one model in one mode: what becomes a record."""

    sample: Sample
    model: type[Model]
    mode: Mode


@dataclass(frozen=True)
class BuildPlan:
    """All that a build will do. ``header`` is the journal's.

    ``sources``, ``editors`` and ``caches`` go by the samples' source. ``available``: samples before the limit.
    ``left_out``: sources that the data root cannot serve, and why.
    """

    samples: list[Sample]
    models: list[type[Model]]
    modes: list[Mode]
    sources: dict[str, Source]
    editors: dict[str, type[Editor]]
    caches: dict[str, EditCache]
    options: dict[type[Plugin], NoOptions]
    header: dict[str, Any]
    available: int
    left_out: dict[str, str]

    @property
    def questions(self) -> list[Question]:
        """Everything to be asked, in the order of the records."""
        return [
            Question(sample, model, mode)
            for sample in self.samples
            for model in self.models
            for mode in self.modes
        ]


def make_plan(
    registry: Registry,
    sources: Sequence[str],
    editor: str | None,
    models: Sequence[str],
    modes: Sequence[Mode],
    data_root: Path | None,
    options: Sequence[str],
    limit: int | None,
    seed: int,
    cache: Path,
) -> BuildPlan:
    """Read the annotations; nothing is loaded or written. Parameters as in ``building.loop.build``.

    Raises ``HarnessError`` for an unknown name, a bad option, and sources without samples.
    """
    if limit is not None and limit < 1:
        raise HarnessError(f"The limit must be at least 1 sample, it is {limit}.")
    if not modes:
        raise HarnessError("No mode was given; the modes are direct and reasoning.")
    asked = _unique(registry.find("source", name) for name in sources)
    candidates = asked or _default_sources(registry, data_root)
    override = registry.find("editor", editor) if editor is not None else None
    networks = _unique(registry.find("model", name) for name in models)
    # Options may be of any source that might take part; which do is known only when they were asked for samples.
    editing = _unique(override or _preferred(registry, cls) for cls in candidates)
    networks = networks or _default_models(registry, candidates)
    for cls in networks:
        if "generate" not in cls.capabilities:
            raise HarnessError(f"The model {cls.name!r} cannot generate answers; choose another.")
    chosen = plugin_options.for_plugins(options, [*networks, *editing, *candidates])
    found, left_out = _all_samples(candidates, chosen, data_root, must=bool(asked))
    made = {cls: source for cls, (source, _) in found.items()}
    samples = {cls.name: rows for cls, (_, rows) in found.items()}
    available = sum(map(len, samples.values()))
    if limit is not None:
        samples = thin(samples, limit)

    def described(kind: Kind, cls: type[Plugin]) -> dict[str, Any]:
        return describe(registry, Participant(kind, cls.name, cls, chosen[cls]))

    editors = {cls.name: override or _preferred(registry, cls) for cls in made}
    identities = {
        cls: {"name": cls.name, **described("editor", cls)} for cls in _unique(editors.values())
    }
    taken = [sample for rows in samples.values() for sample in rows]
    header = environment() | {
        "seed": seed,
        "limit": limit,
        "modes": list(modes),
        "available": {cls.name: len(rows) for cls, (_, rows) in found.items()},
        "planned": {name: len(rows) for name, rows in samples.items()},
        "samples": digest({(sample.source, sample.index): sample for sample in taken}),
        "editors": {name: cls.name for name, cls in editors.items()},
        "plugins": {
            kind: {cls.name: described(kind, cls) for cls in classes}
            for kind, classes in (("model", networks), ("editor", list(identities)), ("source", list(made)))
        },
    }
    caches = {
        cls: EditCache(partial(load, cls, chosen[cls], "editor"), identity, cache, seed)
        for cls, identity in identities.items()
    }
    return BuildPlan(
        samples=taken,
        models=networks,
        modes=list(modes),
        sources={cls.name: source for cls, source in made.items()},
        editors=editors,
        caches={name: caches[cls] for name, cls in editors.items()},
        options=chosen,
        header=header,
        available=available,
        left_out=left_out,
    )


def _default_sources(registry: Registry, data_root: Path | None) -> list[type[Source]]:
    """Without a data root the sources that need none, as they ship a benchmark; with one, all the others."""
    found = [cls for cls in registry.all("source") if (cls.bench is None) == (data_root is not None)]
    if not found and data_root is None:
        raise HarnessError(
            "No installed source needs no data: give --data-root DIR, or name a source by --source NAME."
        )
    if not found:
        raise HarnessError("No installed source reads a data root; name a source by --source NAME.")
    return found


def _preferred(registry: Registry, source: type[Source]) -> type[Editor]:
    """The editor that a source states. Raises ``HarnessError`` where it states none."""
    if source.editor is None:
        names = ", ".join(cls.name for cls in registry.all("editor")) or "none"
        raise HarnessError(
            f"The source {source.name!r} prefers no editor; say which by --editor NAME; installed: {names}."
        )
    found: type[Editor] = registry.find("editor", source.editor)
    return found


def _default_models(registry: Registry, sources: Sequence[type[Source]]) -> list[type[Model]]:
    """The models that the sources' own benchmarks are about. Raises ``HarnessError`` where one ships none."""
    if any(cls.bench is None for cls in sources):
        names = ", ".join(cls.name for cls in registry.all("model")) or "none"
        raise HarnessError(f"Say which models to ask by --model NAME; installed: {names}.")
    shipped = [read_records(cls.bench) for cls in sources if cls.bench is not None]
    records = [record for modes in shipped for rows in modes.values() for record in rows]
    return _unique(registry.find("model", record.model) for record in records)


def _all_samples(
    classes: Sequence[type[Source]],
    options: dict[type[Plugin], NoOptions],
    data_root: Path | None,
    must: bool,
) -> tuple[dict[type[Source], tuple[Source, list[Sample]]], dict[str, str]]:
    """Each source and its samples; and, unless all ``must`` serve, the sources that cannot, and why."""
    found: dict[type[Source], tuple[Source, list[Sample]]] = {}
    left_out: dict[str, str] = {}
    for cls in classes:
        try:
            source = set_up("source", cls, options[cls], data_root)
            found[cls] = source, _samples(source)
        except HarnessError as error:
            if must:
                raise
            left_out[cls.name] = str(error)
    if not found:
        reasons = " ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise HarnessError(f"The data root {data_root} serves none of the installed sources. {reasons}")
    return found, left_out


def _samples(source: Source) -> list[Sample]:
    """All of a source's samples. Raises ``HarnessError`` where there are none or they break the contract."""
    try:
        samples = list(source.samples())
    except HarnessError:
        raise
    except Exception as error:
        raise HarnessError(f"The source {source.name!r} failed: {one_line(error)}") from error
    if not samples:
        raise HarnessError(f"The source {source.name!r} has no samples.")
    if {(sample.source, sample.index) for sample in samples} != {(source.name, k) for k in range(len(samples))}:
        raise HarnessError(
            f"The source {source.name!r} breaks its contract: its samples must be called after it and count from 0."
        )
    return samples


def _unique(classes: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(classes))
