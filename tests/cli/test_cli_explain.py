"""``harness explain`` on the command line: what it prints, and what it refuses and before what."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from commands import SOME, Halves, ToyModel, refused, run
from PIL import Image

from harness.contracts.attributor import Attribution
from harness.contracts.case import Case
from harness.contracts.model import Answer
from harness.imaging.frame import Box
from harness.registry import Registry


def test_explain(capsys: pytest.CaptureFixture[str], film: str, tmp_path: Path) -> None:
    arguments = ["--model", "toy", "--attributor", "half", "-o", "half.share=0.25"]
    status, out, err = run(capsys, "explain", film, "--question", "Is [it]?", *arguments)
    assert status == 0 and ToyModel.loaded == 1
    words = " ".join(out.split())
    # A quarter of 224 pixels is 56 of the frame, 100 of the image.
    for text in (
        "answer asked 'Is [it]?': yes (toy)",
        "concept heart (score 1.5)",
        "boxes 0 0 100 400",
        "300 x 400 pixels",
        "cost 1 forward",
        "picture film-halves.png",
    ):
        assert text in words
    assert "note halves: [tuned] on no more than 0 sources." in words and "tuned" not in err
    with Image.open(tmp_path / "film-halves.png") as picture:
        assert picture.format == "PNG"


def test_explain_a_given_answer(capsys: pytest.CaptureFixture[str], film: str, tmp_path: Path) -> None:
    arguments = ["explain", film, "--question", "Is it?", "--model", "mute", "--attributor", "halves"]
    assert "cannot generate an answer; give the answer" in refused(capsys, *arguments)
    status, out, _ = run(capsys, *arguments, "--answer", "no", "--output", "sub.PNG")
    assert status == 0 and "no  (mute)" in out and (tmp_path / "sub.PNG").is_file()


def test_explain_strips_an_answer_and_says_where_one_was_cut_off(
    capsys: pytest.CaptureFixture[str], film: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["explain", film, "--question", "Is it?", "--model", "toy", "--attributor", "halves"]
    explained: list[str] = []
    attribute = Halves.attribute
    monkeypatch.setattr(
        Halves, "attribute", lambda self, case: (explained.append(case.answer), attribute(self, case))[1]
    )
    _, out, _ = run(capsys, *arguments, "--answer", " no\n")
    assert "no  (toy)" in out and "cut off" not in out
    monkeypatch.setattr(ToyModel, "answer", lambda *_: Answer("The angle is\n", cut_off=True))
    _, out, _ = run(capsys, *arguments)
    assert "cut off at the model's token limit" in " ".join(out.split())
    assert explained == ["no", "The angle is"]


def test_explain_refuses_before_it_loads_the_model(
    capsys: pytest.CaptureFixture[str], film: str, tmp_path: Path
) -> None:
    def attempt(*changes: str, image: str = film) -> str:
        base = {"--question": "Is it?", "--model": "toy", "--attributor": "halves"}
        base |= dict(zip(changes[::2], changes[1::2], strict=True))
        return refused(capsys, "explain", image, *(word for pair in base.items() for word in pair))

    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    assert "gone.png cannot be read" in attempt(image="gone.png")
    assert "text.png is neither PNG" in attempt(image="text.png")
    assert "did you mean 'halves'?" in attempt("--attributor", "halvs")
    assert "did you mean 'toy'?" in attempt("--model", "toyy")
    assert "no option 'shape'; did you mean 'share'?" in attempt("-o", "halves.shape=1")
    assert "Bad option halves.share='2'" in attempt("-o", "halves.share=2")
    assert "takes no part in this run" in attempt("-o", "occlusion.grid=2")
    assert "the folder nowhere does not exist" in attempt("--output", "nowhere/a.png")
    assert "it is a folder" in attempt("--output", "folder.png")
    assert "ends in .png" in attempt("--output", "a.jpg")
    assert "would replace the image" in attempt("--output", film)
    assert "question is empty" in attempt("--question", " ")
    assert "answer is empty" in attempt("--answer", "")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (None, "it returned NoneType instead of an Attribution"),
        (Attribution(boxes=[Box(0, 0, float("nan"), 3)]), "has not four finite edges"),
        (Attribution(boxes=[Box(9, 9, 3, 3)]), "is inverted"),
        (Attribution(saliency=np.eye(112)), "saliency map has shape (112, 112), the frame (224, 224)"),
        (Attribution(boxes=[SOME], concept="h", concept_scores={"h": float("nan")}), "score is nan"),
        (Attribution(boxes=[SOME], concept_scores={"h": "x"}), "a concept's score is 'x'"),  # type: ignore[dict-item]
        (Attribution(boxes=[SOME], concept=3), "its concept is int"),  # type: ignore[arg-type]
        (Attribution(boxes=[SOME], token_scores=[1.0, float("inf")]), "a token's score is inf"),
        (Attribution(boxes=[SOME], token_scores=[1.0, 2.0]), "it scored 2 tokens of an answer of 1"),
        (Attribution(boxes=[SOME], concept_token_scores={"h": [1.0, 2.0]}), "it scored 2 tokens of an answer of 1"),
        (Attribution(boxes=[SOME], concept_token_scores={"h": [float("nan")]}), "a token's score is nan"),
        (RuntimeError("boom\nand more."), "failed: RuntimeError: boom and more.\n"),
        (SystemExit(0), "failed: SystemExit: 0."),
    ],
)
def test_explain_names_an_attributor_that_misbehaves(
    capsys: pytest.CaptureFixture[str],
    film: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: Any,
    message: str,
) -> None:
    def attribute(self: Halves, case: Case) -> Any:
        if isinstance(said, BaseException):
            raise said
        return said

    monkeypatch.setattr(Halves, "attribute", attribute)
    arguments = ["--question", "Is it?", "--model", "toy", "--attributor", "halves", "--answer", "no"]
    status, out, err = run(capsys, "explain", film, *arguments)
    assert (status, out) == (2, "") and "The attributor 'halves'" in err and message in err
    assert "Traceback" not in err and not list(tmp_path.glob("film-*"))


def test_explain_names_a_model_that_does_not_load_or_answer(
    capsys: pytest.CaptureFixture[str], film: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["explain", film, "--question", "Is it?", "--model", "toy", "--attributor", "halves"]
    monkeypatch.setattr(ToyModel, "answer", lambda *_: " \n")
    status, _, err = run(capsys, *arguments)
    assert status == 2 and "'toy' answered nothing; give the answer" in err

    def load(self: ToyModel) -> None:
        raise OSError("disk on fire")

    monkeypatch.setattr(ToyModel, "load", load)
    status, _, err = run(capsys, *arguments)
    assert status == 2 and "harness: The model 'toy' cannot be loaded: OSError: disk on fire.\n" in err


def test_explain_fixes_the_global_randomness_too(
    capsys: pytest.CaptureFixture[str], film: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[float] = []

    def attribute(self: Halves, case: Case) -> Attribution:
        drawn.append(np.random.random())  # noqa: NPY002
        return Attribution(boxes=[SOME])

    monkeypatch.setattr(Halves, "attribute", attribute)
    arguments = ["explain", film, "--question", "Is it?", "--model", "toy", "--attributor", "halves"]
    for seed in ("3", "3", "4"):
        assert run(capsys, *arguments, "--seed", seed)[0] == 0
    assert drawn[0] == drawn[1] != drawn[2]


def test_explain_refuses_a_folder_without_permission(
    capsys: pytest.CaptureFixture[str], film: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write everywhere, so the system's word is made up.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    arguments = ["explain", film, "--question", "Is it?", "--model", "toy", "--attributor", "halves"]
    assert "permission denied" in refused(capsys, *arguments)


def test_explain_asks_the_embedded_benchmarks_first_model(
    capsys: pytest.CaptureFixture[str],
    film: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    toys: Registry,
) -> None:
    from harness.bench.records import Record, write_records

    texts = ("yes", "no", "yes", "yes")
    found = toys.all

    def everything(kind: Any) -> list[Any]:
        return [SimpleNamespace(bench=tmp_path / "bench", default=True)] if kind == "source" else found(kind)

    arguments = ["explain", film, "--question", "Is it?", "--attributor", "halves"]
    assert "by --model NAME: No installed source ships a benchmark" in refused(capsys, *arguments)
    monkeypatch.setattr(toys, "all", everything)
    write_records(tmp_path / "bench", [])
    assert "by --model NAME: " in refused(capsys, *arguments)
    write_records(tmp_path / "bench", [Record("gone", "toys", 0, "yes", "direct", *texts)])
    assert "by --model NAME: No model is named 'gone'" in refused(capsys, *arguments)
    write_records(tmp_path / "bench", [Record("toy", "toys", 0, "yes", "reasoning", *texts)])
    status, out, _ = run(capsys, *arguments)
    assert status == 0 and "(toy)" in out
