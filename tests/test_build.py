"""``harness build``: what it asks, what it keeps, and that nothing is lost or asked twice however it is stopped."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import toys
from rich.console import Console
from toys import DARK, UNREADABLE, WRONG_BOX, ToyEditor, ToyModel, ToySource

from harness.benchmark import read_records
from harness.building.build import OUTPUTS, Built, build
from harness.building.loop import BUILD
from harness.causal import GATES, ask, counterfactuals, judge
from harness.errors import HarnessError
from harness.journal import read_journal
from harness.runner import evaluate
from harness.source import MODES, Sample

WITHOUT = GATES[1].text


def run(folder: Path, **changes: Any) -> Built:
    """A build of the toy world."""
    settings = {"sources": ["toy"], "editor": "toy", "models": ["toy"], **changes}
    return build(toys.registry(), output=folder, console=Console(quiet=True), **settings)


def rows(folder: Path) -> list[dict[str, Any]]:
    return read_journal(folder / "work", BUILD)[1]


def report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in OUTPUTS if (folder / name).exists()}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are no networks to free; looking for them is most of a toy build's time."""
    monkeypatch.setattr(gc, "collect", lambda: 0)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions that models were asked."""
    questions: list[str] = []
    answer = ToyModel.answer

    def note(self: ToyModel, image: np.ndarray, question: str) -> str:
        questions.append(question)
        return answer(self, image, question)

    monkeypatch.setattr(ToyModel, "answer", note)
    return questions


def test_it_keeps_what_the_filter_keeps(tmp_path: Path) -> None:
    """The records are those that asking each sample by itself would give."""
    built = run(tmp_path, models=["toy", "black-box"])
    expected = []
    for sample in ToySource().samples():
        if sample.index != UNREADABLE:
            image = ToySource().image(sample)
            images = (image, *counterfactuals(ToyEditor(), image, sample))
            for model in (ToyModel(), toys.ToyBlackBox()):
                expected += [ask(model, images, sample, mode) for mode in MODES]
    kept = read_records(tmp_path)
    for mode in MODES:
        assert kept[mode] == [record for record in expected if record.mode == mode and judge(record) is None]
    assert (built.questions, built.survived, built.failed, built.interrupted) == (24, 12, 4, False)


def test_the_report_counts_every_gate(tmp_path: Path) -> None:
    run(tmp_path, modes=["direct"])
    said = report(tmp_path)
    (counts,) = said["filter"]
    assert {name: count for name, count in counts.items() if name != "attributes"} == {
        "mode": "direct", "model": "toy", "source": "toy", "samples": 6, "said yes": 4, GATES[0].reason: 1,
        GATES[1].reason: 1, GATES[2].reason: 0, GATES[3].reason: 0, "failed": 1, "survived": 3,
    }  # fmt: skip
    assert {name: row["survived"] for name, row in counts["attributes"].items()} == {"toy mass": 2, "toy nodule": 1}
    assert said["failures"] == [
        {"source": "toy", "index": UNREADABLE, "model": "toy", "mode": "direct", "view": "prediction",
         "error": f"The image toy:{UNREADABLE} is broken."}
    ]  # fmt: skip
    text = (tmp_path / "report.md").read_text()
    assert "| direct | toy | toy | 6 | 1 | 1 | 0 | 0 | 1 | 3 |" in text
    assert f"The image toy:{UNREADABLE} is broken." in text
    assert said["controls"] is None and not (tmp_path / "controls.json").exists()
    # Only what was built: another mode's file would be an empty benchmark.
    assert not (tmp_path / "reasoning.json").exists() and not (tmp_path / "reasoning.parquet").exists()


def test_a_no_is_not_asked_further_and_models_share_the_edits(tmp_path: Path, asked: list[str]) -> None:
    run(tmp_path, models=["toy", "black-box"], modes=["direct"])
    # Five readable originals, and three edits for each of the four that are bright.
    assert len(asked) == 2 * (5 + 3 * 4)
    assert len(ToyEditor.prompts) == 3 * 4
    assert not any(row["index"] == DARK and row["view"] != "prediction" for row in rows(tmp_path))


def test_edits_are_shared_by_runs(tmp_path: Path) -> None:
    run(tmp_path / "a", cache=tmp_path / "cache")
    made = len(ToyEditor.prompts)
    run(tmp_path / "b", cache=tmp_path / "cache", modes=["direct"])
    assert made and not ToyEditor.prompts
    run(tmp_path / "b", cache=tmp_path / "cache", modes=["direct"], seed=1, fresh=True)
    assert len(ToyEditor.prompts) == made
    assert not (tmp_path / "a" / "work" / "edits").exists()


def test_two_builds_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        run(tmp_path / name, controls=True, images=True)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert len(files(tmp_path / "a")) == len(OUTPUTS)
    names = ("build.jsonl",)
    assert [(tmp_path / "a" / "work" / n).read_bytes() for n in names] == [
        (tmp_path / "b" / "work" / n).read_bytes() for n in names
    ]


def test_a_finished_build_asks_nothing_and_takes_controls_on(tmp_path: Path, asked: list[str]) -> None:
    run(tmp_path / "once", controls=True)
    run(tmp_path / "twice")
    before, records = len(asked), files(tmp_path / "twice")
    run(tmp_path / "twice")
    assert len(asked) == before and not ToyModel.loads and files(tmp_path / "twice") == records
    run(tmp_path / "twice", controls=True)
    assert len(asked) == before + 2 * 3 * 2  # modes, survivors, controls
    assert files(tmp_path / "twice") == files(tmp_path / "once")
    assert (tmp_path / "twice" / "direct.json").read_bytes() == records["direct.json"]


def test_other_settings_are_another_build(tmp_path: Path) -> None:
    run(tmp_path, modes=["direct"])
    for changes in ({"seed": 1}, {"models": ["black-box"]}, {"modes": ["reasoning"]}, {"limit": 2}):
        with pytest.raises(HarnessError, match="other settings"):
            run(tmp_path, **{"modes": ["direct"], **changes})
    assert run(tmp_path, modes=["reasoning"], fresh=True).survived == 3
    assert not (tmp_path / "direct.json").exists() and not (tmp_path / "direct.parquet").exists()


def test_records_that_were_not_built_there_are_not_overwritten(tmp_path: Path) -> None:
    toys.bench(tmp_path)
    before = (tmp_path / "direct.json").read_bytes()
    with pytest.raises(HarnessError, match=r"direct\.json that was not built there"):
        run(tmp_path)
    assert (tmp_path / "direct.json").read_bytes() == before and not (tmp_path / "work").exists()


def test_a_limit_is_spread_over_the_samples(tmp_path: Path) -> None:
    run(tmp_path, limit=2, modes=["direct"])
    assert [row["index"] for row in rows(tmp_path) if row["view"] == "prediction"] == [1, 4]
    with pytest.raises(HarnessError, match="at least 1 sample"):
        run(tmp_path, limit=0)


def test_the_built_folder_can_be_evaluated(tmp_path: Path) -> None:
    run(tmp_path / "bench")
    result = evaluate(
        toys.registry(), ["good"], bench=tmp_path / "bench", output=tmp_path / "out", console=Console(quiet=True)
    )
    assert (result.finished, result.failed) == (6, 0)


# --- faults


@pytest.mark.parametrize("fault", [RuntimeError("no\nidea"), SystemExit(3)])
def test_a_model_that_fails_once_fails_one_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    answer = ToyModel.answer

    def fail(self: ToyModel, image: np.ndarray, question: str) -> str:
        if "nodule" in question:
            raise fault
        return answer(self, image, question)

    monkeypatch.setattr(ToyModel, "answer", fail)
    built = run(tmp_path, modes=["direct"])
    assert (built.survived, built.failed) == (2, 3)  # samples 0 and 2; 1 and 5 by the model, 3 has no image
    assert [row["error"] for row in rows(tmp_path) if row["index"] == 1] == [
        f"{type(fault).__name__}: {' '.join(str(fault).split())}"
    ]


@pytest.mark.parametrize("said", [None, "\ud800", 3])
def test_what_is_no_text_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Any) -> None:
    monkeypatch.setattr(ToyModel, "answer", lambda *_: said)
    assert run(tmp_path).survived == 0
    assert {row["status"] for row in rows(tmp_path)} == {"failed"}


def test_an_editor_that_fails_fails_its_samples_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit, calls = ToyEditor.edit, Counter[int]()

    def fail(self: ToyEditor, image: np.ndarray, *args: Any) -> np.ndarray:
        sample: Sample = args[-1]
        if sample.index == 2 and args[2] == "background":
            calls[sample.index] += 1
            raise RuntimeError("no noise")
        return edit(self, image, *args)

    monkeypatch.setattr(ToyEditor, "edit", fail)
    assert run(tmp_path, models=["toy", "black-box"], modes=["direct"]).survived == 4
    # Two background edits, tried once although two models ask for them.
    assert calls[2] == 2
    failed = [row for row in rows(tmp_path) if row["index"] == 2 and row["status"] == "failed"]
    assert len(failed) == 4 and {row["error"] for row in failed} == {"RuntimeError: no noise"}
    assert report(tmp_path)["filter"][0]["failed"] == 2


def test_an_editor_that_changes_the_size_is_not_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyEditor, "edit", lambda self, image, *_: image[1:])
    assert run(tmp_path, modes=["direct"]).survived == 0
    assert not list(tmp_path.rglob("*.png"))
    assert "the editor 'toy' made uint8 (399, 200, 3)" in (tmp_path / "report.md").read_text().replace("\\", "")


class OutOfMemoryError(RuntimeError):
    """Called as torch's."""


