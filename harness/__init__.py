"""Which attribution method points at the evidence that a medical vision-language model really used?"""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Loaded when first used, so that `harness --help` stays fast.
_HOME = {
    "Attribution": "attributor", "Attributor": "attributor", "Box": "geometry", "Capability": "model",
    "Capture": "model", "Case": "attributor", "Editor": "editor", "HarnessError": "errors", "Model": "model",
    "NoOptions": "plugin", "Region": "editor", "Registry": "registry", "Sample": "source", "Source": "source",
    "draw": "explain", "evaluate": "runner", "hookimpl": "hookspecs", "region_mask": "editor",
}  # fmt: skip

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"harness.{_HOME[name]}"), name)
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("medground-harness")
        except PackageNotFoundError:  # a checkout on sys.path that was never installed
            return "(not installed)"
    raise AttributeError(f"module 'harness' has no attribute {name!r}")
