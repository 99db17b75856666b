"""What the results of a run depend on besides the benchmark: versions, device, plugins and their options."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness.bench.records import bench_hash
from harness.contracts.metric import Metric
from harness.contracts.plugin import is_neutral
from harness.errors import HarnessError
from harness.participants import Participant, reason
from harness.registry import Registry
from harness.run.code import code_of
from harness.run.header import FORMAT, Header
from harness.run.options_json import option_values
from harness.run.select import Selection, digest
from harness.run.settings import RunSettings
from harness.run.weights import identities

SCORING = 1  # raised with every change of the harness that changes a figure; tests/test_scoring.py watches


def environment() -> dict[str, Any]:
    """Versions of the harness and what it computes with (null where not installed), and the device."""
    return {
        "harness": _version("medground-harness"),
        "python": platform.python_version(),
        "numpy": _version("numpy"),
        "scipy": _version("scipy"),
        "pillow": _version("pillow"),
        "scikit_image": _version("scikit-image"),
        "torch": _version("torch"),
        "transformers": _version("transformers"),
        "device": _device(),
    }


def header_of(
    registry: Registry,
    settings: RunSettings,
    selection: Selection,
    notes: Mapping[str, list[str]],
    needs_model: bool = True,
) -> Header:
    """The header of a run's journal. ``notes``: those of the attributors, once they are loaded, by their labels.

    Where nobody ``needs_model``, nothing is said of the models' weights, which need not be there.

    Raises ``HarnessError`` where a plugin cannot say what it computes with.
    """
    samples = {(task.record.dataset, task.sample.index): task.sample for task in selection.every_task}
    described = {
        kind: {one.label: describe(registry, one, kind != "model" or needs_model) for one in found}
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
        "scoring": SCORING,
        **environment(),
        "limit": selection.limit,
        "named": selection.named,
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


def describe(registry: Registry, one: Participant[Any], with_files: bool = True) -> dict[str, Any]:
    """Where a plugin comes from, how it is set and, where it has any, which weights it computes with, as JSON."""
    origin = registry.origin(one.cls)
    about: dict[str, Any] = {
        "distribution": origin.distribution,
        "version": origin.version,
        "module": origin.module,
        "code": code_of(one.cls),
        "options": option_values(one.cls, one.options),
    }
    # A source's data are in the digest of its samples.
    weights = {} if one.kind == "source" or not with_files else weights_of(one)
    about |= {"weights": weights} if weights else {}
    if neutral := [name for name, info in one.cls.Options.model_fields.items() if is_neutral(info)]:
        about["neutral"] = neutral
    apart = {"same_as": one.cls.same_as, "control": one.cls.control is True} if one.kind == "attributor" else {}
    return about | apart


def weights_of(one: Participant[Any]) -> dict[str, str | None]:
    """What identifies the weights and data files that a plugin computes with, by their names."""
    try:
        files = [Path(path) for path in one.make().files()]
    except HarnessError:
        raise
    except Exception as error:
        raise HarnessError(f"The {one.kind} {one.label!r} cannot say which files it uses: {reason(error)}.") from error
    # A path among the options counts by what lies there.
    given = [value for _, value in one.options if isinstance(value, Path)]
    return identities([*files, *(path for path in given if not any(file.is_relative_to(path) for file in files))])


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
