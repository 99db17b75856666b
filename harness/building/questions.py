"""Which questions a build asks: of which samples, edited by which editors, and which models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.bench.records import read_records
from harness.building.edits import EditCache
from harness.building.settings import BuildSettings
from harness.contracts.editor import Editor
from harness.contracts.mode import Mode
from harness.contracts.model import Model
from harness.contracts.source import Sample, Source
from harness.defaults import shipping_source
from harness.errors import HarnessError
from harness.participants import Participant, check_there, choose, reason
from harness.registry import Kind, Registry
from harness.run.header import PluginFacts
from harness.run.provenance import describe, environment
from harness.run.select import digest
from harness.run.subset import thin

WORK, EDITS = "work", "edits"  # the folder of the journal, below the output, and that of the edits, below it


@dataclass(frozen=True)
class Question:
    """One sample asked of one model, called by its name, in one mode: what becomes a record."""

    sample: Sample
    model: str
    mode: Mode


@dataclass(frozen=True)
class BuildSelection:
    """What a build asks, and who takes part.

    Attributes
    ----------
    samples
        The samples that are asked about, in the order of the records.
    available
        How many there are before the limit.
    modes
        How each is asked.
    models
        Who is asked.
    sources
        The sources, set up, by name, which samples give.
    editors
        The editor of each source's samples, by the source's name.
    caches
        The edits of each source's samples, likewise; sources with one editor share one cache.
    header
        What the answers depend on, as JSON: the journal's header.
    left_out
        The sources that the data root cannot serve, and why.
    """

    samples: list[Sample]
    available: int
    modes: list[Mode]
    models: list[Participant[Model]]
    sources: dict[str, Source]
    editors: dict[str, Participant[Editor]]
    caches: dict[str, EditCache]
    header: dict[str, Any]
    left_out: dict[str, str]

    @property
    def questions(self) -> list[Question]:
        """Everything to be asked, in the order of the records."""
        return [
            Question(sample, model.label, mode)
            for sample in self.samples
            for model in self.models
            for mode in self.modes
        ]


def select_questions(registry: Registry, settings: BuildSettings) -> BuildSelection:
    """Read the annotations; nothing is loaded or written.

    Raises
    ------
    HarnessError
        For an unknown name, a bad option, and sources without samples.
    """
    asked = _classes(registry, "source", settings.sources)
    candidates = asked or _default_sources(registry, settings.data_root)
    networks = _classes(registry, "model", settings.models)
    override = None if settings.editor is None else _classes(registry, "editor", [settings.editor])[0]
    editing = {source: override or _preferred(registry, source) for source in candidates}
    networks = networks or _default_models(registry, candidates)
    for cls in networks:
        if "generate" not in cls.capabilities:
            raise HarnessError(f"The model {cls.name!r} cannot generate answers; choose another.")
    # Options may be of any source that might take part; which do is known only when they were asked for samples.
    wanted: list[tuple[Kind, str]] = [("model", cls.name) for cls in networks]
    wanted += [("editor", cls.name) for cls in editing.values()] + [("source", cls.name) for cls in candidates]
    chosen = {(one.kind, one.cls): one for one in choose(registry, settings.options, wanted)}
    models = [chosen["model", cls] for cls in networks]
    found, left_out = _all_samples([chosen["source", cls] for cls in candidates], settings.data_root, must=bool(asked))
    samples = {name: rows for name, (_, rows) in found.items()}
    if settings.limit is not None:
        samples = thin(samples, settings.limit)
    taking = [cls for cls in candidates if cls.name in found]
    editors = {cls.name: chosen["editor", editing[cls]] for cls in taking}
    check_there([*models, *editors.values()])
    described = {
        kind: {one.label: describe(registry, one) for one in taken}
        for kind, taken in (
            ("model", models),
            ("editor", {one.label: one for one in editors.values()}.values()),
            ("source", [chosen["source", cls] for cls in taking]),
        )
    }
    taken = [sample for rows in samples.values() for sample in rows]
    header = environment() | settings.header() | {
        "available": {name: len(rows) for name, (_, rows) in found.items()},
        "planned": {name: len(rows) for name, rows in samples.items()},
        "samples": digest({(sample.source, sample.index): sample for sample in taken}),
        "editors": {name: one.label for name, one in editors.items()},
        "plugins": described,
    }  # fmt: skip
    folder = settings.edits if settings.edits is not None else settings.output / WORK / EDITS
    caches = {
        one.label: EditCache(one.load, _identity(one.label, described["editor"][one.label]), folder, settings.seed)
        for one in editors.values()
    }
    return BuildSelection(
        samples=taken,
        available=sum(len(rows) for _, rows in found.values()),
        modes=settings.modes,
        models=models,
        sources={name: source for name, (source, _) in found.items()},
        editors=editors,
        caches={name: caches[one.label] for name, one in editors.items()},
        header=header,
        left_out=left_out,
    )


def _identity(label: str, about: dict[str, Any]) -> dict[str, Any]:
    """What an editor's edits depend on."""
    return {"name": label, **PluginFacts.model_validate(about).identity}


def _classes(registry: Registry, kind: Kind, names: Iterable[str]) -> list[Any]:
    """The classes of these names, each once. Raises ``HarnessError`` for an unknown one, and for a variant."""
    for name in names:
        if "@" in name:
            raise HarnessError(
                f"A build has no variants, since records name a {kind} by its own name: give "
                f"{name.partition('@')[0]!r}, not {name!r}, and its options by -o."
            )
    return _unique(registry.find(kind, name) for name in names)


def _default_sources(registry: Registry, data_root: Path | None) -> list[type[Source]]:
    """Without a data root the source that ships the default benchmark; with one, all that ship none."""
    if data_root is None:
        try:
            return [shipping_source(registry)]
        except HarnessError:
            raise HarnessError(
                "No installed source needs no data: give --data-root DIR, or name a source by --source NAME."
            ) from None
    found = [cls for cls in registry.all("source") if cls.bench is None]
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
    participants: Sequence[Participant[Source]], data_root: Path | None, must: bool
) -> tuple[dict[str, tuple[Source, list[Sample]]], dict[str, str]]:
    """Each source, set up, and its samples, by name; and the sources that the data root cannot serve, and why.

    ``must``: every one was asked for, so that one that cannot be served is an error.
    """
    found: dict[str, tuple[Source, list[Sample]]] = {}
    left_out: dict[str, str] = {}
    for one in participants:
        try:
            source = one.make(data_root)
            found[one.label] = source, _samples(source)
        except HarnessError as error:
            if must:
                raise
            left_out[one.label] = str(error)
    if not found:
        reasons = " ".join(f"{name}: {why}" for name, why in left_out.items())
        raise HarnessError(f"The data root {data_root} serves none of the installed sources. {reasons}")
    return found, left_out


def _samples(source: Source) -> list[Sample]:
    """All of a source's samples. Raises ``HarnessError`` where there are none or they break the contract."""
    try:
        samples = list(source.samples())
    except HarnessError:
        raise
    except Exception as error:
        raise HarnessError(f"The source {source.name!r} failed: {reason(error)}.") from error
    if not samples:
        raise HarnessError(f"The source {source.name!r} has no samples.")
    if {(sample.source, sample.index) for sample in samples} != {(source.name, k) for k in range(len(samples))}:
        raise HarnessError(
            f"The source {source.name!r} breaks its contract: its samples must be called after it and count from 0."
        )
    return samples


def _unique(classes: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(classes))
