"""What went wrong in full, beside the journal, whose bytes it does not touch; and results apart from notes."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
import toys
from evaluating import toy_run

from harness.cli import main as cli
from harness.registry import Registry
from harness.run import errors_log
from harness.run.errors_log import ERRORS_LOG, log_error, traceback_of


def test_each_failed_row_has_its_traceback_with_its_key(tmp_path: Path) -> None:
    bench = toys.bench(tmp_path / "bench")
    ended = toy_run(tmp_path / "out", ["good", "bad"], bench=bench, modes=["direct"])
    text = (tmp_path / "out" / ERRORS_LOG).read_text()
    entries = text.strip().split("\n\n")
    assert len(entries) == ended.failed == 5  # each of bad's, and good's on the image that cannot be read
    assert entries[0].startswith("toy, 0, toy, direct, bad\nTraceback (most recent call last):\n")
    assert "in attribute\n" in entries[0] and "RuntimeError: a fault\nof <object" in entries[0]
    assert "toy, 3, toy, direct, good\n" in text and "HarnessError: The image toy:3 is broken." in text
    assert "\x1b" not in text
    journal = (tmp_path / "out" / "journal.jsonl").read_text()
    assert "Traceback" not in journal and all("traceback" not in json.loads(line) for line in journal.splitlines())


def test_the_journal_does_not_depend_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = toys.bench(tmp_path / "bench")
    toy_run(tmp_path / "one", ["bad"], bench=bench)
    monkeypatch.setattr(errors_log, "format_exception", lambda *_, **__: 1 / 0)
    (tmp_path / "two" / ERRORS_LOG).mkdir(parents=True)  # cannot be written
    toy_run(tmp_path / "two", ["bad"], bench=bench)
    journals = [(tmp_path / name / "journal.jsonl").read_bytes() for name in ("one", "two")]
    assert journals[0] == journals[1]
    # It is not read back: the run goes on, whatever lies there.
    (tmp_path / "one" / ERRORS_LOG).write_bytes(b"\xff{")
    assert toy_run(tmp_path / "one", ["bad"], bench=bench).failed == 8
    assert (tmp_path / "one" / ERRORS_LOG).read_bytes() == b"\xff{"
    toy_run(tmp_path / "one", ["good"], bench=bench, fresh=True, limit=1)
    assert not (tmp_path / "one" / ERRORS_LOG).exists()


def test_it_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deep(depth: int) -> None:
        if depth:
            deep(depth - 1)
        raise ValueError("x" * 10**6 + "the end")

    with pytest.raises(ValueError) as caught:
        deep(200)
    text = traceback_of(caught.value)
    assert len(text) <= 8000 and text.endswith("the end\n")
    with pytest.raises(RecursionError) as endless:
        deep(sys.getrecursionlimit())
    assert len(traceback_of(endless.value)) <= 8000
    monkeypatch.setattr(errors_log, "_BYTES", 100)
    for _ in range(9):
        log_error(tmp_path, ["a\n", 1], "b" * 60)
    assert (tmp_path / ERRORS_LOG).read_text() == ("a , 1\n" + "b" * 60 + "\n\n") * 2


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    registry = toys.registry()
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls: registry))
    for variable, value in (("TRANSFORMERS_VERBOSITY", "error"), ("TOKENIZERS_PARALLELISM", "false")):
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return toys.bench(tmp_path / "bench")


def test_the_table_of_a_run_is_alone_on_standard_output(capsys: pytest.CaptureFixture[str], world: Path) -> None:
    assert cli.main(["eval", "--attributor", "good", "--attributor", "bad", "--bench", str(world)]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("Direct answers: 4 records of toy") and "Reasoning: 4 records" in out and "good" in out
    for note in (
        "loading toy", "Written to harness-results/leaderboard.md", "RuntimeError: a fault", "count as zero",
        f"the tracebacks in harness-results/{ERRORS_LOG}",
    ):  # fmt: skip
        assert note in err and note not in out, note
    assert cli.main(["leaderboard", "harness-results", "--output", "board.csv"]) == 0
    again, err = capsys.readouterr()
    assert again == out and "Written to board.csv" in err


class Full(io.StringIO):
    """A file on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_output_that_failed_is_noticed_although_a_plugin_wrote_it(
    capsys: pytest.CaptureFixture[str], world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", Full())
    assert cli.main(["eval", "--attributor", "good", "--bench", str(world), "--limit", "1"]) == 1
    assert capsys.readouterr().err.endswith("harness: Standard output cannot be written: No space left on device.\n")
