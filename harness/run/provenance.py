"""What the results of a run depend on besides the benchmark: versions, device, plugins and their options."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness.bench.records import bench_hash
from harness.contracts.metric import Metric
from harness.contracts.plugin import NoOptions, Plugin
from harness.errors import HarnessError
from harness.participants import Participant, reason
from harness.registry import Registry
from harness.run.header import FORMAT, Header
from harness.run.select import Selection, digest
from harness.run.settings import RunSettings
from harness.run.weights import identities


def environment() -> dict[str, Any]:
    """Versions of the harness and what it computes with (null where not installed), and the device."""
    return {
        "harness": _version("medground-harness"),
        "python": platform.python_version(),
        "numpy": _version("numpy"),
        "torch": _version("torch"),
        "transformers": _version("transformers"),
        "device": _device(),
    }


def header_of(
    registry: Registry, settings: RunSettings, selection: Selection, notes: Mapping[str, list[str]]
) -> Header:
    """The header of a run's journal. ``notes``: those of the attributors, once they are loaded, by their labels.

    Raises ``HarnessError`` where a plugin cannot say what it computes with.
    """
    samples = {(task.record.dataset, task.sample.index): task.sample for task in selection.every_task}
    described = {
        kind: {one.label: describe(registry, one) for one in found}
        for kind, found in (
            ("attributor", selection.attributors),
            ("model", selection.models),
            ("source", selection.source_plugins),
        )
    }
    for label, said in notes.items():
        if said:
            described["attributor"][label]["notes"] = said
    line = settings.header() | {
        "format": FORMAT,
        **environment(),
        "limit": settings.records,
        "attributors": [one.label for one in selection.attributors],
        "bench": {
            mode: {"sha256": bench_hash(selection.bench, mode), "records": len(rows)}
            for mode, rows in selection.records.items()
        },
        "planned": selection.planned,
        "available": selection.available,
        "samples": digest(samples),
        "plugins": described,
        "metrics": {one.label: describe_metric(registry, one) for one in selection.metrics},
    }
    try:
        return Header.read(line)
    except ValueError as error:
        raise HarnessError(f"A plugin says of itself what cannot stand in a journal: {error}.") from error


def describe_metric(registry: Registry, one: Participant[Metric]) -> dict[str, Any]:
    """A metric, as :func:`describe` does, with what boards say of it."""
    cls, (_, at, variant) = one.cls, one.label.partition("@")
    return describe(registry, one) | {
        "title": f"{cls.title} {at}{variant}".strip(),
        "legend": cls.legend,
        "higher_is_better": cls.higher_is_better,
        "worst": float(cls.worst),
        "percent": cls.percent,
        "needs": sorted(cls.needs),
    }


def describe(registry: Registry, one: Participant[Any]) -> dict[str, Any]:
    """Where a plugin comes from, how it is set and, where it has any, which weights it computes with, as JSON."""
    origin = registry.origin(one.cls)
    about = {
        "distribution": origin.distribution,
        "version": origin.version,
        "module": origin.module,
        "options": option_values(one.cls, one.options),
    }
    # A source's data are in the digest of its samples.
    weights = {} if one.kind == "source" else weights_of(one)
    about |= {"weights": weights} if weights else {}
    apart = {"same_as": one.cls.same_as, "control": one.cls.control is True} if one.kind == "attributor" else {}
    return about | apart


def option_values(cls: type[Plugin], options: NoOptions) -> dict[str, Any]:
    """A plugin's options as JSON."""
    values = options.model_dump(mode="json")
    for field, value in options:
        if isinstance(value, Path):
            values[field] = shipped(cls, value)
    return values


def weights_of(one: Participant[Any]) -> dict[str, str | None]:
    """What identifies the weights and data files that a plugin computes with, by their names."""
    try:
        files = [Path(path) for path in one.make().files()]
    except HarnessError:
        raise
    except Exception as error:
        raise HarnessError(f"The {one.kind} {one.label!r} cannot say which files it uses: {reason(error)}.") from error
    return identities(files)


def shipped(cls: type[Plugin], path: Path) -> str:
    """A path as text; one that lies beside the plugin without the folder it is installed in."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if file is not None:
        root = Path(file).parents[cls.__module__.count(".")]
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return str(path)


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _device() -> str:
    try:
        import torch
    except ImportError:
        return "cpu"
    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else "cpu"
