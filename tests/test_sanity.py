"""The randomisation test: what shuffling does to weights and to maps, its file, its command, and its column."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import small_models
import toys
from rows import header, journal, plugin, row

from harness.cli.main import main
from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability
from harness.errors import HarnessError
from harness.hookspecs import hookimpl
from harness.imaging.correlation import rank_correlation
from harness.imaging.frame import Box
from harness.run.select import select
from harness.run.settings import RunSettings
from harness.sanity.randomisation import randomise
from harness.sanity.report import Compared, Report, passes, read_report, write_report
from leaderboard.board import make_board
from leaderboard.publish import write
from leaderboard.sanity import with_sanity


@pytest.mark.parametrize("family", small_models.FAMILIES)
def test_the_parts_hold_every_weight_once_from_the_output_down(family: str) -> None:
    model = small_models.load(family, small_models.prepared(family).folder)
    learnt = {name: weights.clone() for name, weights in model.model.named_parameters()}
    parts, changed, before = model.parts(), list[set[str]](), dict(learnt)
    assert len(parts) == 1 + 3 + 1 + 2 + 1  # norm and head, decoder layers, projector, vision layers, embedding
    assert "language_model.norm" in parts[0] and "embed" in parts[-1]
    order = [int(part.rsplit(".", 1)[1]) for part in parts if part.rsplit(".", 1)[1].isdecimal()]
    assert order == [2, 1, 0, 1, 0]
    image, asked = small_models.frames(1), (small_models.QUESTION, small_models.ANSWER)
    scores = model.score(image, *asked)
    for part in parts:
        model.shuffle(part, 7)
        changed.append({name for name, weights in model.model.named_parameters() if not weights.equal(before[name])})
        before |= {name: dict(model.model.named_parameters())[name].clone() for name in changed[-1]}
    assert sum(map(len, changed)) == len(set().union(*changed)) > 0.5 * len(before)  # norms of ones cannot change
    for name, weights in model.model.named_parameters():
        assert weights.flatten().sort().values.equal(learnt[name].flatten().sort().values)
    assert np.abs(model.score(image, *asked) - scores).max() > 0.01
    twin = small_models.load(family, small_models.prepared(family).folder)
    for part in reversed(parts):
        twin.shuffle(part, 7)
    assert np.array_equal(twin.score(image, *asked), model.score(image, *asked))  # by the seed, in any order


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_the_correlation_is_the_share_of_the_map_that_the_weights_do_not_decide(share: float) -> None:
    """Of normal variables: Spearman's rho is 6 / pi asin(r / 2) of Pearson's r, which is the share of the variance."""
    rng = np.random.default_rng(0)
    stays, before, after = rng.standard_normal((3, 224, 224))
    one, other = (np.sqrt(share) * stays + np.sqrt(1 - share) * own for own in (before, after))
    found = rank_correlation(one, other, Box(0, 0, 224, 224))
    assert found == pytest.approx(6 / np.pi * np.arcsin(share / 2), abs=0.02)


def compared(attributor: str, *values: float, model: str = "m", **fields: Any) -> Compared:
    about = {"model": model, "mode": "direct", "attributor": attributor, "missing": 0, "why": None, "cascade": {}}
    return Compared.read({**about, "correlations": list(values), **fields})


def test_what_passes() -> None:
    assert passes([compared("a", 0.0, 0.9)])  # the mean counts
    assert not passes([compared("a", 0.5)]) and not passes([compared("a", -0.6)])
    assert not passes([compared("a", 0.0), compared("a", 0.9, model="n")])  # each model's
    assert not passes([compared("a")])


class Movable(toys.ToyModel):
    """Its head decides nothing; where it looks can be shuffled."""

    name: ClassVar[str] = "movable"
    aliases: ClassVar[tuple[str, ...]] = ()

    def parts(self) -> list[str]:
        return ["head", "region"]

    def shuffle(self, part: str, seed: int) -> None:
        if part == "region":
            left = seed % 3 * 28
            self.region = Box(left, 180, left + 28, 212)


class Reader(Attributor):
    """Black out each cell: the model's region shows. Counts its passes, and whose they were."""

    name: ClassVar[str] = "reader"

    def attribute(self, case: Case) -> Attribution:
        drops = np.zeros((7, 7))
        for place in np.ndindex(7, 7):
            hidden = case.image.copy()
            hidden[32 * place[0] : 32 * place[0] + 32, 32 * place[1] : 32 * place[1] + 32] = 0
            drops[place] = case.original.sum() - case.score([hidden])[0].sum()
        return Attribution(saliency=case.spread(drops))


