"""What the results of a run depend on besides the benchmark: versions, device, plugins and their options."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness.plugin import NoOptions, Plugin
from harness.registry import Registry


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


def describe(registry: Registry, cls: type[Plugin], options: NoOptions) -> dict[str, Any]:
    """Where a plugin comes from and how it is set, as JSON."""
    origin = registry.origin(cls)
    values = options.model_dump(mode="json")
    for field, value in options:
        if isinstance(value, Path):
            values[field] = shipped(cls, value)
    return {
        "distribution": origin.distribution,
        "version": origin.version,
        "module": origin.module,
        "options": values,
    }


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
