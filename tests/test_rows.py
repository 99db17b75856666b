"""Rows and headers: one schema, and a sentence for what does not fit it; variants under labels of their own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toys
from evaluating import evaluate
from rows import read_lines, write_lines
from toys import ToyModel

from harness.contracts.attributor import Attribution
from harness.errors import HarnessError
from harness.imaging.frame import Box, Letterbox
from harness.run.header import Header
from harness.run.results import read_results
from harness.run.row import ResultKey, Row
from harness.run.shared_case import said_of
from harness.testing.region import REGION, RegionModel, make_case
from leaderboard.render.gallery_observer import FOLDER


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The journal of a small run, parsed."""
    folder = tmp_path_factory.mktemp("rows")
    evaluate(
        toys.registry(), ["good", "map", "bad"], metrics=["deletion"], bench=toys.bench(folder / "bench"),
        output=folder / "out",
    )  # fmt: skip
    return read_lines(folder / "out")


def write(folder: Path, lines: list[dict[str, Any]]) -> Path:
    return write_lines(folder, lines)


def test_what_is_written_is_what_is_read(lines: list[dict[str, Any]]) -> None:
    header, *rows = lines
    assert Header.read(header).line() == header
    for line in rows:
        row = Row.read(line)
        assert row.line() == line and list(row.line()) == list(Row.model_fields)
        assert row.key == ResultKey(*row.record, row.attributor)


ROW_FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"colour": "red"}, "the field 'colour' is not known to this version of the harness"),
    ({"boxes": None}, "the field 'boxes' is null: "),
    ({"boxes": [[1, 2, 3]]}, r"the field 'boxes\.0' is \[1, 2, 3\]: "),
    ({"index": -1}, "the field 'index' is -1: "),
    ({"index": "1"}, "the field 'index' is \"1\": "),
    ({"mode": "cot"}, "the field 'mode' is \"cot\": "),
    ({"status": "fine"}, "the field 'status' is \"fine\": "),
    ({"metrics": {"iou": "high"}}, r"the field 'metrics\.iou' is \"high\": "),
    ({"metrics": {"guess": 1.0}}, "its metric 'guess' is not in the header"),
    ({"unmeasured": {"iou": "no reason"}}, "its iou is measured and unmeasured"),
    ({"status": "failed"}, "it failed without an error"),
    ({"status": "not_applicable", "error": "x"}, "it is not applicable and yet has boxes"),
    ({"attributor": "other"}, "its attributor 'other' is not in the header"),
    ({"model": "other"}, "its model 'other' has no direct records in the header"),
]


@pytest.mark.parametrize(("change", "said"), ROW_FAULTS)
def test_a_row_that_does_not_fit_gets_a_sentence(
    tmp_path: Path, lines: list[dict[str, Any]], change: dict[str, Any], said: str
) -> None:
    good = next(place for place, line in enumerate(lines) if line.get("status") == "ok" and line["mode"] == "direct")
    broken = [line | change if place == good else line for place, line in enumerate(lines)]
    with pytest.raises(HarnessError, match=rf"is broken at line {good + 1} \({said}"):
        read_results(write(tmp_path, broken))


@pytest.mark.parametrize("field", list(Row.model_fields))
def test_a_field_that_is_missing_is_named(tmp_path: Path, lines: list[dict[str, Any]], field: str) -> None:
    without = {name: value for name, value in lines[1].items() if name != field}
    with pytest.raises(HarnessError, match=rf"(broken|damaged) at line 2 \(the field '{field}' is missing\)"):
        read_results(write(tmp_path, [lines[0], without]))


@pytest.mark.parametrize("field", [name for name in Header.model_fields if name != "format"])
def test_a_header_that_lacks_a_field_or_has_one_too_many(
    tmp_path: Path, lines: list[dict[str, Any]], field: str
) -> None:
    without = {name: value for name, value in lines[0].items() if name != field}
    with pytest.raises(HarnessError, match=rf"broken at line 1 \(the field '{field}' is missing\)"):
        read_results(write(tmp_path, [without, *lines[1:]]))
    with pytest.raises(HarnessError, match=r"broken at line 1 \(the field 'more' is not known"):
        read_results(write(tmp_path, [lines[0] | {"more": 1}, *lines[1:]]))


def test_a_method_runs_twice_under_two_labels(tmp_path: Path) -> None:
    bench = toys.bench(tmp_path / "bench")
    options = ["map@coarse.blur=9", "map.blur=2"]
    ended = evaluate(toys.registry(), ["map", "map@coarse"], options=options, bench=bench, output=tmp_path / "out")
    assert ended.total == ended.finished == 16
    results = read_results(tmp_path / "out")
    assert results.header.attributors == ["map", "map@coarse"]
    about = results.header.plugins["attributor"]
    assert [about[label].options["blur"] for label in ("map", "map@coarse")] == [2, 9]
    # The same method, seed and case: what differs between the two is the label.
    pairs = [results.rows[place : place + 2] for place in range(0, 16, 2)]
    assert all(one.boxes == other.boxes and one.record == other.record for one, other in pairs)
    alone = tmp_path / "alone"
    evaluate(toys.registry(), ["map@coarse"], options=options[:1], bench=bench, output=alone)
    assert read_results(alone).rows == [row for row in results.rows if row.attributor == "map@coarse"]


