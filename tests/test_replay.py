"""Explaining records anew shows what no other check can: what the methods really say."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import toys
from evaluating import toy_run
from rows import read_lines, write_lines
from toys import registry

from leaderboard.board import make_board
from leaderboard.render.csv_json import to_csv
from leaderboard.verify import verify
from leaderboard.verifying import replay as replaying

RECORDS = 8


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the toys; of two of its records the image cannot be read."""
    folder = tmp_path_factory.mktemp("honest")
    bench = toys.bench(folder / "bench")
    toy_run(folder / "out", ["good", "map", "traces"], bench=bench, metrics=["deletion"])
    return folder


def forge(honest: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> list[str]:
    """What is said once one result, of the method map, was changed, and all records are explained anew."""
    shutil.copytree(honest / "out", tmp_path / "out")
    lines = read_lines(tmp_path / "out")
    change(next(line for line in lines[1:] if line["attributor"] == "map" and line["status"] == "ok"))
    write_lines(tmp_path / "out", lines)
    return verify(tmp_path / "out", registry(), honest / "bench", replay=RECORDS).sentences


def test_an_honest_run_has_nothing_unchecked(honest: Path) -> None:
    found = verify(honest / "out", registry(), honest / "bench", replay=RECORDS)
    assert found.sentences == [] and found.replayed == found.records == RECORDS
    assert found.unchecked == [] and found.status == 0  # nor the figures that only the model gives
    part = verify(honest / "out", registry(), honest / "bench", replay=3, seed=1)
    assert part.sentences == [] and part.replayed == 3 and part.status == 3
    assert any("What the methods said of 5 of 8 records was not computed again" in one for one in part.unchecked)


FORGERIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "forward": lambda row: row.update(forward=1),
    "metrics": lambda row: row["metrics"].update(deletion=0.9),
    "concept_scores": lambda row: row.update(concept_scores={"left lung": 1.0}, concept=None),
    "map_range": lambda row: row.update(map_range=[0.0, 123.0]),
    "token_scores": lambda row: row.update(token_scores=[0.5]),
}


@pytest.mark.parametrize("field", FORGERIES)
def test_what_nothing_else_shows(honest: Path, tmp_path: Path, field: str) -> None:
    sentences = forge(honest, tmp_path, FORGERIES[field])
    assert any("explained anew, it has other" in one and field in one for one in sentences), sentences


def test_other_boxes_and_the_figures_that_fit_them(honest: Path, tmp_path: Path) -> None:
    """A row that is right in itself, and that no method gave."""

    def copy(row: dict[str, Any]) -> None:
        good = read_lines(honest / "out")[1]
        assert good["attributor"] == "good"
        row.update({name: good[name] for name in ("boxes", "metrics", "concept", "concept_scores")})

    (sentence,) = (one for one in forge(honest, tmp_path, copy) if "anew" in one)
    assert "boxes" in sentence and "metrics" in sentence


def test_a_failure_that_was_none(honest: Path, tmp_path: Path) -> None:
    worst = {"iou": 0.0, "precision": 0.0, "recall": 0.0, "f1": 0.0}

    def fail(row: dict[str, Any]) -> None:
        row.update(status="failed", error="it broke", boxes=[], peak=None, map_range=None, map_values=None)
        row["metrics"].update({name: worst[name] for name in worst if name in row["metrics"]})

    assert any("explained anew, it has other status" in one for one in forge(honest, tmp_path, fail))


def test_other_libraries_may_round_otherwise(
    honest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "_same_machine", lambda header: False)

    def nudge(row: dict[str, Any]) -> None:
        row["boxes"] = [[edge + 0.25 for edge in box] for box in row["boxes"]]

    assert not any("anew" in one for one in forge(honest, tmp_path, nudge))
    found = verify(honest / "out", registry(), honest / "bench", replay=1)
    assert any("compared to within 0.01, edges to within 1 pixel" in one for one in found.unchecked)


def test_a_spreadsheet_runs_nothing(honest: Path, tmp_path: Path) -> None:
    shutil.copytree(honest / "out", tmp_path / "out")
    head, *rows = read_lines(tmp_path / "out")
    write_lines(tmp_path / "out", [head, *(row | {"attribute": "=1+1"} for row in rows)])
    assert "'=1+1" in to_csv(make_board([tmp_path / "out"])) and ",=1" not in to_csv(make_board([tmp_path / "out"]))
