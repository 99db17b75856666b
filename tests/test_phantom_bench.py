"""What ships: the embedded models read phantoms, and the benchmark is what its scripts say it is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness.bench.records import Record, read_records
from harness.bench.verdict import final_answer
from harness.building.causal import GATES, ask, counterfactuals, judge
from harness.contracts.mode import MODES, Mode, question
from harness.contracts.model import Model
from harness.contracts.source import Sample
from harness.imaging.read import letterbox
from harness.registry import Registry
from plugins.editors.phantom import PhantomEditor
from plugins.phantom import splits
from plugins.phantom.film import film
from plugins.phantom.vocabulary import FINDINGS
from plugins.sources.phantom import BENCH, Phantom, enumerate_samples

NAMES = ("phantom-qwen2.5-vl", "phantom-gemma3")
FOLDERS = [Path(BENCH).parents[1] / "models" / name for name in ("phantom_qwen2_5_vl", "phantom_gemma3")]


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    registry = Registry.discover()
    loaded = {name: registry.find("model", name)() for name in NAMES}
    for model in loaded.values():
        model.load()
    return loaded


@pytest.fixture(scope="module")
def records() -> dict[Mode, list[Record]]:
    return read_records(BENCH)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return list(Phantom().samples())


def test_the_weights_are_small_safetensors(models: dict[str, Model]) -> None:
    files = [path for folder in FOLDERS for path in folder.iterdir()]
    assert sum(path.stat().st_size for path in files) <= 8e6
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".jinja"}
    for model in models.values():
        assert sum(p.numel() for p in model.model.parameters()) <= 3_000_000  # type: ignore[attr-defined]


def test_the_listed_samples_are_what_the_films_show(samples: list[Sample]) -> None:
    shown = list(enumerate_samples(splits.BENCH[:6]))
    assert samples[: len(shown)] == shown
    assert {sample.attribute for sample in samples} == {finding.attribute for finding in FINDINGS}


def test_the_benchmark_is_large_enough_and_every_record_passed_the_filter(records: dict[Mode, list[Record]]) -> None:
    for mode in MODES:
        assert len(records[mode]) >= 300
        assert {record.model for record in records[mode]} == set(NAMES)
        assert all(judge(record) is None for record in records[mode])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NAMES)
def test_a_record_can_be_made_again(
    name: str, mode: Mode, models: dict[str, Model], records: dict[Mode, list[Record]], samples: list[Sample]
) -> None:
    mine = [record for record in records[mode] if record.model == name]
    for record in mine[:: len(mine) // 2]:
        sample = samples[record.index]
        image = Phantom().image(sample)
        images = (image, *counterfactuals(PhantomEditor(), image, sample, 0))
        assert ask(models[name], images, sample, mode) == record


@pytest.mark.parametrize("name", NAMES)
def test_a_model_reads_the_image_and_not_the_question(name: str, models: dict[str, Model]) -> None:
    model, right, blank = models[name], [], []
    for seed in splits.TEST[-12:]:
        shown = film(seed)
        frame = letterbox(shown.image())[0]
        for finding in FINDINGS:
            truth = "yes" if finding in shown.findings else "no"
            asked = question(finding.attribute, "direct")
            right.append((truth, final_answer(model.answer(frame, asked)) == truth))
            blank.append((truth, final_answer(model.answer(np.zeros_like(frame), asked)) == truth))

    def balanced(answers: list[tuple[str, bool]]) -> float:
        return float(np.mean([np.mean([ok for truth, ok in answers if truth == kind]) for kind in ("yes", "no")]))

    assert balanced(right) > 0.9
    assert balanced(blank) < 0.6


def test_the_report_of_the_filter_adds_up(records: dict[Mode, list[Record]], samples: list[Sample]) -> None:
    report = json.loads((BENCH / "survival.json").read_text(encoding="utf-8"))
    assert set(report) == {f"{mode} {name}" for mode in MODES for name in NAMES}
    for run, counts in report.items():
        mode, _, name = run.partition(" ")
        survived = sum(record.model == name for record in records[mode])  # type: ignore[index]
        assert counts["samples"] == len(samples)
        assert counts["survived"] == survived == counts["samples"] - sum(counts[gate.reason] for gate in GATES)
        positives = counts["samples"] - counts[GATES[0].reason]
        assert survived >= 0.5 * positives
