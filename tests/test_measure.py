"""Metrics: each figure against what it must be by hand, and a metric that misbehaves costs its own figure alone."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import toys
from evaluating import evaluate

from harness.contracts.attributor import Attribution
from harness.contracts.case import RecordKey
from harness.contracts.explained import Explained
from harness.contracts.metric import Metric, Need
from harness.contracts.source import Sample
from harness.errors import HarnessError
from harness.hookspecs import hookimpl
from harness.imaging.frame import FRAME_SIDE, Box, Letterbox
from harness.run.measure import measure
from harness.run.results import read_results
from plugins.metrics.concept_right import ConceptRight
from plugins.metrics.overlap import F1, IoU, Precision, Recall
from plugins.metrics.pointing import Pointing

RECORD = RecordKey("toy", 0, "toy", "direct")
PLACE = Letterbox(100, 100)
TRUTH = (Box(0, 0, 10, 10), Box(50, 50, 60, 60))


def explained(**said: Any) -> Explained:
    return Explained(**{"record": RECORD, "attributor": "a", "place": PLACE, "truth": TRUTH, **said})


def test_overlap_is_of_unions() -> None:
    half = explained(boxes=[Box(0, 0, 10, 10), Box(0, 0, 10, 10), Box(90, 0, 100, 10)])  # half of each other
    assert [cls().measure(half) for cls in (IoU, Precision, Recall, F1)] == [1 / 3, 0.5, 0.5, 0.5]
    assert [cls().measure(explained()) for cls in (IoU, Precision, Recall, F1)] == [0.0] * 4


@pytest.mark.parametrize(
    ("said", "hit"),
    [
        ({"peak": (5.0, 5.0)}, 1), ({"peak": (10.0, 5.0)}, 0), ({"peak": (50.0, 50.0)}, 1),
        ({"boxes": [Box(40, 40, 70, 70), Box(80, 80, 90, 90)]}, 1),  # the middle of the first
        ({"boxes": [Box(80, 80, 90, 90), Box(40, 40, 70, 70)]}, 0),
        ({"boxes": [Box(0, 0, 10, 10)], "peak": (30.0, 30.0)}, 0),  # the map has the word
        ({}, 0),
    ],
)  # fmt: skip
def test_pointing(said: dict[str, Any], hit: int) -> None:
    assert Pointing().measure(explained(**said)) == hit


def test_a_concept_is_right_wrong_or_none() -> None:
    metric, true = ConceptRight(), {"true_concepts": ("left lung",)}
    assert metric.measure(explained(concept="left lung", **true)) == 1
    assert metric.measure(explained(concept="lungs", **true)) == 0
    assert metric.measure(explained(concept_scores={"left lung": 0.1}, **true)) == 0  # scored them, chose none
    assert metric.measure(explained(**true)) is None  # a method without concepts
    assert metric.applies(explained(**true)) and not metric.applies(explained(concept="left lung"))


def test_heat_of_boxes_is_one_inside() -> None:
    said = Attribution(boxes=[Box(10, 20, 30, 40), Box(200, 200, 230, 230), Box(100.4, 100, 101.4, 101)])
    heat = explained(attribution=said).heat
    assert heat.shape == (FRAME_SIDE, FRAME_SIDE) and set(np.unique(heat)) == {0, 1}
    assert heat.sum() == 20 * 20 + 24 * 24 + 1 and heat[100, 100] == 1
    with pytest.raises(ValueError, match="--keep-maps"):
        _ = explained().heat


class Fickle(Metric):
    """Does what the test says."""

    name: ClassVar[str] = "fickle"
    title: ClassVar[str] = "Fickle"
    legend: ClassVar[str] = "whatever the test says."
    worst: ClassVar[float] = -5
    does: ClassVar[Callable[[Explained], Any]] = lambda explained: 0.5

    def measure(self, explained: Explained) -> Any:
        return type(self).does(explained)


class Masked(Metric):
    """How many pixels are known to hold the cause."""

    name: ClassVar[str] = "masked"
    title: ClassVar[str] = "Masked"
    legend: ClassVar[str] = "the number of true pixels."
    needs: ClassVar[frozenset[Need]] = frozenset({"mask"})

    def measure(self, explained: Explained) -> float:
        assert explained.mask is not None
        return float(explained.mask.sum())


@hookimpl
def metrics() -> list[type[Metric]]:
    return [Fickle, Masked]


def leave(explained: Explained) -> Any:
    sys.exit(3)


WRONG: dict[str, tuple[Callable[[Explained], Any], str]] = {
    "nan": (lambda explained: float("nan"), "ValueError: the figure is nan"),
    "infinite": (lambda explained: np.inf, "ValueError: the figure is inf"),
    "raises": (lambda explained: 1 / 0, "ZeroDivisionError: division by zero"),
    "a word": (lambda explained: "good", "ValueError: could not convert string to float: 'good'"),
    "leaves": (leave, "SystemExit: 3"),
    "no memory": (lambda explained: np.zeros(10**14), "memory ran out"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_metric_that_fails_is_said_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    does, why = WRONG[what]
    monkeypatch.setattr(Fickle, "does", does)
    registry = toys.registry(sys.modules[__name__])
    ended = evaluate(registry, ["good"], metrics=["fickle"], bench=toys.bench(tmp_path / "b"), output=tmp_path / "out")
    assert ended.finished == 8 and ended.failed == 2
    for row in read_results(tmp_path / "out").rows:
        if row.status == "failed":  # its worst, without asking
            assert row.metrics["fickle"] == -5 and row.unmeasured == {}
        else:
            assert why in row.unmeasured["fickle"] and "fickle" not in row.metrics and row.metrics["iou"] > 0.9


def test_what_a_metric_says_is_in_the_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([None, np.float32(0.1234567), True, 7, -0.0, 12_345.678])
    monkeypatch.setattr(Fickle, "does", lambda explained: next(answers))
    registry = toys.registry(sys.modules[__name__])
    evaluate(registry, ["good"], metrics=["fickle"], bench=toys.bench(tmp_path / "bench"), output=tmp_path / "out")
    found = [row.metrics["fickle"] for row in read_results(tmp_path / "out").rows if row.status == "ok"]
    assert found == [None, 0.123457, 1.0, 7.0, 0.0, 12345.678] and str(found[4]) == "0.0"


def test_masks_are_read_where_a_metric_needs_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, registry = toys.bench(tmp_path / "bench"), toys.registry(sys.modules[__name__])
    evaluate(registry, ["good"], metrics=["masked"], bench=bench, output=tmp_path / "none")
    assert all("masked" not in row.metrics for row in read_results(tmp_path / "none").rows)  # the source knows none

    def mask(self: toys.ToySource, sample: Sample) -> np.ndarray | None:
        return np.eye(9, dtype=bool) if sample.index else None

    monkeypatch.setattr(toys.ToySource, "mask", mask)
    evaluate(registry, ["good"], metrics=["masked"], bench=bench, output=tmp_path / "out")
    found = {row.index: row.metrics.get("masked", "absent") for row in read_results(tmp_path / "out").rows}
    assert found == {0: "absent", 1: 9.0, 2: 9.0, toys.UNREADABLE: 0.0}


def test_metrics_take_options_and_variants(tmp_path: Path) -> None:
    bench = toys.bench(tmp_path / "bench", indices=(0,))
    options = ["deletion@fine.steps=20", "deletion.steps=5"]
    evaluate(
        toys.registry(), ["map"], metrics=["deletion", "deletion@fine", "iou"], options=options, bench=bench,
        output=tmp_path / "out",
    )  # fmt: skip
    results = read_results(tmp_path / "out")
    assert [facts.title for facts in results.header.metrics.values()][-2:] == ["Deletion", "Deletion @fine"]
    steps = [results.header.metrics[name].options["steps"] for name in ("deletion", "deletion@fine")]
    assert steps == [5, 20]
    row = results.rows[0]
    assert row.metrics["deletion"] != row.metrics["deletion@fine"] and next(iter(row.metrics)) == "iou"
    with pytest.raises(HarnessError, match="No metric is named 'deletoin'; did you mean 'deletion'"):
        evaluate(toys.registry(), ["map"], metrics=["deletoin"], bench=bench, output=tmp_path / "x")


def test_metrics_measure_what_they_need_and_no_more() -> None:
    found = measure({"masked": Masked(), "fickle": Fickle()}, explained(), {"boxes"})
    assert found.metrics == {"fickle": 0.5} and not found.unmeasured
