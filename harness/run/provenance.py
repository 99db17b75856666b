"""What the results of a run depend on besides the benchmark: versions, device, plugins and their options."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness.contracts.plugin import NoOptions, Plugin
from harness.contracts.source import Source
from harness.errors import HarnessError, one_line
from harness.registry import Registry
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


def describe(registry: Registry, cls: type[Plugin], options: NoOptions) -> dict[str, Any]:
    """Where a plugin comes from, how it is set and, where it has any, which weights it computes with, as JSON."""
    origin = registry.origin(cls)
    about = {
        "distribution": origin.distribution,
        "version": origin.version,
        "module": origin.module,
        "options": option_values(cls, options),
    }
    # A source's data are in the digest of its samples.
    weights = {} if issubclass(cls, Source) else weights_of(cls, options)
    return about | ({"weights": weights} if weights else {})


def option_values(cls: type[Plugin], options: NoOptions) -> dict[str, Any]:
    """A plugin's options as JSON."""
    values = options.model_dump(mode="json")
    for field, value in options:
        if isinstance(value, Path):
            values[field] = shipped(cls, value)
    return values


def weights_of(cls: type[Plugin], options: NoOptions) -> dict[str, str | None]:
    """What identifies the weights and data files that a plugin computes with, by their names."""
    try:
        files = [Path(path) for path in cls(options).files()]
    except HarnessError:
        raise
    except Exception as error:
        raise HarnessError(f"The plugin {cls.name!r} cannot say which files it uses: {one_line(error)}.") from error
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
