"""The run: isolation, honest zeros, repeatable bytes, resumption, and what it reads and loads."""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toys
from evaluating import evaluate
from rich.console import Console
from toys import EVIDENCE, PLACE, REGION, UNREADABLE, ToyModel, ToySource

from harness.contracts.attributor import Attribution
from harness.contracts.case import Case
from harness.contracts.mode import MODES
from harness.errors import HarnessError, one_line
from harness.evaluating.loop import Ended
from harness.imaging.frame import Box
from harness.imaging.overlap import overlap
from harness.run.journal_reading import read_journal
from harness.run.shared_case import seed_everything
from harness.run.worker import seed_of

NAMES = ("good", "map", "traces")


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    return toys.bench(tmp_path / "bench")


def run(bench: Path, output: Path, attributors: Sequence[str] = NAMES, **settings: Any) -> Ended:
    return evaluate(toys.registry(), attributors, **{"bench": bench, "output": output, **settings})


def rows(folder: Path, **want: Any) -> list[dict[str, Any]]:
    return [r for r in read_journal(folder)[1] if all(r[name] == value for name, value in want.items())]


def test_rows_hold_the_result(bench: Path, tmp_path: Path) -> None:
    result = run(bench, tmp_path / "out")
    assert result == Ended(tmp_path / "out", finished=24, failed=6, interrupted=False, total=24, not_applicable=0)
    row = rows(tmp_path / "out", index=1, attributor="good", mode="reasoning")[0]
    native = PLACE.to_native(REGION)
    np.testing.assert_allclose(row["boxes"], [native], atol=6e-3)
    assert row["truth"] == [list(EVIDENCE)] and row["metrics"]["iou"] > 0.999 and row["metrics"]["f1"] > 0.999
    assert row["answer"] == "The mass is bright, so yes" and row["attribute"] == "toy nodule"
    assert (row["concept"], row["true_concepts"], row["fallback"]) == ("left lung", ["left lung"], False)
    assert len(row["token_scores"]) == 6 and row["concept_scores"]["left lung"] > 0
    assert row["concept_token_scores"] == {"left lung": [0.5] * 6, "right lung": [0.0] * 6}
    for row in rows(tmp_path / "out", status="ok"):
        again = overlap([Box(*box) for box in row["boxes"]], [Box(*box) for box in row["truth"]])
        assert row["metrics"]["iou"] == round(again.iou, 6) and row["metrics"]["recall"] == round(again.recall, 6)
    assert all(row["completeness"] is None for row in rows(tmp_path / "out"))
    map_row = rows(tmp_path / "out", index=1, attributor="map", mode="direct")[0]
    assert map_row["metrics"]["iou"] > 0.5 and map_row["concept"] is None and map_row["concept_scores"] is None


def test_header_has_no_time_and_no_place(bench: Path, tmp_path: Path) -> None:
    run(bench, tmp_path / "out", options=["map.blur=9"], limit=5, seed=3)
    header = read_journal(tmp_path / "out")[0]
    assert header["plugins"]["attributor"]["map"]["options"] == {"blur": 9}
    assert header["plugins"]["model"]["toy"]["distribution"] == "(given)"
    assert header["attributors"] == list(NAMES) and list(header["bench"]) == ["direct", "reasoning"]
    assert (header["seed"], header["limit"], header["available"]) == (3, 5, 8)
    assert sum(header["planned"][mode]["toy"] for mode in header["planned"]) == 5
    assert str(tmp_path) not in json.dumps(header)
    assert {"harness", "python", "torch", "transformers", "device"} <= header.keys()


