"""The whole way for somebody with the data: check, build by RadEdit, evaluate what was built, rank."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import data_trees as trees
import numpy as np
import pytest
from small_diffusion import radedit_folder
from test_clinical_eval import Bright

import harness.cli.main
from harness.contracts.attributor import Attributor
from harness.contracts.model import Model
from harness.hookspecs import hookimpl
from harness.registry import Registry
from leaderboard import plugin as leaderboard
from plugins import metrics
from plugins.editors import radedit
from plugins.executors import local
from plugins.sources import imagenome, padchest_gr, vindr_cxr


class Sees(Model):
    """Says yes to any image of which a hundredth or more is bright."""

    name: ClassVar[str] = "sees"

    def answer(self, image: np.ndarray, question: str) -> str:
        return "Yes." if (image[..., 0] > 190).mean() > 0.01 else "No."


class Plugin:
    @hookimpl
    def models(self) -> list[type[Model]]:
        return [Sees]

    @hookimpl
    def attributors(self) -> list[type[Attributor]]:
        return [Bright]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All three data sets under one root; only their sources, RadEdit and the toys are installed."""
    registry = Registry([imagenome, vindr_cxr, padchest_gr, radedit, leaderboard, metrics, local, Plugin()])
    assert not registry.broken
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls: registry))
    root = tmp_path / "data"
    trees.write_imagenome(root)
    trees.write_vindr_cxr(root)
    trees.write_padchest_gr(root)
    return root


def run(*words: Any) -> int:
    return harness.cli.main.main([str(word) for word in words])


def options() -> list[str]:
    weights = radedit_folder()
    chosen = {"unet": weights, "vae": weights, "text_encoder": weights / "text_encoder", "steps": 4, "size": 64}
    return [word for name, value in chosen.items() for word in ("-o", f"radedit.{name}={value}")]


def test_from_the_files_to_a_rank(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench, out = tmp_path / "bench", tmp_path / "out"
    assert run("sources", "check", "--data-root", data, "--images") == 0
    built = ["build", "--data-root", data, "--model", "sees", "--mode", "direct", "--controls", "--output", bench]
    assert run(*built, *options()) == 0
    report = json.loads((bench / "report.json").read_text())
    asked = {row["source"]: row["samples"] for row in report["filter"]}
    survived = Counter(row["dataset"] for row in json.loads((bench / "direct.json").read_text()))
    assert asked == {"imagenome": 5, "padchest_gr": 3, "vindr_cxr": 4}
    # Where an image has a second bright box, editing the first one away does not turn the answer.
    assert survived == {"imagenome": 3, "padchest_gr": 1}
    controls = json.loads((bench / "controls.json").read_text())
    assert len(controls) == 4
    capsys.readouterr()
    assert run("eval", "--attributor", "bright", "--bench", bench, "--data-root", data, "--output", out) == 0
    assert "bright" in capsys.readouterr().out
    rows = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()[1:]]
    assert len(rows) == sum(survived.values()) and all(row["status"] == "ok" for row in rows)
    assert np.mean([row["metrics"]["recall"] for row in rows]) > 0.9
    card = (bench / "README.md").read_text()
    assert "not to be passed on" in card


def test_two_builds_give_the_same_bytes(data: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        words = ["--source", "padchest-gr", "--model", "sees", "--mode", "direct", "--output", tmp_path / name]
        assert run("build", "--data-root", data, *words, *options()) == 0
    for name in ("direct.json", "report.json", "direct.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
