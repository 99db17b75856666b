"""The conformance kit: each check is failed by a plugin that is wrong in that way, and by no other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import wrong_attributors
import wrong_editors
import wrong_executors
import wrong_imports
import wrong_metrics
import wrong_models
import wrong_observers
import wrong_on_images
import wrong_sources

from harness.contracts.attributor import Attributor
from harness.registry import KINDS
from harness.testing import (
    ConformanceError,
    RegionModel,
    attributors,
    check_attributor,
    check_editor,
    check_executor,
    check_metric,
    check_model,
    check_observer,
    check_source,
    editors,
    executors,
    metrics,
    models,
    observers,
    sources,
)
from harness.testing import check as kit
from harness.testing.check import CheckResult

RUN: dict[str, Any] = {
    "attributor": attributors.run_attributor_checks, "editor": editors.run_editor_checks,
    "executor": executors.run_executor_checks, "metric": metrics.run_metric_checks, "model": models.run_model_checks,
    "observer": observers.run_observer_checks, "source": sources.run_source_checks,
}  # fmt: skip
SUITES: dict[str, Any] = {
    "attributor": attributors, "editor": editors, "executor": executors, "metric": metrics, "model": models,
    "observer": observers, "source": sources,
}  # fmt: skip
WRONG: dict[str, list[tuple[str, Any]]] = {
    "attributor": [*wrong_attributors.WRONG, *wrong_on_images.ON_IMAGES], "editor": wrong_editors.EDITORS,
    "executor": wrong_executors.EXECUTORS,
    "metric": wrong_metrics.METRICS, "model": wrong_models.MODELS, "observer": wrong_observers.OBSERVERS,
    "source": wrong_sources.SOURCES,
}  # fmt: skip
WRONG = {
    kind: [*found, ("light import", getattr(wrong_imports, f"Heavy{kind.capitalize()}"))]
    for kind, found in WRONG.items()
}
RIGHT: list[tuple[str, Any]] = [
    *(("attributor", cls) for cls in wrong_attributors.RIGHT), ("editor", wrong_editors.Paint),
    ("editor", wrong_editors.Latent), ("executor", wrong_executors.Right), ("metric", wrong_metrics.Right),
    ("metric", wrong_metrics.RightMap), ("metric", wrong_metrics.RightModel), ("metric", wrong_metrics.CountsBoxes),
    ("model", RegionModel), ("model", wrong_models.BlackBox), ("observer", wrong_observers.Right),
    ("source", wrong_sources.Squares),
]  # fmt: skip

UNOFFERED = {
    "score has its shape", "scores are log probabilities", "batch equals one by one", "tokens join", "greedy",
    "grid tiles the frame", "trace has its shapes", "trace agrees with score", "path gradients have their shape",
}  # fmt: skip


def failed(results: list[CheckResult]) -> dict[str, str]:
    return {result.check: result.fault for result in results if result.fault is not None}


@pytest.mark.parametrize(("kind", "cls"), RIGHT, ids=lambda item: getattr(item, "__name__", item))
def test_what_is_right_passes(kind: str, cls: Any) -> None:
    results = RUN[kind](cls())
    idle = {result.check for result in results if not result.ran}
    # Of a model that offers no more than answers there is nothing else to judge.
    assert not failed(results) and idle == (UNOFFERED if cls is wrong_models.BlackBox else set())


@pytest.mark.parametrize(
    ("kind", "check", "cls"),
    [(kind, *wrong) for kind, found in WRONG.items() for wrong in found],
    ids=lambda item: getattr(item, "__name__", item),
)
def test_what_is_wrong_in_one_way_fails_that_check_alone(kind: str, check: str, cls: Any) -> None:
    faults = failed(RUN[kind](cls()))
    assert list(faults) == [check], faults
    fault = faults[check]
    assert "\n" not in fault and fault.endswith((".", "?")) and fault[0].isupper(), fault


@pytest.mark.parametrize("kind", SUITES)
def test_every_check_has_a_plugin_that_fails_it_and_says_what_it_claims(kind: str) -> None:
    names = [check.__name__.replace("_", " ") for check in SUITES[kind].CHECKS]
    assert set(names) == {check for check, _ in WRONG[kind]}
    claims = [result.claim for result in RUN[kind](next(cls for k, cls in RIGHT if k == kind)())]
    assert all(claim.endswith(".") for claim in claims) and len(set(claims)) == len(names)


def test_the_checks_raise_what_pytest_shows() -> None:
    check_attributor(wrong_attributors.Right())
    check_editor(wrong_editors.Paint())
    check_executor(wrong_executors.Right())
    check_metric(wrong_metrics.Right())
    check_observer(wrong_observers.Right())
    check_model(wrong_models.BlackBox())
    check_source(wrong_sources.Squares())
    with pytest.raises(ConformanceError) as caught:
        check_attributor(wrong_attributors.GlobalGenerator())
    lines = str(caught.value).splitlines()
    assert lines[0] == "right fails 1 of 20 checks:" and lines[1].startswith("- own randomness: It draws from")
    assert isinstance(caught.value, AssertionError) and len(lines) == 2


def test_after_an_unfit_plugin_nothing_more_is_run() -> None:
    results = attributors.run_attributor_checks(wrong_attributors.Raises())
    assert [result.ran for result in results] == [True, True, True] + [False] * 17
    assert results[2].fault == "There is nothing to explain." and not results[6].passed


def test_what_another_fault_leaves_nothing_to_judge_of_is_not_said_to_pass() -> None:
    wrong = wrong_attributors
    for check, cls in (("own randomness", wrong.Unseeded), ("black box", wrong.UndeclaredScore)):
        ran = {result.check: result.ran for result in attributors.run_attributor_checks(cls())}
        assert [name for name, did in ran.items() if not did] == [check]
    ran = {result.check: result.ran for result in editors.run_editor_checks(wrong_editors.OtherEachTime())}
    assert [name for name, did in ran.items() if not did] == ["own randomness"]


def test_there_are_checks_of_every_kind() -> None:
    assert set(RUN) == set(SUITES) == set(WRONG) == set(KINDS)


def test_a_metric_that_applies_to_nothing_of_the_kits_is_not_said_to_measure_well() -> None:
    results = metrics.run_metric_checks(wrong_metrics.NothingApplies())
    assert not failed(results)
    ran = [result.check for result in results if result.ran]
    assert "measures" not in ran and "worst is the worst" not in ran and "asked of failed results" in ran


def test_the_module_is_the_one_that_is_installed_not_one_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wrong_attributors.py").write_text("import matplotlib")
    monkeypatch.chdir(tmp_path)
    kit._imports.cache_clear()
    assert kit._imports("wrong_attributors") == [] and kit._imports("wrong_imports") == ["matplotlib"]


def test_a_metric_is_told_what_it_does_wrong_in_its_own_terms() -> None:
    for cls, words in [
        (wrong_metrics.TenAtMost, ["marks twelve boxes gets 12", "a failed result's 10"]),
        (wrong_metrics.UndeclaredMap, ["explained.heat", "needs must name 'map'"]),
        (wrong_metrics.AsksMore, ["asks the model to generate"]),
        (wrong_metrics.UpsideDown, ["The truth gets 1, something else 0, and higher_is_better is False"]),
    ]:
        (fault,) = failed(metrics.run_metric_checks(cls())).values()
        assert all(word in fault for word in words), fault


def test_heavy_imports_are_not_judged_where_the_module_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Local(wrong_attributors.Right):
        """Of a notebook."""

    def light(cls: type[Attributor]) -> CheckResult:
        return next(one for one in attributors.run_attributor_checks(cls()) if one.check == "light import")

    for module in ("__main__", "no_such_module"):
        monkeypatch.setattr(Local, "__module__", module)
        assert not light(Local).ran
    fault = light(wrong_imports.HeavyAttributor).fault
    assert fault is not None and fault.startswith("The module wrong_imports imports matplotlib when it is imported")


def test_needs_no_torch() -> None:
    code = (
        "import sys\n"
        "from harness.testing import RegionModel, check_attributor, check_metric, check_model\n"
        "from plugins.attributors.occlusion import Occlusion\n"
        "check_attributor(Occlusion())\n"
        "check_model(RegionModel())\n"
        "from plugins.metrics.deletion_insertion import Deletion\n"
        "check_metric(Deletion())\n"
        "assert not {'torch', 'transformers', 'pytest'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
