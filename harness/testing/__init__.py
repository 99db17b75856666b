"""The conformance kit: call a check from your plugin's tests, or ``harness plugins check NAME`` in a shell.

    from harness.testing import check_attributor

    def test_conforms() -> None:
        check_attributor(MyMethod())

There is one for each kind of plugin. The kit needs numpy and no torch. Its model, :class:`RegionModel`, is a formula
whose answers depend on one rectangle that you choose, which makes it an oracle for tests of your own:
``make_case(RegionModel(box), image)``.
"""

from __future__ import annotations

from harness.testing.attributors import check_attributor
from harness.testing.check import ConformanceError
from harness.testing.editors import check_editor
from harness.testing.executors import check_executor
from harness.testing.metrics import check_metric
from harness.testing.models import check_model
from harness.testing.observers import check_observer
from harness.testing.region import RegionModel, make_case
from harness.testing.sources import check_source

__all__ = [
    "ConformanceError", "RegionModel", "check_attributor", "check_editor", "check_executor", "check_metric",
    "check_model", "check_observer", "check_source", "make_case",
]  # fmt: skip
