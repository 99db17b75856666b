"""Which runs may stand on one board, and that their order does not matter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rows import DEFAULT, header, journal, plugin, row

from harness.errors import HarnessError
from leaderboard.board import make_board
from leaderboard.render.markdown import render


def test_several_runs_in_one_table(tmp_path: Path) -> None:
    one = journal(tmp_path / "1", header(["a"], {"m": 1}), [row(0, "a", 0.2)])
    two = journal(tmp_path / "2", header(["b", "a"], {"m": 1}, torch="9"), [row(0, "b", 0.4), row(0, "a", 0.2)])
    board = make_board([one, two])
    assert [(s.rank, s.attributor) for s in board.rankings[0].scores] == [(1, "b"), (2, "a")]
    assert board.rankings[0].scores[1].records == 1
    assert "### Run 2" in render(board)


def test_the_order_of_runs_changes_no_table(tmp_path: Path) -> None:
    one = journal(tmp_path / "1", header(["a"], {"m": 3}), [row(i, "a", i / 7) for i in range(3)])
    two = journal(tmp_path / "2", header(["b"], {"m": 3}), [row(2 - i, "b", (2 - i) / 7) for i in range(3)])
    forth, back = (render(make_board(order)).split("## Provenance")[0] for order in ([one, two], [two, one]))
    assert forth == back and "| 1 | a |" in forth and "| 1 | b |" in forth
    assert render(make_board([one, one])).split("## Prov")[0] == render(make_board([one])).split("## Prov")[0]


def test_a_row_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    rows = [row(0, "a", 0.2), row(0, "a", 0.2), row(1, "a", 0.4)]
    board = make_board([journal(tmp_path / "1", header(["a"], {"m": 2}), rows)])
    assert board.rankings[0].records == 2 and board.runs[0].finished == 2
    assert board.rankings[0].scores[0].means["iou"] == pytest.approx(0.3)
    torn = journal(tmp_path / "2", header(["a"], {"m": 2}), [*rows, row(1, "a", 0.5)])
    with pytest.raises(HarnessError, match="/2 holds different results of 'a' for sample 1"):
        make_board([torn])


def with_plugin(**changes: Any) -> dict[str, Any]:
    return {"attributor": {"a": plugin(**changes)}, "model": {}}


def with_metric(**changes: Any) -> dict[str, Any]:
    return {**DEFAULT, "iou": DEFAULT["iou"] | changes}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"seed": 1}, "seed: 0, now 1"),
        ({"upsampling": "nearest"}, 'upsampling: "bilinear", now "nearest"'),
        ({"bench": {"direct": {"sha256": "xyz", "records": 9}}}, "bench.direct"),
        ({"limit": 1, "available": 7}, "limit: null, now 1"),
        ({"planned": {"direct": {"m": 2}}}, "records.direct.m: 1, now 2"),
        ({"plugins": with_plugin(version="2")}, 'attributor.a.version: "1", now "2"'),
        ({"plugins": with_plugin(options={"grid": 9})}, "attributor.a.options.grid: 8, now 9"),
        ({"plugins": with_plugin(distribution="other")}, "attributor.a.distribution"),
        ({"plugins": with_plugin(weights={"w": "sha256:1"})}, "attributor.a.weights.w"),
        ({"metrics": with_metric(version="2")}, 'metric.iou.version: "1", now "2"'),
        ({"metrics": with_metric(options={"tolerance": 15})}, "metric.iou.options.tolerance: null, now 15"),
        ({"metrics": with_metric(distribution="other")}, "metric.iou.distribution"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    one = journal(tmp_path / "1", header(["a"], {"m": 1}), [row(0, "a", 0.2)])
    two = journal(tmp_path / "2", header(["a"], {"m": 1}, **changes), [row(1, "a", 0.2)])
    with pytest.raises(HarnessError) as caught:
        make_board([one, two])
    assert reason in str(caught.value) and "/1 and" in str(caught.value)


def test_contradicting_rows_and_truths_are_refused(tmp_path: Path) -> None:
    one = journal(tmp_path / "1", header(["a"], {"m": 1}), [row(0, "a", 0.2)])
    two = journal(tmp_path / "2", header(["a"], {"m": 1}), [row(0, "a", 0.3)])
    with pytest.raises(HarnessError, match="different results of 'a' for sample 0"):
        make_board([one, two])
    three = journal(tmp_path / "3", header(["b"], {"m": 1}), [row(0, "b", 0.3, truth=[[0, 0, 2, 2]])])
    with pytest.raises(HarnessError, match="different true boxes of sample 0"):
        make_board([one, three])
    five = journal(tmp_path / "5", header(["b"], {"m": 1}), [row(0, "b", 0.3, true_concepts=["left lung"])])
    with pytest.raises(HarnessError, match="different true concepts of sample 0"):
        make_board([one, five])
    with pytest.raises(HarnessError, match="Nothing is finished"):
        make_board([journal(tmp_path / "4", header(["a"], {"m": 1}), [])])
