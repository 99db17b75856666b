"""The causal filter: four gates, and a count of who fails which."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import toys
from toys import DARK, WRONG_BOX, ToyEditor, ToyModel, ToySource, record

from harness.building.causal import CUT_OFF, FAILED, GATES, Survival, ask, counterfactuals, judge
from harness.contracts.model import Answer
from harness.contracts.source import Sample
from harness.imaging.frame import Box


def run(index: int) -> tuple[Sample, ToyModel]:
    return list(ToySource().samples())[index], ToyModel()


def asked(index: int) -> str | None:
    sample, model = run(index)
    image = ToySource().image(sample)
    images = (image, *counterfactuals(ToyEditor(), image, sample))
    return judge(ask(model, images, sample, "reasoning"))


def test_the_gates_and_their_reasons() -> None:
    good = record(0)
    assert judge(good) is None
    for gate, wrong in zip(GATES, ("No", "Yes", "No", "No"), strict=True):
        for text in (wrong, "", "I cannot tell", "yes or no"):
            assert judge(replace(good, **{gate.text: text})) == gate.reason
    assert judge(replace(good, prediction="Is it? No. No, wait: YES.")) is None
    # The first gate that fails gives the reason.
    assert judge(replace(good, prediction="no", prediction_edited="yes")) == GATES[0].reason


def test_what_was_cut_off_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    good = record(0)
    for gate in GATES:
        text = getattr(good, gate.text)
        assert judge(replace(good, **{gate.text: Answer(text)})) is None
        assert judge(replace(good, **{gate.text: Answer(text, cut_off=True)})) == CUT_OFF
    # A gate that fails before is the reason.
    assert judge(replace(good, prediction="No", prediction_edited=Answer("No", cut_off=True))) == GATES[0].reason
    monkeypatch.setattr(ToyModel, "answer", lambda *_: Answer("Yes", cut_off=True))
    sample, model = run(0)
    assert ask(model, [np.zeros((9, 9, 3), np.uint8)] * 4, sample, "direct").prediction_edited == ""


def test_an_answer_is_a_text_that_knows_its_end() -> None:
    said = pickle.loads(pickle.dumps(Answer("Yes, as", cut_off=True)))  # noqa: S301
    assert (said, said.cut_off, json.dumps(said)) == ("Yes, as", True, '"Yes, as"')
    assert not Answer("Yes").cut_off


def test_samples_survive_only_if_the_boxes_hold_the_cause() -> None:
    assert asked(0) is None
    assert asked(DARK) == "original is not yes"
    assert asked(WRONG_BOX) == "not no without the finding"


def test_edits_are_the_papers_and_in_order() -> None:
    toys.registry()
    sample, _ = run(1)
    image = ToySource().image(sample)
    edits = counterfactuals(ToyEditor(), image, sample)
    assert ToyEditor.prompts == [
        ("No toy nodule", "foreground"), ("No toy nodule", "background"), ("No abnormality", "background")
    ]  # fmt: skip
    x0, y0, x1, y1 = (round(edge) for edge in sample.boxes[0])
    assert (edits[0][y0 + 1 : y1 - 1, x0 + 1 : x1 - 1] == 20).all()
    assert (edits[1][y0 + 1 : y1 - 1, x0 + 1 : x1 - 1] == 220).all() and (edits[1][:100] == 20).all()


def test_a_negative_is_not_asked_about_its_edits(monkeypatch: pytest.MonkeyPatch) -> None:
    questions: list[str] = []
    monkeypatch.setattr(ToyModel, "answer", lambda self, image, question: questions.append(question) or "No")
    sample, model = run(0)
    image = np.zeros((9, 9, 3), np.uint8)
    got = ask(model, [image] * 4, sample, "direct")
    assert questions == [sample.question("direct")]
    assert (got.prediction, got.prediction_edited, got.prediction_edited_kept_normal) == ("No", "", "")
    assert (got.model, got.dataset, got.index, got.answer) == ("toy", "toy", 0, "yes")


def test_models_see_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []
    monkeypatch.setattr(ToyModel, "answer", lambda self, image, question: shapes.append(image.shape) or "Yes")
    sample, model = run(0)
    ask(model, [np.zeros((40, 20, 3), np.uint8)] * 4, sample, "direct")
    assert shapes == [(224, 224, 3)] * 4


def test_an_editor_that_changes_the_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyEditor, "edit", lambda self, image, *_: image[1:])
    sample = Sample("toy", 0, "x", "mass", (Box(0, 0, 1, 1),))
    with pytest.raises(ValueError, match="'toy' made"):
        counterfactuals(ToyEditor(), np.zeros((8, 8, 3), np.uint8), sample)


def test_survival_counts_add_up() -> None:
    survival = Survival()
    samples = list(ToySource().samples())
    reasons = [None, None, GATES[0].reason, GATES[1].reason, GATES[3].reason, None]
    for sample, reason in zip(samples, reasons, strict=True):
        survival.add(record(sample.index), sample, reason)
    survival.add(record(0, "reasoning", "other"), samples[0], None)
    assert survival.count("direct", "toy") == {
        "samples": 6, "said yes": 5, GATES[0].reason: 1, GATES[1].reason: 1, GATES[2].reason: 0,
        GATES[3].reason: 1, CUT_OFF: 0, "failed": 0, "survived": 3,
    }  # fmt: skip
    assert survival.count()["samples"] == 7
    assert survival.count(attribute="toy nodule")["samples"] == 3
    assert survival.count(source="toy", mode="direct")["samples"] == 6
    assert survival.count(source="elsewhere")["samples"] == 0


@pytest.mark.parametrize("reason", [FAILED, CUT_OFF])
def test_what_failed_or_was_cut_off_is_no_yes(reason: str) -> None:
    survival = Survival()
    sample = next(ToySource().samples())
    survival.add(record(0), sample, reason)
    survival.add(record(0, "reasoning"), sample, None)
    counts = survival.count()
    assert (counts["samples"], counts["said yes"], counts[reason], counts["survived"]) == (2, 1, 1, 1)
