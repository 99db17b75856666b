"""Deletion and insertion areas against closed forms, and a run that measures them at nobody's cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import toys
from evaluating import evaluate

from harness.contracts.attributor import Attribution
from harness.contracts.case import Case, RecordKey
from harness.contracts.explained import Explained
from harness.contracts.model import Capability, Model
from harness.imaging.frame import Box, Letterbox
from harness.run.header import Header
from harness.run.measure import Measured, measure
from harness.run.results import read_results
from harness.run.row import Row
from harness.testing.region import REGION, SIDE, RegionModel, make_case
from plugins.metrics.deletion_insertion import Deletion, Insertion, importance

PLACE = Letterbox(SIDE, SIDE, SIDE)
WHITE = np.full((SIDE, SIDE, 3), 255, np.uint8)


class Linear(Model):
    """The one token's probability is the part of the image that is lit, at least a thousandth."""

    name: ClassVar[str] = "linear"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"generate", "score"})

    def answer(self, image: np.ndarray, question: str) -> str:
        return "yes"

    def score(self, images: Sequence[np.ndarray], question: str, answer: str) -> np.ndarray:
        return np.log([[max(image.mean() / 255, 1e-3)] for image in images])


def explained(said: Attribution | None, case: Case | None, place: Letterbox | None = PLACE) -> Explained:
    return Explained(RecordKey("toy", 0, "toy", "direct"), "good", place, attribution=said, case=case)


def measured(said: Attribution, model: Model, image: np.ndarray = WHITE, steps: int = 32) -> tuple[float, float]:
    seen = explained(said, make_case(model, image))
    found = [cls(cls.Options(steps=steps)).measure(seen) for cls in (Deletion, Insertion)]
    return found[0], found[1]


def test_where_every_pixel_counts_the_same_both_areas_are_a_half() -> None:
    said = Attribution(saliency=np.random.default_rng(0).random((SIDE, SIDE)))
    assert measured(said, Linear()) == pytest.approx((0.5, 0.5), abs=1e-3)


def test_pixels_that_count_come_first_or_last() -> None:
    """A region of 1/49 of the image: marked, it is gone or back after the first of 49 steps; else at the last."""
    right = np.zeros((SIDE, SIDE))
    x0, y0, x1, y1 = map(int, REGION)
    right[y0:y1, x0:x1] = 1
    assert REGION.area * 49 == SIDE * SIDE
    high, low = 0.05 + 0.9, 0.05
    step = 1 / 49
    early = low + (high - low) * step / 2  # high only at the first point of the curve
    assert measured(Attribution(saliency=right), RegionModel(), steps=49) == pytest.approx((early, high + low - early))
    assert measured(Attribution(saliency=-right), RegionModel(), steps=49) == pytest.approx((high + low - early, early))
    boxes = measured(Attribution(boxes=[REGION]), RegionModel(), steps=49)
    assert boxes == pytest.approx((early, high + low - early))


def test_the_padding_has_no_part_and_ties_favour_no_side() -> None:
    content = Box(40, 0, 180, SIDE)
    case = Case(RegionModel(), WHITE, "?", "yes", content, seed=3)
    order = importance(np.zeros((SIDE, SIDE)), case)
    assert len(set(order)) == len(order) == content.area
    columns, rows = order % SIDE, order // SIDE
    assert columns.min() == 40 and columns.max() == 179
    first = rows[: len(order) // 4]
    assert abs(first.mean() - (SIDE - 1) / 2) < 3  # and not the top quarter
    again = importance(np.zeros((SIDE, SIDE)), case)
    np.testing.assert_array_equal(order, again)


def test_it_costs_a_pass_a_step_and_one_more() -> None:
    for cls in (Deletion, Insertion):
        case = make_case(RegionModel(), WHITE)
        cls(cls.Options(steps=10)).measure(explained(Attribution(boxes=[REGION]), case))
        assert case.cost.forward == 11


def test_what_cannot_be_measured_is_said_and_what_does_not_apply_is_absent() -> None:
    metrics = {"deletion": Deletion(), "insertion": Insertion()}
    case = make_case(RegionModel(), WHITE)
    right = explained(Attribution(boxes=[REGION]), case)
    assert set(measure(metrics, right, {"boxes", "map", "model"}).metrics) == {"deletion", "insertion"}
    assert measure(metrics, right, {"boxes", "map"}) == Measured()  # a black box
    assert measure(metrics, right, {"map", "model"}, failed=True).metrics == {"deletion": 1.0, "insertion": 0.0}
    for broken in (explained(None, case), explained(Attribution(saliency=np.zeros((3, 3))), case)):
        found = measure(metrics, broken, {"boxes", "map", "model"})
        assert not found.metrics and set(found.unmeasured) == {"deletion", "insertion"}


def run(folder: Path, name: str, metrics: Sequence[str] = (), **settings: Any) -> tuple[Header, list[Row]]:
    bench = toys.bench(folder / "bench", indices=range(6))
    evaluate(
        toys.registry(), ["good", "map", "bad"], bench=bench, output=folder / name, metrics=list(metrics), **settings
    )
    results = read_results(folder / name)
    return results.header, results.rows


def test_a_run_measures_at_nobodys_cost(tmp_path: Path) -> None:
    both = ["deletion", "insertion"]
    (plain_head, plain) = run(tmp_path, "plain")
    (head, rows) = run(tmp_path, "out", both, options=["deletion.steps=4"])
    assert list(head.metrics) == [*plain_head.metrics, *both]
    assert head.metrics["deletion"].options == {"steps": 4} and not head.metrics["deletion"].higher_is_better
    assert head.model_copy(update={"metrics": plain_head.metrics}) == plain_head
    for before, after in zip(plain, rows, strict=True):
        figures = {name: after.metrics[name] for name in both}
        assert after.model_copy(update={"metrics": before.metrics}) == before  # cost included
        assert after.metrics == before.metrics | figures
        if after.status == "failed":
            assert figures == {"deletion": 1.0, "insertion": 0.0}
        else:
            assert None not in figures.values()