@pytest.mark.parametrize("where", ["answer", "edit"])
@pytest.mark.parametrize("error", [MemoryError(), OutOfMemoryError("CUDA out of memory")])
def test_no_memory_ends_the_build_and_keeps_what_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, error: Exception
) -> None:
    run(tmp_path / "whole")
    target: Any = ToyModel if where == "answer" else ToyEditor
    work, calls = getattr(target, where), []

    def fail(*args: Any) -> Any:
        calls.append(where)
        if len(calls) == 6:
            raise error
        return work(*args)

    with monkeypatch.context() as patch:
        patch.setattr(target, where, fail)
        with pytest.raises(HarnessError, match="Out of memory"):
            run(tmp_path / "stopped")
    assert rows(tmp_path / "stopped") and not files(tmp_path / "stopped")
    run(tmp_path / "stopped")
    assert files(tmp_path / "stopped") == files(tmp_path / "whole")


def test_ctrl_c_ends_the_build_and_keeps_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, calls = ToyModel.answer, []

    def stop(self: ToyModel, image: np.ndarray, question: str) -> str:
        calls.append(question)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return answer(self, image, question)

    with monkeypatch.context() as patch:
        patch.setattr(ToyModel, "answer", stop)
        assert run(tmp_path).interrupted
    assert len([row for row in rows(tmp_path) if row["status"] == "ok"]) == 4
    assert not run(tmp_path).interrupted


