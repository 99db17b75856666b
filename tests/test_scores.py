"""From rows to figures with intervals, tests between methods, and breakdowns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rows import closed, header, journal, measured, row

from harness.errors import HarnessError
from harness.run.noise import is_flat
from harness.run.row import Row
from leaderboard.board import make_board
from leaderboard.read.table_maker import share_of
from leaderboard.render import markdown
from leaderboard.statistics.mean_test import bootstrap_t
from leaderboard.statistics.resampling import intervals
from leaderboard.statistics.slices import Sizes
from plugins.metrics.pointing import Pointing

BOXES = {"boxes": [[0, 0, 4, 4], [10, 10, 20, 20]], "peak": None}


@pytest.mark.parametrize(
    ("fields", "hit"),
    [
        ({"peak": [10.5, 10.5]}, 1),
        ({"peak": [10.0, 10.0]}, 1),
        ({"peak": [20.0, 15.0]}, 0),  # boxes are half-open
        ({"peak": [15.0, 5.0]}, 0),
        ({"boxes": [[12, 12, 14, 14], [0, 0, 4, 4]]}, 1),  # the first box counts
        ({"boxes": [[0, 0, 4, 4], [12, 12, 14, 14]]}, 0),
        ({"boxes": []}, 0),
        ({"boxes": [[12, 12, 14, 14]], "peak": [1, 1]}, 0),  # a map's maximum goes before its boxes
    ],
)
def test_the_pointing_game(fields: dict[str, Any], hit: int) -> None:
    truth = [[30, 30, 31, 31], [10, 10, 20, 20]]
    about = measured(row(0, "a", 0.5, **floats({"truth": truth} | BOXES | fields)), [Pointing()])
    assert about["metrics"]["pointing"] == hit


def floats(fields: dict[str, Any]) -> dict[str, Any]:
    """As a row has them."""
    read: dict[str, Any] = json.loads(json.dumps(fields), parse_int=float)
    return read


def test_the_share_of_the_image() -> None:
    truth = [[0.0, 0.0, 10.0, 10.0], [5.0, 5.0, 15.0, 10.0], [90.0, 0.0, 200.0, 10.0]]
    about = row(0, "a", truth=truth, size=[100, 20])
    assert share_of(Row.read(about)) == pytest.approx((100 + 25 + 100) / 2000)
    assert share_of(Row.read(row(0, "a"))) is None
    assert share_of(Row.read(row(0, "a", truth=[[0.0, None, 1.0, 1.0]], size=[9, 9]))) is None


def test_sizes_are_thirds() -> None:
    shares = np.arange(1, 10) / 100
    found = Sizes.of(shares).sizes(np.append(shares, np.nan))
    assert found.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [-1]


def rows_of(random: np.random.Generator, images: int = 12) -> list[dict[str, Any]]:
    rows = []
    for index in range(2 * images):
        about = {"image": f"i{index // 2}", "attribute": f"finding {index % 3}", "size": [50, 50]}
        about["truth"] = [[0.0, 0.0, index + 1.0, 1.0]]
        for name, level in (("good", 0.6), ("fair", 0.5), ("bad", 0.1)):
            iou = round(float(np.clip(level + random.normal(0, 0.1), 0, 1)), 6)
            rows.append(row(index, name, iou, **about, peak=[0.5, 0.5], metrics={"pointing": 1.0}))
    return rows


def test_intervals_are_over_images(tmp_path: Path) -> None:
    rows = rows_of(np.random.default_rng(0))
    head = header(["good", "fair", "bad"], {"m": 24})
    (ranking,) = make_board([journal(tmp_path, head, rows)]).rankings
    assert (ranking.records, ranking.images) == (24, 12)
    for score in ranking.scores:
        mine = [one for one in rows if one["attributor"] == score.attributor]
        values = np.array([[one["metrics"]["iou"]] for one in mine])
        images, mean = np.array([one["image"] for one in mine]), score.means["iou"]
        np.testing.assert_allclose(score.intervals["iou"], intervals(values, images)[0], rtol=1e-9)
        assert mean is not None and score.intervals["iou"][0] < mean < score.intervals["iou"][1]
        assert score.means["pointing"] == 1 and score.intervals["pointing"] == (1, 1)
        assert score.means["concept"] is None and "concept" not in score.intervals


def test_methods_are_tested_in_pairs_over_images(tmp_path: Path) -> None:
    rows = rows_of(np.random.default_rng(0))
    (ranking,) = make_board([journal(tmp_path, header(["good", "fair", "bad"], {"m": 24}), rows)]).rankings
    good, fair, bad = (
        [one["metrics"]["iou"] for one in rows if one["attributor"] == n] for n in ("good", "fair", "bad")
    )
    by_image = [np.add.reduceat(np.subtract(a, b), range(0, 24, 2)) for a, b in ((good, fair), (good, bad))]
    raw = bootstrap_t(np.stack(by_image, axis=1))
    pairs = {(pair.first, pair.second): pair for pair in ranking.pairs}
    assert len(pairs) == 3
    assert [pairs["good", "fair"].p, pairs["good", "bad"].p] == raw.tolist()
    assert pairs["good", "bad"].difference == pytest.approx(np.mean(good) - np.mean(bad))
    # All three pairs are in the family: the least p is tripled.
    least = min(pairs.values(), key=lambda pair: pair.p)
    assert least.adjusted == pytest.approx(3 * least.p)
    p = {score.attributor: score.p for score in ranking.scores}
    assert p["good"] is None and p["fair"] == pairs["good", "fair"].adjusted
    assert p["bad"] == pairs["good", "bad"].adjusted


def test_who_has_no_rank_is_not_tested(tmp_path: Path) -> None:
    rows = [row(0, "a", 0.5), row(1, "a", 0.4), row(0, "b", 0.1), row(1, "b", 0.9)]
    rows += [row(0, "c", 0.9), closed(1, "c")]
    (ranking,) = make_board([journal(tmp_path, header(["a", "b", "c"], {"m": 2}), rows)]).rankings
    assert [(pair.first, pair.second) for pair in ranking.pairs] == [("b", "a")]
    assert [score.p for score in ranking.scores] == [None, 0.5, None]  # two images show no less


def test_what_nobody_can_explain_is_in_no_test(tmp_path: Path) -> None:
    rows = [row(k, name, iou) for k in range(6) for name, iou in (("a", 0.2), ("b", 0.5))]
    with_closed = [closed(0, name, "closed") for name in ("a", "b")]
    alone, beside = (
        make_board([journal(tmp_path / str(len(more)), header(["a", "b"], {"m": 6, "closed": 1}), rows + more)])
        for more in ([], with_closed)
    )
    assert alone.rankings[0].pairs == beside.rankings[0].pairs
    assert alone.rankings[0].pairs[0].difference == pytest.approx(0.3)
    assert alone.rankings[0].scores[0].intervals == beside.rankings[0].scores[0].intervals


def test_slices(tmp_path: Path) -> None:
    rows = rows_of(np.random.default_rng(1))
    (ranking,) = make_board([journal(tmp_path, header(["good", "fair", "bad"], {"m": 24}), rows)]).rankings
    by = ranking.slices
    assert [part.name for part in by["finding"]] == ["finding 0", "finding 1", "finding 2"]
    assert [part.about for part in by["size"]] == [{"size": size} for size in ("small", "medium", "large")]
    assert [part.records for part in by["size"]] == [8, 8, 8] and "of the image" in by["size"][0].name
    assert [part.about for part in by["model and source"]] == [{"model": "m", "source": "s"}]
    for parts in by.values():
        assert sum(part.records for part in parts) == 24
        total = sum(part.records * (part.scores["good"].means["iou"] or 0) for part in parts)
        best = next(score for score in ranking.scores if score.attributor == "good")
        assert total / 24 == pytest.approx(best.means["iou"])


def test_seconds_come_from_the_timings(tmp_path: Path) -> None:
    folder = journal(tmp_path, header(["a"], {"m": 2}), [row(0, "a", 0.5), row(1, "a", 0.5)])
    key = {"stage": "attribute", "source": "s", "model": "m", "mode": "direct", "attributor": "a"}
    lines = [key | {"index": 0, "seconds": 1.0}, key | {"index": 1, "seconds": 3}, {"stage": "load"}, 7]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "timings.jsonl").write_text(text + '{"torn')
    assert make_board([folder]).rankings[0].scores[0].seconds == 2
    (folder / "timings.jsonl").unlink()
    assert make_board([folder]).rankings[0].scores[0].seconds is None


@pytest.mark.parametrize(
    "fields",
    [
        {"peak": [1.0]},
        {"boxes": [[1.0, 2.0, 3.0]]},
        {"size": [0, 9]},
        {"size": [1.5, 9]},
        {"truth": [[1.0, 2.0]]},
        {"image": 3},
    ],
)
def test_broken_fields_are_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(HarnessError, match="broken at line 2"):
        make_board([journal(tmp_path, header(["a"], {"m": 1}), [row(0, "a", 0.2) | fields])])


@pytest.mark.parametrize(
    ("ends", "flat"),
    [
        (None, False),  # boxes are no map
        ([0.0, 0.0], True),
        ([-3.0, -3.0], True),
        ([1.0, 1.0000005], True),  # some steps of float32
        ([-1.0000005, -1.0], True),
        ([1.0, 1.00001], False),
        ([0.0, 1e-30], False),  # tiny, but no rounding of something larger
        ([-1e-9, 1e-9], False),
    ],
)
def test_what_is_flat(ends: list[float] | None, flat: bool) -> None:
    assert is_flat(Row.read(row(0, "a", 0.5, map_range=ends))) == flat


def test_empty_and_flat_results_are_counted(tmp_path: Path) -> None:
    """Of results that did not fail; columns are there where a method has some."""
    noise = {"map_range": [0.25, 0.25000001], "map_values": 3, "boxes": [[0.0, 0.0, 9.0, 9.0]]}
    rows = [row(0, "a", 0.5, **noise), row(1, "a", 0.0), row(2, "a", 0.0), row(3, "a")]
    rows += [row(k, "b", 0.5, boxes=[[0.0, 0.0, 1.0, 1.0]], map_range=[0.0, 1.0], map_values=9) for k in range(4)]
    board = make_board([journal(tmp_path, header(["a", "b"], {"m": 4}), rows)])
    by = {score.attributor: score for score in board.rankings[0].scores}
    assert (by["a"].empty, by["a"].flat) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert (by["b"].empty, by["b"].flat) == (0, 0)
    text = markdown.render(board)
    assert "| Whole image | Empty | Flat | Records |" in text and "**Flat**" in text
    assert "at most 1 millionth of" in text
    noisy = [line | {"attributor": "c", "map_noise": 1.0} for line in rows[4:]]
    both = make_board([tmp_path, journal(tmp_path / "c", header(["c"], {"m": 4}, noise=True), noisy)])
    assert {score.attributor: score.flat for score in both.rankings[0].scores}["c"] == 1
    assert "Not every run measured the noise of maps" in " ".join(both.notes)
    assert "the noise of maps" not in " ".join(board.notes)
    without = make_board([journal(tmp_path / "b", header(["b"], {"m": 4}), rows[4:])])
    assert "Empty" not in markdown.render(without) and "Flat" not in markdown.render(without)
