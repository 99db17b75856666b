"""``harness build``: what it asks, what it keeps, and that nothing is lost or asked twice however it is stopped."""

from __future__ import annotations

import gc
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import toys
from rich.console import Console
from toys import DARK, UNREADABLE, WRONG_BOX, ToyEditor, ToyModel, ToySource

from harness.bench.records import read_records
from harness.bench.verdict import final_answer
from harness.building.benchmark import OUTPUTS, Built, make_benchmark
from harness.building.build_row import BUILD
from harness.building.causal import CUT_OFF, GATES, ask, counterfactuals, judge
from harness.building.settings import BuildSettings
from harness.building.tables import show
from harness.contracts.mode import MODES
from harness.contracts.model import Answer
from harness.errors import HarnessError
from harness.evaluating import loop
from harness.registry import Registry
from harness.run.journal_lines import decode, encode
from harness.run.journal_reading import read_journal
from harness.run.settings import RunSettings
from plugins import metrics
from plugins.executors import local

WITHOUT = GATES[1].text


def run(folder: Path, **changes: Any) -> Built:
    """A build of the toy world."""
    settings = {"sources": ["toy"], "editor": "toy", "models": ["toy"], **changes}
    return make_benchmark(toys.registry(), BuildSettings.of({**settings, "output": folder}), Console(quiet=True))


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
        GATES[1].reason: 1, GATES[2].reason: 0, GATES[3].reason: 0, CUT_OFF: 0, "failed": 1, "survived": 3,
    }  # fmt: skip
    assert {name: row["survived"] for name, row in counts["attributes"].items()} == {"toy mass": 2, "toy nodule": 1}
    assert said["failures"] == [
        {"source": "toy", "index": UNREADABLE, "model": "toy", "mode": "direct", "version": "prediction",
         "error": f"The image toy:{UNREADABLE} is broken."}
    ]  # fmt: skip
    text = (tmp_path / "report.md").read_text()
    assert "| direct | toy | toy | 6 | 1 | 1 | 0 | 0 | 0 | 1 | 3 |" in text
    assert f"The image toy:{UNREADABLE} is broken." in text
    assert said["controls"] is None and not (tmp_path / "controls.json").exists()
    # Only what was built: another mode's file would be an empty benchmark.
    assert not (tmp_path / "reasoning.json").exists() and not (tmp_path / "reasoning.parquet").exists()


def test_texts_that_state_both_or_were_cut_off_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cut-off text passes no gate, whatever it says; one that states both is judged by its last and shown."""
    answer = ToyModel.answer

    def said(self: ToyModel, image: np.ndarray, question: str) -> str:
        text = answer(self, image, question)
        if "Think" in question:
            return Answer(text, cut_off=True)
        return "I would say no. Answer: yes" if final_answer(text) == "yes" else text

    monkeypatch.setattr(ToyModel, "answer", said)
    built = run(tmp_path)
    assert [row["survived"] for row in report(tmp_path)["filter"]] == [3, 0]
    assert [(row["said yes"], row[CUT_OFF]) for row in report(tmp_path)["filter"]] == [(4, 0), (0, 5)]
    direct, reasoning = report(tmp_path)["texts"]
    # Yes to four originals, to two edits of each of three, and to one of the sample whose box is in the wrong place.
    assert direct == {
        "mode": "direct", "model": "toy", "texts": 17, "yes": 11, "no": 6, "neither": 0, "cut off": 0,
        "both yes and no": 11,
    }  # fmt: skip
    assert reasoning == {
        "mode": "reasoning", "model": "toy", "texts": 5, "yes": 0, "no": 0, "neither": 0, "cut off": 5,
        "both yes and no": 0,
    }  # fmt: skip
    assert {row["cut_off"] for row in rows(tmp_path) if row["mode"] == "reasoning" and row["answer"]} == {True}
    text = (tmp_path / "report.md").read_text()
    assert "| direct | toy | 17 | 11 | 6 | 0 | 0 | 11 |" in text and "| reasoning | toy | toy | 6 | 0 |" in text
    printed = io.StringIO()
    show(report(tmp_path), Console(file=printed, width=120))
    assert "What the texts state, direct" in printed.getvalue() and "Cut off" in printed.getvalue()
    before = files(tmp_path)
    assert run(tmp_path).survived == built.survived == 3 and files(tmp_path) == before  # and from the journal again


def test_a_no_is_not_asked_further_and_models_share_the_edits(tmp_path: Path, asked: list[str]) -> None:
    run(tmp_path, models=["toy", "black-box"], modes=["direct"])
    # Five readable originals, and three edits for each of the four that are bright.
    assert len(asked) == 2 * (5 + 3 * 4)
    assert len(ToyEditor.prompts) == 3 * 4
    assert not any(row["index"] == DARK and row["version"] != "prediction" for row in rows(tmp_path))


def test_edits_are_shared_by_runs(tmp_path: Path) -> None:
    run(tmp_path / "a", edits=tmp_path / "edits")
    made = len(ToyEditor.prompts)
    run(tmp_path / "b", edits=tmp_path / "edits", modes=["direct"])
    assert made and not ToyEditor.prompts
    run(tmp_path / "b", edits=tmp_path / "edits", modes=["direct"], seed=1, fresh=True)
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
    assert [row["index"] for row in rows(tmp_path) if row["version"] == "prediction"] == [0, 4]
    with pytest.raises(HarnessError, match="'limit' cannot be -1: input should be greater than or equal to 0"):
        run(tmp_path, limit=-1)
    assert run(tmp_path, limit=0, modes=["direct"], fresh=True).questions == 6  # none


def test_the_built_folder_can_be_evaluated(tmp_path: Path) -> None:
    run(tmp_path / "bench")
    settings = RunSettings(attributors=["good"], bench=tmp_path / "bench", output=tmp_path / "out")
    ended = loop.run(Registry([toys, metrics, local]), settings, Console(quiet=True))
    assert (ended.finished, ended.failed) == (6, 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"edit": None}, "the field 'edit' is missing"),
        ({"view": "prediction"}, "the field 'view' is not known to this version of the harness"),
        ({"index": -1}, "the field 'index' is -1"),
        ({"answer": [None]}, "the field 'answer' is"),
        ({"error": "none"}, "has a text and no error"),
        ({"cut_off": None}, "the field 'cut_off' is missing"),
    ],
)
def test_a_row_of_another_schema_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    run(tmp_path, modes=["direct"])
    path = tmp_path / "work" / BUILD.journal
    lines = path.read_bytes().splitlines(keepends=True)
    row = decode(lines[2].rstrip())
    assert row is not None
    ((field, value),) = change.items()
    lines[2] = encode({name: old for name, old in row.items() if name != field} | ({field: value} if value else {}))
    path.write_bytes(b"".join(lines))
    with pytest.raises(HarnessError, match=rf"build\.jsonl is broken at line 3 \(.*{re.escape(said)}.*--fresh"):
        run(tmp_path, modes=["direct"])
    assert run(tmp_path, modes=["direct"], fresh=True).survived == 3


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
test_build.Deadly.__module__ = "toys"  # it is the code of the toys, as far as a journal is concerned
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
    (row,) = (r for r in rows(tmp_path) if r["index"] == WRONG_BOX and r["version"] == WITHOUT)
    assert row["answer"] == "yes" and row["edit"] and row["boxes"] is None
    assert (tmp_path / "work" / "edits" / row["edit"]).is_file()
