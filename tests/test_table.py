"""Results in arrays: the same whatever they are put together from, and draws that no block size changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rows import DEFAULT, header, journal, row

from harness.run.row import KEY, Row
from leaderboard.board import Board, make_board
from leaderboard.read.rescored import read_measured
from leaderboard.read.runs import keys_of
from leaderboard.read.table import NOTHING, join
from leaderboard.read.table_maker import TableMaker
from leaderboard.statistics import draws
from leaderboard.statistics.resampling import intervals


def made(lines: list[dict[str, Any]], metrics: list[str]) -> Any:
    maker = TableMaker(metrics)
    for line in lines:
        maker.add(Row.read(line))
    return maker.table()


def test_tables_of_other_names_and_metrics_one_below_the_other() -> None:
    one = made([row(5, "b", 0.5, "m"), row(2, "a", 0.25, "n", unmeasured={"f1": "no ruler"})], ["iou", "f1"])
    two = made([row(3, "a", None, "k", source="r", metrics={"more": 1.0})], ["more", "iou"])
    table = join([one, two], run=[0, 1])
    assert table.metrics == ("iou", "f1", "more") and table["run"].tolist() == [0, 0, 1]
    assert [tuple(key) for key in keys_of(table, range(3))] == [
        ("s", 5, "m", "direct", "b"), ("s", 2, "n", "direct", "a"), ("r", 3, "k", "direct", "a"),
    ]  # fmt: skip
    figures = [[0.5, 0.0625, None], [0.25, None, None], [0.0, None, 1.0]]
    np.testing.assert_array_equal(table["figures"], np.array(figures, float))
    assert table.names["why"] == ["no ruler"]
    assert table["why"].tolist() == [[NOTHING] * 3, [NOTHING, 0, NOTHING], [NOTHING] * 3]
    assert np.argsort(table.key).tolist() == [2, 1, 0]  # by source, index, model, mode, attributor
    assert (table.number("model", "n"), table.number("model", "z")) == (2, NOTHING)


def test_tables_that_are_empty() -> None:
    table = join([made([], ["iou"]), made([row(0, "a", 0.5)], ["iou"]), made([], ["f1"])])
    assert len(table) == 1 and table["figures"].shape == (1, 2)


def timed(folder: Path, lines: list[dict[str, Any]]) -> None:
    (folder / "timings.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + "{torn")


def seconds(board: Board) -> float | None:
    return board.rankings[0].scores[0].seconds


def test_the_last_of_a_file_and_the_first_of_the_folders_tells_the_seconds(tmp_path: Path) -> None:
    """What is of no result, or no number, does not count."""
    about = {"stage": "attribute", **{name: row(0, "a")[name] for name in KEY}}
    folders = [journal(tmp_path / name, header(["a"], {"m": 1}), [row(0, "a", 0.2)]) for name in "12"]
    assert seconds(make_board(folders)) is None
    timed(folders[1], [about | {"seconds": 9.0}])
    assert seconds(make_board(folders)) == 9
    odd = [about | {"seconds": value} for value in ("fast", None, [1], float("inf"), 10**400)]
    others = [{**about, "seconds": 5.0, **change} for change in (
        {"index": 1}, {"index": [0]}, {"model": {}}, {"attributor": "z"}, {"stage": "load"}, {"source": None},
    )]  # fmt: skip
    timed(folders[0], [about | {"seconds": 1.0}, about | {"seconds": 2.0}, *odd, *others, {"stage": "attribute"}])
    assert seconds(make_board(folders)) == 2


def test_two_runs_that_measured_other_metrics_of_the_same_results(tmp_path: Path) -> None:
    """One line a result, with both."""
    lines = [row(k, name, 0.1 * k) for k in range(6) for name in ("a", "b")]
    less = {name: facts for name, facts in DEFAULT.items() if name != "f1"}
    other = [line | {"metrics": {name: f for name, f in line["metrics"].items() if name != "f1"}} for line in lines]
    one = journal(tmp_path / "1", header(["a", "b"], {"m": 6}), lines)
    two = journal(tmp_path / "2", header(["a", "b"], {"m": 6}, metrics=less), other)
    for folders in ([one, two], [two, one]):
        board = make_board(folders)
        assert [score.measured["f1"] for score in board.rankings[0].scores] == [6, 6]
        assert board.rows == read_measured(one).rows


@pytest.mark.parametrize("size", [1, 7, 300])
def test_no_block_size_changes_a_draw(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    wanted = np.stack([np.bincount(random.integers(size, size=size), minlength=size) for _ in range(40)])
    for block in (1, 1000, 1 << 18):
        monkeypatch.setattr(draws, "_IN_CACHE", block)
        random = np.random.default_rng(0)
        found = np.concatenate([draws.counts(random, many, size) for many in (3, 1, 36)])
        np.testing.assert_array_equal(found, wanted)
    values, images = np.random.default_rng(1).random((size, 3)), np.arange(size)
    ends = intervals(values, images)
    monkeypatch.setattr(draws, "AT_ONCE", 11 * size)
    np.testing.assert_allclose(intervals(values, images), ends, rtol=1e-12)