class Fixed(Attributor):
    """Pure anatomy: a box that no model decides."""

    name: ClassVar[str] = "fixed"
    needs: ClassVar[frozenset[Capability]] = frozenset()

    def attribute(self, case: Case) -> Attribution:
        return Attribution(boxes=[toys.REGION])


class Fussy(Attributor):
    """Explains only a model that looks at its region."""

    name: ClassVar[str] = "fussy"

    def attribute(self, case: Case) -> Attribution:
        if case.model.region != toys.REGION:  # type: ignore[attr-defined]
            raise ValueError("no such region")
        return Attribution(boxes=[toys.REGION])


class Module:
    """A plugin module."""

    @hookimpl
    def attributors(self) -> Sequence[type[Attributor]]:
        return [Reader, Fixed, Fussy]

    @hookimpl
    def models(self) -> Sequence[type[Any]]:
        return [Movable]


def check(folder: Path, *methods: str, model: str = "movable", at_once: bool = False) -> dict[str, Compared]:
    toys.write_records(folder / "bench", [replace(toys.record(k), model=model) for k in range(2)])
    settings = RunSettings(attributors=list(methods), bench=folder / "bench", modes=["direct"])
    selection = select(toys.registry(Module()), settings)
    found = randomise(selection, 0, "bilinear", at_once, lambda what: None)
    return {one.attributor: one for one in found}


def test_maps_of_the_model_change_with_what_was_learnt_and_controls_do_not(tmp_path: Path) -> None:
    found = check(tmp_path, "reader", "fixed", "fussy", "traces")
    assert found["fixed"].correlations == [1, 1] and found["fixed"].cascade == {"head": 1, "region": 1}
    assert found["reader"].cascade["head"] == 1  # nothing hangs on it
    assert found["reader"].cascade["region"] < 0.5 and not passes([found["fixed"]])
    assert found["reader"].cascade["region"] == pytest.approx(np.mean(found["reader"].correlations), abs=1e-6)
    assert (found["fussy"].correlations, found["fussy"].missing) == ([], 2)
    assert found["fussy"].why == "ValueError: no such region"
    assert found["fussy"].cascade == {"head": 1}
    again = check(tmp_path, "reader", "fixed", "fussy", "traces")
    assert again == found  # from weights that were loaded anew
    once = check(tmp_path, "reader", at_once=True)["reader"]
    assert once.correlations == found["reader"].correlations and once.cascade == {}


def test_a_model_that_cannot_shuffle_is_named(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="'toy' cannot shuffle its weights"):
        check(tmp_path, "fixed", model="toy")


def report(*found: Compared, **fields: Any) -> Report:
    kinds = {"attributor": {one.attributor for one in found}, "model": {one.model for one in found}}
    about = {
        "format": 1, "harness": "1", "torch": None, "transformers": None, "device": "cpu", "seed": 0, "limit": None,
        "upsampling": "bilinear", "pass_mark": 0.5,
        "plugins": {kind: {name: plugin() for name in names} for kind, names in kinds.items()},
        "compared": [one.line() for one in found],
    }  # fmt: skip
    return Report.read(about | fields)


