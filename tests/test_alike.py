"""Methods that are one by algebra stand in one line; methods that can say nothing on a model have no figure."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import toys
from evaluating import toy_run
from rows import header, journal, plugin, row

import harness
from harness.contracts.attributor import Attribution, Attributor, NotApplicable
from harness.contracts.case import Case
from harness.hookspecs import hookimpl
from harness.run.results import read_results
from leaderboard.board import Board, make_board
from leaderboard.render import csv_json, markdown
from leaderboard.render.html import page
from leaderboard.verify import verify

NAMES = ["rollout", "other", "lrp", "lrp@deep"]


def board(folder: Path, rows: list[dict[str, Any]], names: list[str] = NAMES) -> Board:
    about = {name: plugin(same_as="rollout" if name.startswith("lrp") else None) for name in names}
    head = header(names, {"m": 8}, plugins={"attributor": about, "model": {"m": plugin()}})
    return make_board([journal(folder, head, rows)])


def results(name: str, boxes: float = 1.0, count: int = 8) -> list[dict[str, Any]]:
    return [row(k, name, 0.1 * k, boxes=[[0.0, 0.0, boxes + k, 2.0]], metrics={"pointing": 1.0}) for k in range(count)]


def test_one_line_and_one_test_where_they_agree(tmp_path: Path) -> None:
    """Of a variant only the same variant is a copy."""
    others = [one | {"metrics": {"iou": 0.0}} for one in results("other", 3.0)]
    found = board(tmp_path, [*results("rollout"), *others, *results("lrp"), *results("lrp@deep")])
    (ranking,) = found.rankings
    assert [score.name for score in ranking.scores] == ["lrp@deep", "rollout = lrp", "other"]
    assert len(ranking.pairs) == 3 and found.notes == []
    assert {row.attributor for row in found.rows} == {"rollout", "other", "lrp@deep"}
    assert "| rollout = lrp |" in markdown.render(found) and "rollout = lrp" in page.render(found)
    assert [one["same"] for one in json.loads(csv_json.to_json(found))["rankings"][0]["scores"]] == [[], ["lrp"], []]
    rows = [*results("rollout"), *others, *results("lrp@deep")]
    alone = board(tmp_path / "alone", rows, ["rollout", "other", "lrp@deep"])
    assert [(pair.p, pair.adjusted) for pair in alone.rankings[0].pairs] == [
        (pair.p, pair.adjusted) for pair in ranking.pairs
    ]


def test_two_lines_and_a_note_where_they_do_not(tmp_path: Path) -> None:
    lrp = results("lrp")
    lrp[3]["boxes"] = [[0.0, 0.0, 1.0, 1.0]]
    found = board(tmp_path, [*results("rollout"), *lrp], ["rollout", "lrp"])
    assert {score.name for score in found.rankings[0].scores} == {"rollout", "lrp"}
    assert found.notes == [
        "lrp is rollout by algebra, and yet 1 of its results differ or are not there: each has its own line."
    ]


def test_in_runs_of_their_own(tmp_path: Path) -> None:
    """They are put together from several runs, but not where one run has fewer records."""
    for count, names in ((8, ["rollout = lrp"]), (7, ["rollout", "lrp"])):
        folders = [tmp_path / f"{name}-{count}" for name in ("rollout", "lrp")]
        board(folders[0], results("rollout"), ["rollout"])
        board(folders[1], results("lrp", count=count), ["lrp"])
        assert [score.name for score in make_board(folders).rankings[0].scores] == names


def test_alone_it_stands_for_itself(tmp_path: Path) -> None:
    found = board(tmp_path, results("lrp"), ["lrp"])
    assert [score.name for score in found.rankings[0].scores] == ["lrp"] and found.notes == []


class Rollout(Attributor):
    """A map from the image."""

    name: ClassVar[str] = "rollout"

    def attribute(self, case: Case) -> Attribution:
        return Attribution(saliency=np.asarray(case.image[..., 0], float))


class Lrp(Rollout):
    """The same map."""

    name: ClassVar[str] = "lrp"
    same_as: ClassVar[str | None] = "rollout"


class Talker(Attributor):
    """Asks the model, which cannot answer that."""

    name: ClassVar[str] = "talker"

    def attribute(self, case: Case) -> Attribution:
        case.score([case.image])
        raise harness.NotApplicable(f"{case.model.name} was never trained to\nground anything")


@hookimpl
def attributors() -> list[type[Attributor]]:
    return [Rollout, Lrp, Talker]


def test_a_run_says_what_is_the_same_and_what_can_say_nothing(tmp_path: Path) -> None:
    bench = toys.bench(tmp_path / "bench", indices=(0, 1, 2))
    here = sys.modules[__name__]
    ended = toy_run(tmp_path / "out", ["rollout", "lrp", "talker"], here, bench=bench)
    assert ended.finished == ended.total and issubclass(NotApplicable, harness.HarnessError)
    run = read_results(tmp_path / "out")
    assert run.header.plugins["attributor"]["lrp"].same_as == "rollout"
    for one in run.rows:
        if one.attributor == "talker":
            assert (one.status, one.error) == ("not_applicable", "toy was never trained to ground anything")
            assert one.metrics == one.unmeasured == {} and one.boxes == []
    for ranking in make_board([tmp_path / "out"]).rankings:
        names = {score.name: score for score in ranking.scores}
        assert {*names} == {"rollout = lrp", "talker"} and ranking.pairs == []
        assert (names["talker"].records, names["talker"].not_applicable, names["talker"].rank) == (0, 3, None)
        assert names["talker"].means["iou"] is None and names["talker"].failed == 0
    assert verify(tmp_path / "out", toys.registry(here), bench).sentences == []
