"""Which attribution method points at the evidence that a medical vision-language model really used?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names for type checkers, which cannot follow __getattr__
    from harness.api import Evaluation as Evaluation
    from harness.api import Explanations as Explanations
    from harness.api import build as build
    from harness.api import evaluate as evaluate
    from harness.api import explain as explain
    from harness.api import explain_all as explain_all
    from harness.api import load_attributor as load_attributor
    from harness.api import load_model as load_model
    from harness.contracts.attributor import Attribution as Attribution
    from harness.contracts.attributor import Attributor as Attributor
    from harness.contracts.case import Case as Case
    from harness.contracts.case import RecordKey as RecordKey
    from harness.contracts.editor import Editor as Editor
    from harness.contracts.editor import Region as Region
    from harness.contracts.editor import region_mask as region_mask
    from harness.contracts.explained import Explained as Explained
    from harness.contracts.metric import Metric as Metric
    from harness.contracts.metric import Need as Need
    from harness.contracts.model import Capability as Capability
    from harness.contracts.model import Capture as Capture
    from harness.contracts.model import Model as Model
    from harness.contracts.observer import Observer as Observer
    from harness.contracts.observer import file_id as file_id
    from harness.contracts.plugin import NoOptions as NoOptions
    from harness.contracts.source import Sample as Sample
    from harness.contracts.source import Source as Source
    from harness.errors import HarnessError as HarnessError
    from harness.errors import NotApplicable as NotApplicable
    from harness.explaining.explanation import Explanation as Explanation
    from harness.hookspecs import hookimpl as hookimpl
    from harness.imaging.frame import Box as Box
    from harness.registry import Registry as Registry

# Loaded when first used, so that `harness --help` stays fast.
_HOME = {
    "Attribution": "contracts.attributor",
    "Attributor": "contracts.attributor",
    "Box": "imaging.frame",
    "Capability": "contracts.model",
    "Capture": "contracts.model",
    "Case": "contracts.case",
    "Editor": "contracts.editor",
    "Evaluation": "api",
    "Explained": "contracts.explained",
    "Explanation": "explaining.explanation",
    "Explanations": "api",
    "HarnessError": "errors",
    "Metric": "contracts.metric",
    "Model": "contracts.model",
    "Need": "contracts.metric",
    "NoOptions": "contracts.plugin",
    "NotApplicable": "errors",
    "Observer": "contracts.observer",
    "RecordKey": "contracts.case",
    "Region": "contracts.editor",
    "Registry": "registry",
    "Sample": "contracts.source",
    "Source": "contracts.source",
    "build": "api",
    "evaluate": "api",
    "explain": "api",
    "explain_all": "api",
    "file_id": "contracts.observer",
    "hookimpl": "hookspecs",
    "load_attributor": "api",
    "load_model": "api",
    "region_mask": "contracts.editor",
}

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
