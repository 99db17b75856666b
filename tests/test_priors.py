"""The controls that know where findings lie: what the source fitted, and no answer where it fitted none."""

from __future__ import annotations

from pathlib import Path

import pytest
import toys
from evaluating import toy_run

from harness.contracts.source import Sample
from harness.imaging.frame import Box
from harness.run.results import read_results
from plugins.attributors import priors

GUESS = Box(20, 40, 120, 200)


def test_the_controls_answer_with_the_source_s_boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toys.ToySource, "priors", lambda self, sample: {"question": (GUESS,)}, raising=False)
    toy_run(tmp_path / "run", ["question-prior", "body-prior"], priors, bench=toys.bench(tmp_path / "bench"))
    rows = read_results(tmp_path / "run").rows
    for row in rows:
        if not row.size:
            continue
        if row.attributor == "question-prior":
            assert row.boxes == [list(map(float, GUESS))] and (row.forward, row.backward) == (0, 0)
        else:  # no pose is known of toys
            assert row.status == "not_applicable" and "this source has none" in (row.error or "")
    assert {row.attributor for row in rows if row.size} == {"question-prior", "body-prior"}


def test_a_source_without_a_fit_leaves_both_without_an_answer() -> None:
    sample = Sample("toy", 0, "toy:0", "toy mass", (GUESS,))
    assert toys.ToySource().priors(sample) == {}
