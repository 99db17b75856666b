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
        ({"scoring": 2}, "scoring: 1, now 2"),
        ({"named": ["s:1"]}, 'records by name: [], now ["s:1"]'),
        ({"planned": {"direct": {"m": 2}}}, "records.direct.m: 1, now 2"),
        ({"plugins": with_plugin(code="d")}, 'attributor.a.code: "c", now "d"'),
        ({"plugins": with_plugin(code=None, version="2")}, 'attributor.a.code: "c", now "m 2"'),
        ({"plugins": with_plugin(options={"grid": 9})}, "attributor.a.options.grid: 8, now 9"),
        ({"plugins": with_plugin(weights={"w": "sha256:1"})}, 'attributor.a.weights: ["sha256:0"], now ["sha256:1"]'),
        ({"metrics": with_metric(code="d")}, 'metric.iou.code: "c", now "d"'),
        ({"metrics": with_metric(options={"tolerance": 15})}, "metric.iou.options.tolerance: null, now 15"),
        ({"metrics": with_metric(higher_is_better=False)}, "metric.iou.higher_is_better: true, now false"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    first = header(["a"], {"m": 1}, plugins=with_plugin(weights={"v": "sha256:0"}))
    one = journal(tmp_path / "1", first, [row(0, "a", 0.2)])
    two = journal(tmp_path / "2", header(["a"], {"m": 1}, **changes), [row(1, "a", 0.2)])
    with pytest.raises(HarnessError) as caught:
        make_board([one, two])
    assert reason in str(caught.value) and "/1 and" in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"plugins": with_plugin(version="2", distribution="other", module="n")},
        {"plugins": with_plugin(options={"grid": 8, "device": "cuda", "pool": "/b"}, neutral=["device", "pool"])},
        {"plugins": with_plugin(weights={"renamed": "sha256:0"})},
        {"plugins": with_plugin()},  # nobody needed its weights
        {"metrics": with_metric(version="2", distribution="other", title="IoU", legend="another", notes=["a note"])},
        {"planned": {"direct": {"n": 5}}, "limit": 5, "available": 9},  # other models' records
        {"limit": 1},
        {"harness": "2", "python": "4", "numpy": "2.0.1"},
    ],
)
def test_what_changes_no_figure_hinders_no_board(tmp_path: Path, changes: dict[str, Any]) -> None:
    plugins = with_plugin(options={"grid": 8, "device": "cpu", "pool": "/a"}, neutral=["device", "pool"])
    plugins["attributor"]["a"]["weights"] = {"w": "sha256:0"}
    one = journal(tmp_path / "1", header(["a"], {"m": 1}, plugins=plugins, numpy="2.0.0"), [row(0, "a", 0.2)])
    model = next(iter(changes.get("planned", {"direct": {"m": 1}})["direct"]))
    two = journal(tmp_path / "2", header(["a"], {"m": 1}, **{"numpy": "2.0.0", **changes}), [row(1, "a", 0.4, model)])
    board = make_board([one, two])
    assert board.rankings[0].records == 2 and "computed with" not in " ".join(board.notes)


def test_what_runs_were_computed_with_is_said(tmp_path: Path) -> None:
    """Libraries and devices refuse no board, and are named where runs contradict each other."""
    old = header(["a"], {"m": 2}, torch="2.9.1, 2.9.0", pillow="11.0", device="cpu")
    new = header(["b", "a"], {"m": 2}, torch="2.14.0", pillow="11.1", device="GPU")
    one = journal(tmp_path / "1", old, [row(0, "a", 0.2), row(1, "a", 0.2)])
    two = journal(tmp_path / "2", new, [row(0, "b", 0.4), row(0, "a", 0.2, peak=[1.0, 1.0], map_noise=0.5)])
    board = make_board([one, two])
    note = (
        "Not all of it was computed with the same: Pillow 11.0 and 11.1, torch 2.9 and 2.14, device GPU and cpu. That "
        "may change figures by rounding."
    )
    assert note in board.notes and note in render(board)
    assert {row.map_noise for row in board.rows if row.attributor == "a" and row.index == 0} == {0.5}
    plugins = {"attributor": {"a": plugin(options={"grid": 8, "batch": 4}, neutral=["batch"])}, "model": {}}
    three = journal(tmp_path / "3", new | {"plugins": plugins, "attributors": ["a"]}, [row(0, "a", 0.3)])
    with pytest.raises(HarnessError) as caught:
        make_board([one, three])
    assert str(caught.value) == (
        f"{one} and {three} hold different results of 'a' for sample 0 of 's' ('m', direct): they were computed with "
        "Pillow 11.0 and 11.1, torch 2.9 and 2.14, device GPU and cpu, attributor.a.batch None and 4; leave one of "
        "them out."
    )


def test_provenance_says_what_figures_hang_on(tmp_path: Path) -> None:
    plugins = {"attributor": {"a": plugin(code="0123456789abcdef", options={"grid": 8, "batch": 4}, neutral=["batch"])}}
    head = header(["a"], {"m": 1}, plugins=plugins, named=["s:0"], available=5)
    board = make_board([journal(tmp_path / "1", head, [row(0, "a", 0.2)])])
    text = render(board)
    assert "| 0123456789abcdef | grid=8, (batch=4) |" in text
    assert all(f"| {said} |" in text for said in ("scoring | 1", "scipy | 1", "scikit\\_image | 0"))
    assert "| records | s:0 |" in text and "--record s:0 --seed 0" in text and "--limit" not in text
    assert "A subset: 1 of 5 records, chosen by name." in board.notes


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
