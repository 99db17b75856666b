"""The controls that know where findings lie: what the source fitted, and no answer where it fitted none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rows
import toys
from evaluating import toy_run
from scipy.stats import bootstrap

from harness.contracts.source import Sample
from harness.imaging.frame import Box
from harness.run.results import read_results
from leaderboard.board import make_board
from leaderboard.render.markdown import render
from plugins.attributors import priors

GUESS = Box(20, 40, 120, 200)


def test_the_controls_answer_with_the_source_s_boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toys.ToySource, "priors", lambda self, sample: {"question": (GUESS,)}, raising=False)
    toy_run(tmp_path / "run", ["question-prior", "body-prior"], priors, bench=toys.bench(tmp_path / "bench"))
    results = read_results(tmp_path / "run").rows
    for row in results:
        if not row.size:
            continue
        if row.attributor == "question-prior":
            assert row.boxes == [list(map(float, GUESS))] and (row.forward, row.backward) == (0, 0)
        else:  # no pose is known of toys
            assert row.status == "not_applicable" and "this source has none" in (row.error or "")
    assert {row.attributor for row in results if row.size} == {"question-prior", "body-prior"}


def test_a_source_without_a_fit_leaves_both_without_an_answer() -> None:
    sample = Sample("toy", 0, "toy:0", "toy mass", (GUESS,))
    assert toys.ToySource().priors(sample) == {}


def test_boards_show_the_gain_over_the_strongest_control(tmp_path: Path) -> None:
    names = ["good", "weak", "strong"]
    figures = {"good": [0.9, 0.5, 0.7, 0.7], "weak": [0.1] * 4, "strong": [0.4, 0.4, 0.2, 0.2]}
    rows_ = [rows.row(k, name, figures[name][k]) for k in range(4) for name in names]
    head = rows.header(names, {"m": 4})
    for name in ("weak", "strong"):
        head["plugins"]["attributor"][name]["control"] = True
    board = make_board([rows.journal(tmp_path, head, rows_)])
    score = {s.attributor: s for s in board.rankings[0].scores}
    assert score["good"].over == "strong" and score["good"].gain == pytest.approx(0.4)  # 0.7 and 0.3 on average
    assert score["strong"].gain is None and score["weak"].gain is None
    assert "+40.0" in render(board) and "reasoning over" not in render(board)


def test_the_gain_s_interval_is_that_of_the_paired_differences(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    control = draws.random(40)
    mine = control + draws.normal(0.1, 0.05, 40)
    rows_ = [rows.row(k, name, float(v)) for k in range(40) for name, v in (("mine", mine[k]), ("blind", control[k]))]
    head = rows.header(["mine", "blind"], {"m": 40})
    head["plugins"]["attributor"]["blind"]["control"] = True
    (score, *_) = make_board([rows.journal(tmp_path, head, rows_)]).rankings[0].scores
    truth = bootstrap((mine - control,), np.mean, method="BCa", n_resamples=9999, rng=1).confidence_interval
    assert score.gain_interval == pytest.approx((truth.low, truth.high), abs=2e-3)
