"""A plugin's options as JSON, and back."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from harness.contracts.plugin import NoOptions, Plugin


def option_values(cls: type[Plugin], options: NoOptions) -> dict[str, Any]:
    """A plugin's options as JSON."""
    values = options.model_dump(mode="json")
    for field, value in options:
        if isinstance(value, Path):
            values[field] = shipped(cls, value)
    return values


def unshipped(cls: type[Plugin], values: Mapping[str, Any]) -> dict[str, Any]:
    """Options as :func:`option_values` gives them, with the folder of files that lie beside the plugin."""
    root = _root(cls)
    found = dict(values)
    for name, info in cls.Options.model_fields.items():
        value = found.get(name)
        if Path in (info.annotation, *get_args(info.annotation)) and isinstance(value, str):
            inside = root / value if root is not None else Path(value)
            found[name] = inside if inside.exists() else Path(value)
    return found


def shipped(cls: type[Plugin], path: Path) -> str:
    """A path as text; one that lies beside the plugin without the folder it is installed in."""
    root = _root(cls)
    return path.relative_to(root).as_posix() if root is not None and path.is_relative_to(root) else str(path)


def _root(cls: type[Plugin]) -> Path | None:
    """The folder that a plugin's top-level package is installed in."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    return None if file is None else Path(file).parents[cls.__module__.count(".")]
