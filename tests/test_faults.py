"""Whatever goes wrong, what is finished stays: plugins that misbehave, no memory, no disk, Ctrl-C, and kill -9."""

from __future__ import annotations

import errno
import io
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toys
from evaluating import evaluate
from rich.console import Console
from toys import REGION

from harness.contracts.attributor import Attribution
from harness.contracts.case import Case
from harness.errors import HarnessError
from harness.evaluating.loop import Ended
from harness.imaging.frame import FRAME_SIDE, Box
from harness.run.journal_reading import read_journal

SCRIPT = Path(__file__).parent / "slow_run.py"
ROWS = 24  # of the slow run


class OutOfMemoryError(RuntimeError):
    """As torch's is called."""


class Mute(Exception):
    """Cannot even say what it is."""

    def __str__(self) -> str:
        raise ValueError("nothing to say")


def run(folder: Path, **settings: Any) -> Ended:
    settings = {"attributors": ["good", "map"], "modes": ["direct"], "output": folder / "out"} | settings
    return evaluate(toys.registry(), bench=folder / "bench", console=Console(file=io.StringIO()), **settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    toys.bench(tmp_path / "bench", indices=(0, 1, 2))
    return tmp_path


def boxes(*edges: float) -> Callable[[Case], Attribution]:
    return lambda case: Attribution(boxes=[Box(*edges)])


def saliency(value: Any) -> Callable[[Case], Attribution]:
    return lambda case: Attribution(saliency=value)


def throw(error: BaseException) -> Callable[[Case], Attribution]:
    def raising(case: Case) -> Attribution:
        raise error

    return raising


def spending(forward: Any) -> Callable[[Case], Attribution]:
    def attribute(case: Case) -> Attribution:
        case.cost.forward = forward
        return Attribution(boxes=[REGION])

    return attribute


FAILING: dict[str, tuple[Callable[[Case], Attribution], str]] = {
    "infinite map": (saliency(np.full((FRAME_SIDE, FRAME_SIDE), np.inf)), "NaN or infinite"),
    "a map of objects": (saliency(np.full((FRAME_SIDE, FRAME_SIDE), None)), "NaN or infinite"),
    "a map in words": (saliency("hot"), "shape ()"),
    "a map with channels": (saliency(np.zeros((FRAME_SIDE, FRAME_SIDE, 3))), "shape (224, 224, 3)"),
    "three edges": (boxes(1, 2, 3), "missing 1 required"),
    "an infinite box": (boxes(0, 0, 1, float("inf")), "four finite edges"),
    "scores in words": (lambda case: Attribution(boxes=[REGION], concept_scores={"a": "b"}), "could not convert"),  # type: ignore[dict-item]
    "a score a token and head": (lambda case: Attribution(boxes=[REGION], token_scores=np.ones((2, 2))), "TypeError"),  # type: ignore[arg-type]
    "a concept's tokens in words": (
        lambda case: Attribution(boxes=[REGION], concept_token_scores={"a": ["b"]}),  # type: ignore[list-item]
        "could not convert",
    ),
    "a number of passes that is none": (spending(float("nan")), "TypeError"),
    "no end": (lambda case: FAILING["no end"][0](case), "RecursionError"),
    "an error without words": (throw(Mute()), "Mute, which cannot say what it is about"),
    "what is no Exception": (throw(GeneratorExit()), "GeneratorExit"),
    "no memory": (throw(MemoryError()), "Memory ran out on this sample (MemoryError)."),
    "no memory on the GPU": (
        throw(OutOfMemoryError("CUDA out of memory. Process 4711 has 13.69 MiB in use.")),
        "Memory ran out on this sample (OutOfMemoryError).",
    ),
}


@pytest.mark.parametrize("what", FAILING)
def test_a_plugin_fails_alone(folder: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    attribute, why = FAILING[what]
    monkeypatch.setattr(toys.Good, "attribute", lambda self, case: attribute(case))
    assert run(folder, limit=1).failed == 1
    for row in read_journal(folder / "out")[1]:
        assert (row["status"] == "failed") == (row["attributor"] == "good")
        if row["attributor"] == "good":
            assert why in row["error"] and row["metrics"]["iou"] == 0 and row["boxes"] == []
            assert row["forward"] >= 0 and row["backward"] == 0


@pytest.mark.parametrize(
    "said",
    [
        boxes(-1e300, -1e300, 1e300, 1e300),
        saliency([[0] * FRAME_SIDE] * FRAME_SIDE),
        saliency(np.random.default_rng(0).random((FRAME_SIDE, FRAME_SIDE)) > 0.5),
        spending(np.int64(3)),
    ],
)
def test_what_is_odd_but_right_is_taken(
    folder: Path, monkeypatch: pytest.MonkeyPatch, said: Callable[[Case], Attribution]
) -> None:
    monkeypatch.setattr(toys.Good, "attribute", lambda self, case: said(case))
    assert run(folder, limit=1).failed == 0
    for row in read_journal(folder / "out")[1]:
        assert all(0 <= x0 < x1 <= toys.WIDTH and 0 <= y0 < y1 <= toys.HEIGHT for x0, y0, x1, y1 in row["boxes"])


def test_a_model_without_memory_fails_its_samples_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    score = toys.ToyModel.score

    def full(self: toys.ToyModel, images: Any, question: str, answer: str) -> np.ndarray:
        if np.random.default_rng(1).integers(60, 100, images[0].shape)[0, 0, 0] and "nodule" in question:
            raise OutOfMemoryError("CUDA out of memory")
        return score(self, images, question, answer)

    monkeypatch.setattr(toys.ToyModel, "score", full)
    run(folder)
    status = {(row["index"], row["attributor"]): row["error"] for row in read_journal(folder / "out")[1]}
    ran_out = "Memory ran out on this sample (OutOfMemoryError)."
    assert status == {(i, name): ran_out if i == 1 else None for i in range(3) for name in ("good", "map")}


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_disk_ends_the_run_and_keeps_what_is_finished(
    folder: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    run(folder, output=folder / "whole")
    calls, real = [], getattr(os, call)

    def full(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) > 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments)

    monkeypatch.setattr(os, call, full)
    with pytest.raises(HarnessError, match=r"No space left on device; what is finished is kept, and the same command"):
        run(folder)
    monkeypatch.undo()
    journal, whole = (folder / name / "journal.jsonl" for name in ("out", "whole"))
    kept = journal.read_bytes()
    assert kept.endswith(b"\n") and kept.count(b"\n") > 1 and whole.read_bytes().startswith(kept)
    run(folder)
    assert journal.read_bytes() == whole.read_bytes()


def start(folder: Path, output: str, *words: str, **settings: Any) -> subprocess.Popen[str]:
    """The slow run as a process."""
    command = [sys.executable, str(SCRIPT), str(folder / "bench"), str(folder / output), *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=SCRIPT.parent.parent, **pipes, **settings)


def finish(folder: Path, output: str) -> bytes:
    """The journal's bytes once the same command has run to its end."""
    process = start(folder, output)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, out + err  # one image is unreadable
    return (folder / output / "journal.jsonl").read_bytes()


def scored(process: subprocess.Popen[str]) -> Iterator[str]:
    """The rows that a process says it has journalled."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("scored"):
            yield line.strip()


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    """Read what a process says up to a line that begins with a word."""
    assert process.stdout is not None
    assert any(line.startswith(word) for line in process.stdout)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A folder with a bench, and the journal of a run that nobody stopped."""
    folder = tmp_path_factory.mktemp("undisturbed")
    toys.bench(folder / "bench", indices=range(6))
    whole = finish(folder, "whole")
    assert whole.count(b"\n") == 1 + ROWS
    return folder, whole


def test_the_disk_of_a_process_is_full(undisturbed: tuple[Path, bytes]) -> None:
    folder, whole = undisturbed
    limit = len(whole) // 2
    process = start(
        folder, "full", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    )
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2 and "Traceback" not in err
    assert "\nharness: Results cannot be written to" in err and "what is finished is kept" in err
    kept = (folder / "full" / "journal.jsonl").read_bytes()
    assert kept.endswith(b"\n") and whole.startswith(kept) and len(kept) > limit / 2
    assert out.count("scored") == kept.count(b"\n") - 1
    assert finish(folder, "full") == whole


@pytest.mark.parametrize("after", ["folder", "start", "rows", "report"])
def test_ctrl_c(undisturbed: tuple[Path, bytes], after: str) -> None:
    folder, whole = undisturbed
    output = f"interrupted after {after}"
    process = start(folder, output)
    seen = 0
    if after == "folder":
        while not (folder / output).exists():
            time.sleep(0.001)
    elif after == "start":
        wait_for(process, "started")
    else:
        for seen, _ in zip(range(1, 9), scored(process), strict=False):  # noqa: B007
            pass
    process.send_signal(signal.SIGINT)
    if after == "report":
        wait_for(process, "reporting")
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert "Traceback" not in err
    assert "The same command goes on where it stopped." in err
    journal = folder / output / "journal.jsonl"
    kept = journal.read_bytes() if journal.exists() else b""
    assert whole.startswith(kept) and (not kept or kept.endswith(b"\n"))
    assert seen == 0 or kept.count(b"\n") >= 1 + seen
    assert finish(folder, output) == whole


def test_kill_at_any_moment(undisturbed: tuple[Path, bytes]) -> None:
    folder, whole = undisturbed
    dice = random.Random(7)
    journal = folder / "killed" / "journal.jsonl"
    before, kills = 0, 0
    while before < ROWS - 4:
        process = start(folder, "killed")
        rows = scored(process)
        said = sum(1 for _, _ in zip(range(dice.randint(1, 6)), rows, strict=False))
        time.sleep(dice.random() * 0.02)
        process.kill()
        said += sum(1 for _ in rows)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        kept = journal.read_bytes()
        whole_lines = kept[: kept.rfind(b"\n") + 1]
        assert whole.startswith(whole_lines), "a line is not what it should be"
        finished = whole_lines.count(b"\n") - 1
        assert finished >= before + said, "a finished line is lost"
        before = finished
    assert kills >= 3
    assert finish(folder, "killed") == whole
