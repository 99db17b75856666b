"""What a run does about results that failed, and before anything is computed."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import toys
from test_growing import rows, run
from toys import ToyModel, ToySource

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.errors import HarnessError


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    return toys.bench(tmp_path / "bench")


# -- failing --------------------------------------------------------------------------------------------------------
class Moody(Attributor):
    """Fails, or is slow, as it is told."""

    name: ClassVar[str] = "moody"
    mood: ClassVar[str] = "good"

    def attribute(self, case: Case) -> Attribution:
        if self.mood == "bad":
            raise RuntimeError("not today")
        if self.mood == "slow":
            try:
                for _ in range(1000):
                    time.sleep(0.01)
            except Exception:
                return Attribution(boxes=[case.content])
        return Attribution(boxes=[case.content])


class Moodies:
    __name__ = "moody_of_a_test"

    from harness.hookspecs import hookimpl

    @hookimpl
    def attributors(self) -> list[type[Attributor]]:
        return [Moody]


@pytest.fixture(autouse=True)
def _good_mood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Moody, "mood", "good")


def test_what_failed_is_explained_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, out = toys.bench(tmp_path / "bench", indices=(0, 1)), tmp_path / "out"
    monkeypatch.setattr(Moody, "mood", "bad")
    assert run(out, ("good", "moody"), Moodies(), bench=bench)[0].failed == 4
    monkeypatch.setattr(Moody, "mood", "good")
    ended, said = run(out, ("good", "moody"), Moodies(), bench=bench)
    assert ended.failed == 4 and "4 results that are there failed; --retry-failed explains them once more" in said
    ended, said = run(out, ("good", "moody"), Moodies(), bench=bench, retry_failed=True)
    assert ended.failed == 0 and ended.finished == 8 and "4 results that failed are explained once more" in said
    assert Counter(row["status"] for row in rows(out)) == {"ok": 8}
    assert len((out / "journal-replaced.jsonl").read_text().splitlines()) == 4


@pytest.mark.parametrize(("allowed", "there"), [("2", 3), ("10%", 1), ("0", 1), ("100%", 8)])
def test_a_hopeless_run_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: str, there: int) -> None:
    bench = toys.bench(tmp_path / "bench", indices=(0, 1, 2, 5))
    monkeypatch.setattr(Moody, "mood", "bad")
    ended, said = run(tmp_path / "out", ("moody",), Moodies(), bench=bench, max_failures=allowed)
    assert ended.finished == there == len(rows(tmp_path / "out")) and ended.given_up == (there < 8)
    assert ("the run ends here" in said) == (there < 8)


def test_a_result_that_takes_too_long_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = toys.bench(tmp_path / "bench", indices=(0,))
    monkeypatch.setattr(Moody, "mood", "slow")
    ended, _ = run(tmp_path / "out", ("moody", "good"), Moodies(), bench=bench, timeout=0.1, modes=["direct"])
    assert ended.failed == 1 and ended.finished == 2
    assert rows(tmp_path / "out")[0]["error"] == "It took longer than 0.1 s, which --timeout allows."


# -- before anything is computed ------------------------------------------------------------------------------------
def test_nothing_is_lost_to_a_run_that_cannot_begin(tmp_path: Path) -> None:
    bench, out = toys.bench(tmp_path / "bench"), tmp_path / "out"
    run(out, ("good",), bench=bench)
    before = (out / "journal.jsonl").read_bytes()
    toys.bench(tmp_path / "other", ("no-weights",))
    for more in ({"fresh": True}, {}):
        with pytest.raises(HarnessError, match=r"no such checkpoint|bench\.direct"):
            run(out, ("good",), bench=tmp_path / "other", **more)
        assert (out / "journal.jsonl").read_bytes() == before
    with pytest.raises(HarnessError, match="no such checkpoint"):
        run(tmp_path / "new", ("good",), bench=tmp_path / "other")
    assert not (tmp_path / "new").exists()  # no journal that holds nothing but its header


class Careful(ToyModel):
    """Says beforehand that its weights are not there."""

    name: ClassVar[str] = "careful"
    aliases: ClassVar[tuple[str, ...]] = ()

    def files(self) -> list[Path]:
        return [Path("/no/such/weights")]


class Models:
    __name__ = "models_of_a_test"

    from harness.hookspecs import hookimpl

    @hookimpl
    def models(self) -> list[Any]:
        return [Careful]

    @hookimpl
    def attributors(self) -> list[type[Attributor]]:
        return [Blind]


class Blind(Attributor):
    """Needs no model."""

    name: ClassVar[str] = "blind"
    needs: ClassVar[frozenset[Any]] = frozenset()

    def attribute(self, case: Case) -> Attribution:
        return Attribution(boxes=[case.content])


def test_weights_that_are_not_there_are_told_before_anything_is_computed(tmp_path: Path) -> None:
    bench = toys.bench(tmp_path / "bench", ("toy", "careful"), (0, 1))
    with pytest.raises(HarnessError, match=r"/no/such/weights is not there, which careful computes with"):
        run(tmp_path / "out", ("good",), Models(), bench=bench)
    assert not ToyModel.loads and not ToySource.reads


def test_a_method_that_needs_no_model_needs_no_weights(tmp_path: Path) -> None:
    bench = toys.bench(tmp_path / "bench", ("careful",), (0, 1))
    ended, _ = run(tmp_path / "out", ("blind",), Models(), bench=bench)
    assert ended.finished == 4 and not ended.failed and not ToyModel.loads
    toys.bench(tmp_path / "toy", ("toy",), (0, 1))
    run(tmp_path / "grows", ("blind",), Models(), bench=tmp_path / "toy")
    ended, _ = run(tmp_path / "grows", ("good",), Models(), bench=tmp_path / "toy")
    assert ended.finished == 8 and ToyModel.loads == ["toy"]


# -- one record, and none -------------------------------------------------------------------------------------------
def test_records_by_name(tmp_path: Path, bench: Path) -> None:
    run(tmp_path / "out", ("good",), bench=bench, records=["toy:1"])
    assert {row["index"] for row in rows(tmp_path / "out")} == {1} and len(rows(tmp_path / "out")) == 2
    run(tmp_path / "out", ("good",), bench=bench, records=["toy:0"])
    assert [row["index"] for row in rows(tmp_path / "out")] == [1, 1, 0, 0]
    with pytest.raises(HarnessError, match=r"no record 'toy:77' .* SOURCE:INDEX, as in toy:0"):
        run(tmp_path / "x", ("good",), bench=bench, records=["toy:77"])


def test_a_dry_run_tells_and_does_nothing(tmp_path: Path, bench: Path) -> None:
    ended, said = run(tmp_path / "out", ("good", "map"), bench=bench, dry_run=True)
    assert ended.finished == 0 and not (tmp_path / "out").exists() and not ToyModel.loads
    assert "Nothing was run" in said and said.count("?") == 4
    run(tmp_path / "out", ("good", "map"), bench=bench, limit=2)
    before = (tmp_path / "out" / "journal.jsonl").read_bytes()
    _, said = run(tmp_path / "out", ("good", "map"), bench=bench, dry_run=True)
    line = next(line for line in said.splitlines() if line.split()[:2] == ["toy", "map"])
    assert line.split()[2:5] == ["2", "6", "12"] and "seconds in all" in said
    assert (tmp_path / "out" / "journal.jsonl").read_bytes() == before


def test_more_true_boxes_than_a_journal_holds(tmp_path: Path, bench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = ToySource.samples
    monkeypatch.setattr(
        ToySource, "samples", lambda self: (replace(one, boxes=one.boxes * 1001) for one in samples(self))
    )
    with pytest.raises(HarnessError, match="Sample 0 of 'toy' has 1001 true boxes, and a journal holds at most 1000"):
        run(tmp_path / "out", ("good",), bench=bench)