def test_the_board_shows_correlation_and_mark(tmp_path: Path) -> None:
    rows = [row(k, name, 0.5) for k in range(3) for name in ("a", "b", "c")]
    board = make_board([journal(tmp_path / "run", header(["a", "b", "c"], {"m": 3, "n": 0}), rows)])
    checked = report(compared("a", 0.1, 0.2), compared("b", 0.9), compared("b", 0.0, model="other"))
    write_report(checked, tmp_path / "s.json")
    assert read_report(tmp_path / "s.json") == checked
    shown = with_sanity(board, checked)
    by = {score.attributor: (score.sanity, score.sane) for score in shown.rankings[0].scores}
    assert by == {"a": (pytest.approx(0.15), True), "b": (0.9, False), "c": (None, None)}
    write(shown, tmp_path / "board.md")
    text = (tmp_path / "board.md").read_text()
    assert "| 0.15 ✓ |" in text and "| 0.90 ✗ |" in text and "**Sanity**" in text
    assert "Sanity (✓: passed) is of 3 records of m, other." in text
    write(board, tmp_path / "plain.md")
    assert "Sanity" not in (tmp_path / "plain.md").read_text()
    write(shown, tmp_path / "board.csv")
    lines = list(csv.DictReader((tmp_path / "board.csv").read_text().splitlines()))
    assert ("0.15", "True") in {(line["sanity"], line["sane"]) for line in lines}


@pytest.mark.parametrize(
    ("checked", "message"),
    [
        (report(compared("z", 0.1)), "of none of these methods"),
        (report(compared("a", 0.1, mode="reasoning")), "of none of these methods"),
        (
            report(compared("a", 0.1), plugins={"attributor": {"a": plugin(options={"grid": 4})}, "model": {}}),
            "attributor.a.options.grid: 8, now 4",
        ),
    ],
)
def test_a_report_of_something_else_is_refused(tmp_path: Path, checked: Report, message: str) -> None:
    board = make_board([journal(tmp_path, header(["a"], {"m": 1}), [row(0, "a", 0.5)])])
    with pytest.raises(HarnessError, match=message):
        with_sanity(board, checked)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', "\x00"])
def test_what_is_no_report_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(HarnessError, match=r"s\.json is no report of `harness sanity`"):
        read_report(tmp_path / "s.json")
    with pytest.raises(HarnessError, match="cannot be read"):
        read_report(tmp_path / "none.json")


def test_the_command_from_weights_to_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With an embedded model: one seed gives one result, at once or step by step, and the controls do not pass."""
    words = ["sanity", "--attributor", "gradient-norm", "--attributor", "center-prior", "--attributor", "random"]
    words += ["--model", "phantom-qwen2.5-vl", "--mode", "direct", "--limit", "2", "--output"]
    assert main([*words, str(tmp_path / "one.json")]) == 0
    said = capsys.readouterr().out
    assert "Passed" in said and "1  model.language_model.norm" in said and "11  model.visual.patch_embed.proj" in said
    by = {one.attributor: one for one in read_report(tmp_path / "one.json").compared}
    assert set(by["center-prior"].correlations) == set(by["random"].correlations) == {1}
    assert max(by["gradient-norm"].correlations) < 0.9 and len(by["gradient-norm"].cascade) == 11
    for seed in ("0", "1"):
        main([*words, str(tmp_path / f"{seed}.json"), "--seed", seed, "--at-once"])
        other = {one.attributor: one for one in read_report(tmp_path / f"{seed}.json").compared}
        for name, one in other.items():
            same = seed == "0" or name != "gradient-norm"
            assert (one.correlations == by[name].correlations) == same and one.cascade == {}


@pytest.mark.parametrize(("output", "message"), [("x.txt", "ends in .json"), ("no/such/x.json", "does not exist")])
def test_an_output_that_cannot_be_is_refused_first(
    output: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sanity", "--attributor", "random", "--output", output]) == 2
    assert message in capsys.readouterr().err