def test_two_runs_give_the_same_bytes(bench: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        run(bench, tmp_path / name, (*NAMES, "bad"))
    first, second = ((tmp_path / name / "journal.jsonl").read_bytes() for name in ("a", "b"))
    assert first == second and b"seconds" not in first
    run(bench, tmp_path / "c", (*NAMES, "bad"), seed=1)
    seeds = [rows(tmp_path / name, attributor="map", status="ok") for name in ("a", "c")]
    assert seeds[0] != seeds[1]


def test_results_do_not_depend_on_who_else_takes_part(bench: Path, tmp_path: Path) -> None:
    run(bench, tmp_path / "all", ("bad", "traces", "good", "map", "answers-only"))
    run(bench, tmp_path / "alone", ("map",))
    assert rows(tmp_path / "all", attributor="map") == rows(tmp_path / "alone")


@pytest.mark.parametrize("stop", [1, 4, 6, 7])
def test_an_interrupted_run_goes_on_to_the_same_bytes(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    calls, attribute = [], toys.Good.attribute

    def stopping(self: toys.Good, case: Case) -> Attribution:
        calls.append(1)
        if len(calls) == stop:
            raise KeyboardInterrupt
        return attribute(self, case)

    monkeypatch.setattr(toys.Good, "attribute", stopping)
    first = run(bench, tmp_path / "out", ("map", "good", "traces"))
    assert first.interrupted == (stop <= 6)
    assert first.interrupted == (first.finished < first.total)
    monkeypatch.undo()
    assert not run(bench, tmp_path / "out", ("map", "good", "traces")).interrupted
    run(bench, tmp_path / "again", ("map", "good", "traces"))
    resumed, unbroken = ((tmp_path / name / "journal.jsonl").read_bytes() for name in ("out", "again"))
    assert resumed == unbroken


def test_a_finished_run_does_nothing_more(bench: Path, tmp_path: Path) -> None:
    run(bench, tmp_path / "out")
    before = (tmp_path / "out" / "journal.jsonl").read_bytes()
    result = run(bench, tmp_path / "out")
    assert result.finished == 24 and not ToyModel.loads and not ToySource.reads
    assert (tmp_path / "out" / "journal.jsonl").read_bytes() == before
    run(bench, tmp_path / "out", fresh=True)
    assert ToyModel.loads == ["toy"]


def test_other_settings_are_refused(bench: Path, tmp_path: Path) -> None:
    run(bench, tmp_path / "out", limit=2)
    for settings in ({"seed": 1}, {"options": ["map.blur=5"]}, {"upsampling": "nearest"}, {"records": ["toy:0"]}):
        with pytest.raises(HarnessError, match="--fresh"):
            run(bench, tmp_path / "out", **{"limit": 2, **settings})
    toys.bench(bench, indices=range(3))
    with pytest.raises(HarnessError, match=r"bench\.direct\.sha256"):
        run(bench, tmp_path / "out", limit=2)


def test_reads_each_image_and_walks_each_source_once(bench: Path, tmp_path: Path) -> None:
    toys.bench(bench, ("toy", "black-box"), (0, 2))
    run(bench, tmp_path / "out", ("good", "map", "answers-only"))
    assert ToySource.walks == [0, 1, 2]
    assert ToySource.reads == [0, 2, 0, 2]  # once a model: only one of them is in memory
    assert ToyModel.loads == ["toy", "black-box"]


def test_the_original_is_scored_once_and_charged_to_all_who_use_it(bench: Path, tmp_path: Path) -> None:
    toys.bench(bench, indices=(0,))
    run(bench, tmp_path / "out", ("good", "map", "traces", "answers-only"), modes=["direct"])
    costs = {row["attributor"]: (row["forward"], row["backward"]) for row in rows(tmp_path / "out")}
    assert costs == {"good": (1, 0), "map": (2, 0), "traces": (1, 0), "answers-only": (0, 0)}
    assert len(ToyModel.scored) == 3  # the original once, the map's own, and the trace


BAD = {
    "raise": "RuntimeError: a fault of <object object at 0x...> [31m| `x` <b>",
    "exit": "SystemExit: 3",
    "nan": "NaN",
    "nan-box": "not four finite edges",
    "nan-score": "a concept's score is nan",
    "shape": "saliency map has shape (7, 7)",
    "inverted": "is inverted",
    "empty": "is empty",
    "nothing": "neither boxes nor a saliency map",
    "none": "returned NoneType instead of an Attribution",
}


@pytest.mark.parametrize("how", BAD)
def test_a_bad_attributor_fails_alone(bench: Path, tmp_path: Path, how: str) -> None:
    result = run(bench, tmp_path / "out", ("bad", "good"), options=[f"bad.how={how}"])
    assert result.failed == 8 + 2  # all of its own, and the good one's two of the unreadable image
    for row in rows(tmp_path / "out", attributor="bad"):
        assert row["status"] == "failed" and row["boxes"] == []
        assert [row["metrics"][name] for name in ("iou", "precision", "recall", "f1")] == [0.0] * 4
        assert "\n" not in row["error"] and "\x1b" not in row["error"]
        if row["index"] != UNREADABLE:
            assert BAD[how] in row["error"]
    assert [row["metrics"]["iou"] > 0.99 for row in rows(tmp_path / "out", attributor="good")] == [True] * 6 + [
        False
    ] * 2
    assert b"NaN" not in (tmp_path / "out" / "journal.jsonl").read_bytes().replace(b"holds NaN", b"")


@pytest.mark.parametrize("how", ["flat", "outside"])
def test_pointing_at_nothing_is_no_fault_but_scores_zero(bench: Path, tmp_path: Path, how: str) -> None:
    run(bench, tmp_path / "out", ("bad",), options=[f"bad.how={how}"])
    for row in rows(tmp_path / "out"):
        assert row["boxes"] == [] and row["metrics"]["iou"] == 0
        assert (row["status"] == "failed") == (row["index"] == UNREADABLE)


def test_an_unreadable_image_is_a_zero_with_a_reason(bench: Path, tmp_path: Path) -> None:
    run(bench, tmp_path / "out", ("good",))
    for row in rows(tmp_path / "out", index=UNREADABLE):
        assert (row["status"], row["metrics"]["iou"], row["error"]) == ("failed", 0.0, "The image toy:3 is broken.")
        assert row["truth"] == [list(EVIDENCE)]


def test_impossible_annotations_fail_their_sample(bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toys, "EVIDENCE", Box(0, 0, float("nan"), 5))
    monkeypatch.setattr(ToySource, "image", lambda self, sample: np.zeros((40, 20, 3), np.uint8))
    run(bench, tmp_path / "out", ("good",))
    assert {row["status"] for row in rows(tmp_path / "out")} == {"failed"}
    assert rows(tmp_path / "out")[0]["truth"] == [[0.0, 0.0, None, 5.0]]


def test_what_a_model_cannot_do_is_not_applicable(bench: Path, tmp_path: Path) -> None:
    toys.bench(bench, ("toy", "black-box"), (0, 1))
    console = Console(file=io.StringIO(), width=200)
    result = run(bench, tmp_path / "out", ("good", "traces", "answers-only"), console=console)
    assert (result.not_applicable, result.failed, result.finished) == (8, 0, 24)
    for row in rows(tmp_path / "out", status="not_applicable"):
        assert row["model"] == "black-box" and row["metrics"] == {}
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert said.count("good needs score, which black-box does not offer") == 1
    assert len(rows(tmp_path / "out", model="black-box", attributor="answers-only", status="ok")) == 4
    # Nothing to be done: nothing is loaded.
    run(bench, tmp_path / "none", ("good",), models=["black-box"])
    assert not ToyModel.loads and not ToySource.reads


def test_a_model_that_does_not_load_stops_the_run_and_keeps_the_rest(bench: Path, tmp_path: Path) -> None:
    toys.bench(bench, ("toy", "no-weights"))
    with pytest.raises(HarnessError, match="'no-weights' cannot be loaded: OSError: no such checkpoint"):
        run(bench, tmp_path / "out", ("good",))
    assert len(rows(tmp_path / "out", model="toy")) == 8


def test_what_an_attributor_has_to_say_is_said_and_kept(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toys.Good, "notes", lambda self, sources: [f"good: tuned on [others] than {sources}."])
    console = Console(file=io.StringIO(), width=200)
    run(bench, tmp_path / "out", ("good", "map"), console=console)
    note = "good: tuned on [others] than {'toy'}."
    assert console.file.getvalue().count(note) == 1  # type: ignore[attr-defined]
    plugins = read_journal(tmp_path / "out")[0]["plugins"]["attributor"]
    assert plugins["good"]["notes"] == [note] and plugins["map"]["notes"] == []
    monkeypatch.setattr(toys.Good, "notes", lambda self, sources: 1 / 0)
    with pytest.raises(HarnessError, match="'good' cannot be set up: ZeroDivisionError"):
        run(bench, tmp_path / "other")


def test_runs_on_a_terminal(bench: Path, tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    run(bench, tmp_path / "out", ("good",), console=console)
    assert "toy" in console.file.getvalue()  # type: ignore[attr-defined]


def test_timings_name_their_stage(bench: Path, tmp_path: Path) -> None:
    run(bench, tmp_path / "out", ("good",))
    timed = [json.loads(line) for line in (tmp_path / "out" / "timings.jsonl").read_text().splitlines()]
    assert Counter(row["stage"] for row in timed) == {"load": 1, "read": 3, "attribute": 6}
    assert all(row["seconds"] >= 0 for row in timed)


def test_seeds_differ_by_what_they_are_for() -> None:
    samples = list(ToySource().samples())
    seeds = {seed_of(seed, sample, mode) for seed in (0, 1) for sample in samples for mode in MODES}
    assert len(seeds) == 2 * len(samples) * 2
    assert seed_of(0, samples[3], "direct") == 3827999033  # the same in every process and version


def test_errors_in_one_line() -> None:
    assert one_line(ValueError("a\n\tb \x00 at 0x7f3a2b1c")) == "ValueError: a b at 0x..."
    assert len(one_line(ValueError("x" * 999))) == 300


def test_global_generators_are_seeded() -> None:
    torch = pytest.importorskip("torch")
    drawn = []
    for seed in (5, 6, 5):
        seed_everything(seed)
        drawn.append((random.random(), np.random.random(), float(torch.rand(1))))  # noqa: NPY002
    assert drawn[0] == drawn[2] and all(a != b for a, b in zip(drawn[0], drawn[1], strict=True))