def test_a_model_runs_twice_under_two_labels(tmp_path: Path) -> None:
    bench = toys.bench(tmp_path / "bench")
    evaluate(toys.registry(), ["good"], models=["toy_1b", "toy@tuned"], bench=bench, output=tmp_path / "out")
    results = read_results(tmp_path / "out")
    assert results.header.planned["direct"] == {"toy": 4, "toy@tuned": 4} and results.header.available == 16
    assert [row.model for row in results.rows] == ["toy"] * 8 + ["toy@tuned"] * 8
    assert toys.ToyModel.loads == ["toy", "toy"]


@pytest.mark.parametrize(
    ("attributors", "options", "said"),
    [
        (["map@"], [], "Bad variant 'map@': after the @ of map@ comes one word"),
        (["map@a b"], [], "Bad variant"),
        (["mpa@x"], [], "No attributor is named 'mpa'; did you mean 'map'"),
        (["map@x"], ["map.blur=3"], "There is an option for 'map', which takes no part in this run; these do: .*map@x"),
        (["map@x"], ["map@y.blur=3"], "There is an option for 'map@y'"),
    ],
)
def test_bad_labels_are_named(tmp_path: Path, attributors: list[str], options: list[str], said: str) -> None:
    bench = toys.bench(tmp_path / "bench")
    with pytest.raises(HarnessError, match=said):
        evaluate(toys.registry(), attributors, options=options, bench=bench, output=tmp_path / "out")


def test_a_recorded_answer_is_stripped_before_it_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chat templates trim it; the row keeps what was recorded, and token scores are those of what was explained."""
    scored: list[str] = []
    score = ToyModel.score
    monkeypatch.setattr(ToyModel, "score", lambda *given: (scored.append(given[-1]), score(*given))[1])
    for name, text in (("plain", "Yes"), ("newline", " Yes\n")):
        toys.write_records(tmp_path / "bench", [replace(toys.record(0), prediction=text)])
        evaluate(toys.registry(), ["good"], bench=tmp_path / "bench", output=tmp_path / name, gallery=1)
    (plain,), (row,) = (read_results(tmp_path / name).rows for name in ("plain", "newline"))
    assert (row.answer, row.status) == (" Yes\n", "ok")
    assert row.token_scores == plain.token_scores and len(row.token_scores or ()) == 1
    assert set(scored) == {"Yes"}
    (about,) = (tmp_path / "newline" / FOLDER).glob("*.json")
    assert json.loads(about.read_text())["tokens"] == ["Yes"]


def test_an_answer_of_white_space_cannot_be_explained(tmp_path: Path) -> None:
    toys.write_records(tmp_path / "bench", [replace(toys.record(0), prediction=" \n")])
    evaluate(toys.registry(), ["good"], bench=tmp_path / "bench", output=tmp_path / "out")
    (row,) = read_results(tmp_path / "out").rows
    assert (row.status, row.error, row.answer) == ("failed", "The recorded answer is empty.", " \n")


def test_texts_that_no_file_can_hold_are_escaped(tmp_path: Path) -> None:
    text = "yes \ud83d"  # half of a character
    toys.write_records(tmp_path / "bench", [replace(toys.record(0), prediction=text)])
    evaluate(toys.registry(), ["good"], bench=tmp_path / "bench", output=tmp_path / "out")
    assert read_results(tmp_path / "out").rows[0].answer == r"yes \ud83d"


def test_rows_keep_the_range_of_the_raw_map() -> None:
    """Within the image, as the method gave it; how many values differ is counted as float32."""
    place = Letterbox(100, 200)  # bars to the left and right
    case = make_case(RegionModel(REGION), np.zeros((place.side, place.side, 3), np.uint8))
    case = replace(case, content=place.content)
    saliency = np.full((place.side, place.side), 99.0)
    saliency[:, 56:168] = 0.5
    saliency[3, 60:63] = -2, 0.5 + 1e-12, 1e300  # the second is the same number as float32
    said = said_of(Attribution(saliency=saliency), case, place)
    assert (said["map_range"], said["map_values"]) == ([-2, 1e300], 3)
    said = said_of(Attribution(boxes=[Box(1, 1, 2, 2)]), case, place)
    assert said["map_range"] is said["map_values"] is None
    flat = said_of(Attribution(saliency=np.full((place.side, place.side), 1 / 3)), case, place)
    assert (flat["map_range"], flat["map_values"]) == ([0.333333333] * 2, 1)