def test_a_full_disk_ends_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(HarnessError, match=r"edits cannot be written.*No space left"):
            run(tmp_path)
    assert len(rows(tmp_path)) == 12  # the originals
    assert not list(tmp_path.rglob("*.part")) and run(tmp_path).survived == 6


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        ("did you mean 'toy'", {"sources": ["toyy"]}),
        ("did you mean 'toy'", {"editor": "toyy"}),
        ("prefers no editor; say which by --editor NAME; installed: toy", {"editor": None}),
        ("--model NAME; installed: black-box, no-weights, toy", {"models": []}),
        ("no such checkpoint", {"models": ["no-weights"]}),
        ("needs no data", {"sources": []}),
        ("No mode", {"modes": []}),
        ("takes no part", {"options": ["map.blur=3"]}),
    ],
)
def test_what_the_user_can_put_right(tmp_path: Path, message: str, changes: dict[str, Any]) -> None:
    with pytest.raises(HarnessError, match=message):
        run(tmp_path / "out", **changes)
    assert not files(tmp_path / "out")


def test_weights_that_are_missing_end_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: ToyEditor) -> None:
        raise HarnessError("The editor's weights are not there.")

    monkeypatch.setattr(ToyEditor, "load", load)
    with pytest.raises(HarnessError, match="weights are not there"):
        run(tmp_path)
    assert all(row["view"] == "prediction" for row in rows(tmp_path))


