"""Deletion and insertion areas against closed forms, and a run that measures them at nobody's cost."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import toys
from rich.console import Console
from test_leaderboard import header, journal, row

from harness.contracts.attributor import Attribution
from harness.contracts.case import Case
from harness.contracts.model import Capability, Model
from harness.imaging.frame import Box
from harness.run.loop import evaluate
from harness.testing.region import REGION, SIDE, RegionModel, make_case
from leaderboard.board import make_board
from leaderboard.render.markdown import render
from plugins.metrics.deletion_insertion import areas, faithfulness, importance

WHITE = np.full((SIDE, SIDE, 3), 255, np.uint8)


class Linear(Model):
    """The one token's probability is the part of the image that is lit, at least a thousandth."""

    name: ClassVar[str] = "linear"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"generate", "score"})

    def answer(self, image: np.ndarray, question: str) -> str:
        return "yes"

    def score(self, images: Sequence[np.ndarray], question: str, answer: str) -> np.ndarray:
        return np.log([[max(image.mean() / 255, 1e-3)] for image in images])


def measured(said: Attribution, model: Model, image: np.ndarray = WHITE, steps: int = 32) -> tuple[float, float]:
    case = make_case(model, image)
    return areas(importance(said, case), case, steps)


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
    order = importance(Attribution(saliency=np.zeros((SIDE, SIDE))), case)
    assert len(set(order)) == len(order) == content.area
    columns, rows = order % SIDE, order // SIDE
    assert columns.min() == 40 and columns.max() == 179
    first = rows[: len(order) // 4]
    assert abs(first.mean() - (SIDE - 1) / 2) < 3  # and not the top quarter
    again = importance(Attribution(saliency=np.zeros((SIDE, SIDE))), case)
    np.testing.assert_array_equal(order, again)


def test_it_costs_two_passes_a_step() -> None:
    case = make_case(RegionModel(), WHITE)
    faithfulness(Attribution(boxes=[REGION]), case, 10)
    assert case.cost.forward == 20


def test_nothing_to_measure() -> None:
    nothing = {"deletion": None, "insertion": None}
    assert faithfulness(None, make_case(RegionModel(), WHITE), 4) == nothing
    assert faithfulness(Attribution(boxes=[REGION]), make_case(toys.ToyBlackBox(), WHITE), 4) == nothing
    broken = Attribution(saliency=np.zeros((3, 3)))
    assert faithfulness(broken, make_case(RegionModel(), WHITE), 4) == nothing


def run(folder: Path, steps: int) -> list[dict[str, Any]]:
    evaluate(
        toys.registry(), ["good", "map", "bad"], bench=toys.bench(folder / "bench", indices=range(6)),
        output=folder / f"out{steps}",
        faithful=steps, console=Console(file=io.StringIO()),
    )  # fmt: skip
    return [json.loads(line) for line in (folder / f"out{steps}" / "journal.jsonl").read_text().splitlines()]


def test_a_run_measures_at_nobodys_cost(tmp_path: Path) -> None:
    (plain_header, *plain), (head, *rows) = run(tmp_path, 0), run(tmp_path, 4)
    assert head.pop("faithfulness") == 4 and head == plain_header
    for before, after in zip(plain, rows, strict=True):
        found = (after.pop("deletion"), after.pop("insertion"))
        assert before == after  # cost included
        assert (None in found) == (after["status"] != "ok")
    good = make_board([tmp_path / "out4"]).tables[0]
    by_name = {score.attributor: score for score in good.scores}
    assert by_name["bad"].deletion == 1 and by_name["bad"].insertion == 0  # it always fails
    assert by_name["good"].deletion is not None and "deletion" in by_name["good"].intervals
    document = render(make_board([tmp_path / "out4"]))
    assert "| Deletion | Insertion |" in document and "**Deletion, Insertion**" in document
    assert "Deletion" not in render(make_board([tmp_path / "out0"]))


def test_runs_with_other_steps_do_not_compare(tmp_path: Path) -> None:
    one = journal(tmp_path / "1", header(["a"], {"m": 1}), [row(0, "a", 0.2)])
    two = journal(tmp_path / "2", header(["b"], {"m": 1}, faithfulness=4), [row(0, "b", 0.2)])
    with pytest.raises(Exception, match="faithfulness: 0, now 4"):
        make_board([one, two])
