"""What ships: the embedded models read phantoms, and the benchmarks are what their scripts say they are."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.bench.records import Record, read_records
from harness.bench.verdict import final_answer
from harness.building.causal import GATES, ask, counterfactuals, judge
from harness.contracts.mode import MODES, Mode, question
from harness.contracts.model import Model
from harness.imaging.overlap import overlap
from harness.imaging.read import letterbox
from harness.registry import Registry
from plugins.editors.phantom import PhantomEditor
from plugins.phantom import splits
from plugins.phantom.kinds import ATTRIBUTES, KIND
from plugins.phantom.marks import MARKS
from plugins.phantom.population import ORDINARY, person
from plugins.phantom.radiograph import Radiograph
from plugins.sources.phantom import BENCH, Phantom, PhantomPlanted
from scripts.build_phantom_bench import planted, samples

NAMES = ("phantom-qwen2.5-vl", "phantom-gemma3")
BOTH = {Phantom: NAMES, PhantomPlanted: tuple(f"{name}-planted" for name in NAMES)}
RUNS = [(source, name) for source, names in BOTH.items() for name in names]
FOLDERS = [
    Path(Phantom.bench or "").parents[1] / "models" / f"phantom_{family}{planted}"
    for family in ("qwen2_5_vl", "gemma3")
    for planted in ("", "_planted")
]


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    registry = Registry.discover()
    loaded = {name: registry.find("model", name)() for _, name in RUNS}
    for model in loaded.values():
        model.load()
    return loaded


@pytest.fixture(scope="module")
def records() -> dict[type[Phantom], dict[Mode, list[Record]]]:
    return {source: read_records(source.bench) for source in BOTH if source.bench is not None}


def listed(source: type[Phantom]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((source.bench / "samples.json").read_text())  # type: ignore[operator]
    return rows


def test_the_weights_are_small_safetensors(models: dict[str, Model]) -> None:
    files = [path for folder in FOLDERS for path in folder.iterdir()]
    assert sum(path.stat().st_size for path in files) <= 20e6
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".jinja"}


def test_the_listed_samples_are_what_the_films_show() -> None:
    for source, make in ((Phantom, samples), (PhantomPlanted, planted)):
        rows = listed(source)
        each = max(Counter(row["attribute"] for row in rows).values())
        assert json.loads(json.dumps(list(islice(make(each), 8)))) == rows[:8]
    assert {row["attribute"] for row in listed(Phantom)} == set(ATTRIBUTES)
    assert {row["attribute"] for row in listed(PhantomPlanted)} == set(MARKS)


def test_most_samples_are_of_kinds_that_can_lie_anywhere() -> None:
    rows = listed(Phantom)
    assert sum(KIND[row["attribute"]].anywhere for row in rows) > len(rows) / 2


@pytest.mark.parametrize("mode", MODES)
def test_the_benchmark_is_large_enough_and_every_record_passed_the_filter(
    mode: Mode, records: dict[type[Phantom], dict[Mode, list[Record]]]
) -> None:
    assert len(records[Phantom][mode]) >= 500
    for source, names in BOTH.items():
        assert {record.model for record in records[source][mode]} == set(names)
        assert all(judge(record) is None for record in records[source][mode])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("source", "name"), RUNS, ids=[name for _, name in RUNS])
def test_a_record_can_be_made_again(
    source: type[Phantom], name: str, mode: Mode, models: dict[str, Model],
    records: dict[type[Phantom], dict[Mode, list[Record]]],
) -> None:  # fmt: skip
    mine = [record for record in records[source][mode] if record.model == name]
    there = list(source().samples())
    for record in mine[:: len(mine) // 2]:
        sample = there[record.index]
        image = source().image(sample)
        images = (image, *counterfactuals(PhantomEditor(), image, sample, 0))
        assert ask(models[name], images, sample, mode) == record


@pytest.mark.parametrize("name", NAMES)
def test_a_model_reads_the_image_and_not_the_question(name: str, models: dict[str, Model]) -> None:
    """A sign that what ships is what was measured: ``scripts.evaluate_phantom_models`` measures it on many films."""
    model, right, blank = models[name], [], []
    for seed in splits.TEST[-16:]:
        shown = Radiograph(person(seed))
        frame = letterbox(shown.image())[0]
        for kind in ATTRIBUTES:
            if kind in shown.drawn and shown.drawn[kind].contrast < ORDINARY:
                continue
            truth = "yes" if kind in shown.drawn else "no"
            asked = question(kind, "direct")
            right.append((truth, final_answer(model.answer(frame, asked)) == truth))
    for kind in ATTRIBUTES:
        told = final_answer(model.answer(np.zeros_like(frame), question(kind, "direct")))
        blank += [(truth, told == truth) for truth in ("yes", "no")]

    def balanced(answers: list[tuple[str, bool]]) -> float:
        return float(np.mean([np.mean([ok for truth, ok in answers if truth == kind]) for kind in ("yes", "no")]))

    assert balanced(right) > 0.9
    assert balanced(blank) == 0.5


def test_the_published_accuracies_reach_their_bars() -> None:
    published = json.loads((Path(__file__).parents[1] / "docs" / "phantom_models.json").read_text(encoding="utf-8"))
    for name in NAMES:
        for mode in MODES:
            accuracy = published[name][mode]["accuracy"]
            assert set(accuracy) == set(ATTRIBUTES)
            assert np.mean(list(accuracy.values())) >= 0.95, (name, mode)
            assert min(accuracy.values()) >= 0.9, (name, mode)
            assert all(0.4 <= chance <= 0.6 for chance in published[name][mode]["controls"].values())


@pytest.mark.parametrize("source", BOTH, ids=lambda source: source.name)
def test_the_report_of_the_filter_adds_up(
    source: type[Phantom], records: dict[type[Phantom], dict[Mode, list[Record]]]
) -> None:
    report = json.loads((source.bench / "survival.json").read_text(encoding="utf-8"))  # type: ignore[operator]
    assert set(report) == {f"{mode} {name}" for mode in MODES for name in BOTH[source]}
    for run, counts in report.items():
        mode, _, name = run.partition(" ")
        survived = sum(record.model == name for record in records[source][mode])  # type: ignore[index]
        assert counts["samples"] == len(listed(source))
        assert counts["survived"] == survived == counts["samples"] - sum(counts[gate.reason] for gate in GATES)
        if source is Phantom:
            assert 0.4 <= survived / counts["samples"] <= 0.9


def test_at_least_three_of_the_gates_drop_some() -> None:
    report = json.loads((BENCH / "survival.json").read_text(encoding="utf-8"))
    assert sum(any(counts[gate.reason] for counts in report.values()) for gate in GATES) >= 3


@pytest.mark.parametrize("mode", MODES)
def test_controls_that_see_nothing_are_weak_on_the_records(
    mode: Mode, records: dict[type[Phantom], dict[Mode, list[Record]]]
) -> None:
    """On every twelfth record; ``--attributor question-prior`` and its like rate them on all."""
    source, there = Phantom(), list(Phantom().samples())
    reached: dict[str, list[float]] = {"question": [], "pose": []}
    for record in records[Phantom][mode][::12]:
        sample = there[record.index]
        for kind, boxes in source.priors(sample).items():
            reached[kind].append(overlap(boxes, sample.boxes).iou)
    assert np.mean(reached["question"]) <= 0.3
    assert np.mean(reached["pose"]) <= 0.45