def test_the_sources_of_a_data_root_are_those_it_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToySource, "editor", "toy")
    assert run(tmp_path / "a", sources=[], editor=None, data_root=tmp_path, modes=["direct"]).survived == 3

    def refuse(self: ToySource) -> Any:
        raise HarnessError("No annotations are there.")

    monkeypatch.setattr(ToySource, "samples", refuse)
    with pytest.raises(HarnessError, match=r"serves none of the installed sources\. toy: No annotations"):
        run(tmp_path / "b", sources=[], data_root=tmp_path)


def test_samples_must_be_numbered_as_promised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = list(ToySource().samples())
    for wrong in ([samples[1]], [samples[0], samples[0]], []):
        monkeypatch.setattr(ToySource, "samples", lambda self, wrong=wrong: iter(wrong))
        with pytest.raises(HarnessError, match=r"contract|no samples"):
            run(tmp_path)


# --- kill -9


class Deadly(ToyModel):
    """Logs every question and ends the process at the one whose number the environment gives."""

    name: ClassVar[str] = "toy"

    def answer(self, image: np.ndarray, question: str) -> str:
        log = Path(os.environ["TOY_LOG"])
        with log.open("a") as file:
            file.write(f"{image.sum()} {question}\n")
        if len(log.read_text().splitlines()) == int(os.environ.get("TOY_DIES_AT", 0)):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().answer(image, question)


_CHILD = """
import sys; sys.path[:0] = ["tests", "."]
import toys, test_build
from pathlib import Path
toys.ToyModel = test_build.Deadly
test_build.run(Path(sys.argv[1]), controls=True)
"""


def test_a_kill_loses_no_answer_and_asks_none_again(tmp_path: Path) -> None:
    whole, log = tmp_path / "whole", tmp_path / "log"
    run(whole, controls=True)
    deaths = (3, 17, 40)  # in the originals, the edits and the controls
    for death in (*deaths, 0):
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, str(tmp_path / "killed")], check=False, capture_output=True, text=True,
            env={**os.environ, "TOY_LOG": str(log), "TOY_DIES_AT": str(death)},
        )  # fmt: skip
        assert done.returncode == (-signal.SIGKILL if death else 0), done.stderr
        with (tmp_path / "killed" / "work" / BUILD.journal).open("ab") as journal:
            journal.write(b"" if not death else b'{"source": "toy", "ind')
    assert files(tmp_path / "killed") == files(whole)
    assert rows(tmp_path / "killed") == rows(whole)
    # Each killed question is asked once more, and nothing else is.
    answered = sum(row["answer"] is not None for row in rows(whole))
    assert len(log.read_text().splitlines()) == answered + len(deaths)


def test_two_builds_in_one_folder_are_one_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fcntl")

    def again(self: ToyModel, image: np.ndarray, question: str) -> str:
        with pytest.raises(HarnessError, match="Another run writes to"):
            run(tmp_path, fresh=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(ToyModel, "answer", again)
    assert run(tmp_path).interrupted


def test_an_answer_says_which_edit_it_is_about(tmp_path: Path) -> None:
    run(tmp_path, modes=["direct"])
    (row,) = (r for r in rows(tmp_path) if r["index"] == WRONG_BOX and r["view"] == WITHOUT)
    assert row["answer"] == "yes" and row["edit"] and row["boxes"] is None
    assert (tmp_path / "work" / "edits" / row["edit"]).is_file()
