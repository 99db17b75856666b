"""How commands end in an error: one sentence that says what to type instead, and a traceback where asked for."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from commands import ROOT, SOME, Halves, ToyModel, refused, run

import harness.cli.main
from harness.contracts.attributor import Attribution
from harness.errors import HarnessError
from harness.evaluating import loop


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["halves"], "unrecognized arguments: halves; type `harness eval --attributor halves`"),
        (["half@x", "tooy"], "arguments: half@x tooy; type `harness eval --attributor halves@x --model toy`"),
        (["nonsense"], "unrecognized arguments: nonsense (see `harness eval --help`)"),
        (["--attributors", "halves"], "--attributors halves; did you mean --attributor?"),
        (["--attributor", "a,b"], "'a,b' is no name; give the flag once for each: --attributor a --attributor b"),
        (["--metric", "iou, f1"], "--metric iou --metric f1"),
        (["--mode", "cot"], "--mode: invalid choice: 'cot'; type --mode reasoning, which the release calls so"),
        (["--mode", "cott"], "invalid choice: 'cott'; type direct or reasoning"),
        (["--upsampling", "cot"], "invalid choice: 'cot'; type bilinear or nearest"),
        (["--limit", "3", "--limit", "4"], "--limit: it is given twice, as 3 and as 4; give one of them"),
    ],
)
def test_what_to_type_instead(capsys: pytest.CaptureFixture[str], typed: list[str], said: str) -> None:
    assert said in refused(capsys, "eval", *typed)


def test_two_values_for_one_option(
    capsys: pytest.CaptureFixture[str], film: str, evaluated: SimpleNamespace
) -> None:
    both = ["-o", "halves.share=0.2", "-o", "half.share=0.4"]
    words = ["explain", film, "--question", "Is it?", "--model", "toy", "--attributor", "halves"]
    assert "The option half.share is given twice, as 0.2 and as 0.4; give one of them." in refused(
        capsys, *words, *both
    )
    assert run(capsys, "eval", "--limit", "3", "--limit", "3")[0] == 0 and evaluated.settings[0].limit == 3


def fail(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(loop, "run", refuse)


@pytest.mark.parametrize("place", [0, 1])
def test_debug_prints_the_traceback_of_the_error_that_ended_the_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    fail(monkeypatch, HarnessError("This is\nwrong \x1b[31m."))
    words = ["eval", "--attributor", "halves"]
    assert run(capsys, *words) == (2, "", "harness: This is wrong [31m.\n")
    words.insert(place, "--debug")
    status, out, err = run(capsys, *words)
    assert (status, out) == (2, "") and err.startswith("Traceback (most recent call last):\n")
    assert "in refuse\n" in err and err.endswith("harness: This is wrong [31m.\n")
    assert "did you mean 'eval'?" in run(capsys, "--debug", "evla")[2]


def test_every_command_takes_debug() -> None:
    parser = harness.cli.main.build_parser()
    found = [parser]
    for one in found:
        below = [action.choices for action in one._actions if isinstance(action.choices, dict)]
        found += [sub for choices in below for sub in choices.values()]
    assert len(found) > 8 and all("--debug" in one._option_string_actions for one in found)


def test_a_fault_of_ours_is_a_sentence_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(monkeypatch, KeyError("iou"))
    status, out, err = run(capsys, "eval", "--attributor", "halves")
    assert (status, out) == (1, "") and err == (
        "harness: This is a fault of the harness or of a plugin: KeyError: 'iou'. "
        "The same command with --debug prints the traceback.\n"
    )
    err = run(capsys, "eval", "--attributor", "halves", "--debug")[2]
    assert err.startswith("Traceback") and err.endswith("plugin: KeyError: 'iou'.\n")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /dev/full")
@pytest.mark.parametrize("words", ["plugins", "--version", "eval --help"])
def test_a_full_disk_under_standard_output(words: str) -> None:
    command = f"{sys.executable} -m harness {words} > /dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 1
    assert done.stderr == "harness: Standard output cannot be written: No space left on device.\n"


class Strange(list[Any]):
    """Scores that cannot be read."""

    def __iter__(self) -> Any:
        raise KeyError("no scores")


@pytest.mark.parametrize(
    ("said", "tokens", "message"),
    [
        (Attribution(boxes=[SOME], token_scores=Strange()), ["no"], "gave nothing usable: KeyError: 'no scores'."),
        (Attribution(boxes=[SOME], concept_token_scores=[1.0]), ["no"],  # type: ignore[arg-type]
         "gave nothing usable: AttributeError: 'list' object has no attribute 'values'."),
        (Attribution(boxes=[SOME], token_scores=[1.0]), None,
         "The model 'toy' cannot tell the answer's tokens, which the attributor scored: TypeError:"),
        (Attribution(boxes=[SOME], token_scores=[1.0]), [3], "The picture cannot be drawn: AttributeError:"),
    ],
)  # fmt: skip
def test_no_token_scores_end_explain_in_a_traceback(
    capsys: pytest.CaptureFixture[str],
    film: str,
    monkeypatch: pytest.MonkeyPatch,
    said: Attribution,
    tokens: Any,
    message: str,
) -> None:
    monkeypatch.setattr(Halves, "attribute", lambda *_: said)
    monkeypatch.setattr(ToyModel, "tokens", lambda *_: tokens)
    arguments = ["--question", "Is it?", "--model", "toy", "--attributor", "halves", "--answer", "no"]
    status, out, err = run(capsys, "explain", film, *arguments)
    assert (status, out) == (2, "") and message in err and err.count("\n") == 1


@pytest.mark.parametrize("answer", [None, 3, ["yes"]])
def test_a_model_that_answers_no_text(
    capsys: pytest.CaptureFixture[str], film: str, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setattr(ToyModel, "answer", lambda *_: answer)
    status, _, err = run(
        capsys, "explain", film, "--question", "Is it?", "--model", "toy", "--attributor", "halves"
    )
    kind = type(answer).__name__
    assert status == 2 and f"The model 'toy' failed: TypeError: it answered {kind} instead of text.\n" in err


def test_what_a_model_says_steers_no_terminal(
    capsys: pytest.CaptureFixture[str], film: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToyModel, "answer", lambda *_: "\x1b[31mYes\u202e,\n the \u200bleft\ud800" + "x" * 10**6)
    said = Attribution(boxes=[SOME], concept="he\u2066art\x07")
    monkeypatch.setattr(Halves, "attribute", lambda *_: said)
    status, out, _ = run(
        capsys, "explain", film, "--question", "Is\u202e it?", "--model", "toy", "--attributor", "halves"
    )
    assert status == 0 and all(c.isprintable() or c == "\n" for c in out) and len(out) < 10**5
    assert "[31mYes," in out and " the left" in out and "heart" in out
