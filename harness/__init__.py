"""Which attribution method points at the evidence that a medical vision-language model really used?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names for type checkers, which cannot follow __getattr__
    from harness.api import Evaluation as Evaluation
    from harness.api import build as build
    from harness.api import evaluate as evaluate
    from harness.api import explain as explain
    from harness.api import load_attributor as load_attributor
    from harness.api import load_model as load_model
    from harness.attributor import Attribution as Attribution
    from harness.attributor import Attributor as Attributor
    from harness.attributor import Case as Case
    from harness.editor import Editor as Editor
    from harness.editor import Region as Region
    from harness.editor import region_mask as region_mask
    from harness.errors import HarnessError as HarnessError
    from harness.explanation import Explanation as Explanation
    from harness.explanation import draw as draw
    from harness.geometry import Box as Box
    from harness.hookspecs import hookimpl as hookimpl
    from harness.model import Capability as Capability
    from harness.model import Capture as Capture
    from harness.model import Model as Model
    from harness.plugin import NoOptions as NoOptions
    from harness.registry import Registry as Registry
    from harness.source import Sample as Sample
    from harness.source import Source as Source

# Loaded when first used, so that `harness --help` stays fast.
_HOME = {
    "Attribution": "attributor", "Attributor": "attributor", "Box": "geometry", "Capability": "model",
    "Capture": "model", "Case": "attributor", "Editor": "editor", "Evaluation": "api", "Explanation": "explanation",
    "HarnessError": "errors", "Model": "model", "NoOptions": "plugin", "Region": "editor", "Registry": "registry",
    "Sample": "source", "Source": "source", "build": "api", "draw": "explanation", "evaluate": "api",
    "explain": "api", "hookimpl": "hookspecs", "load_attributor": "api", "load_model": "api", "region_mask": "editor",
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
