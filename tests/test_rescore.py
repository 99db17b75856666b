"""Kept maps, and further metrics from them without a model: as if they had been measured in the run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import toys
from evaluating import evaluate

from harness.cli import main as cli
from harness.contracts.attributor import Attribution
from harness.contracts.explained import Explained
from harness.contracts.metric import Metric, Need
from harness.errors import HarnessError
from harness.hookspecs import hookimpl
from harness.imaging.frame import FRAME_SIDE, Box
from harness.registry import Registry
from leaderboard.kept_maps import encode, map_path, read_map
from leaderboard.read.rescored import read_measured
from leaderboard.rescore import rescore


class Inside(Metric):
    """The part of the map's mass that lies in the true boxes."""

    name: ClassVar[str] = "inside"
    title: ClassVar[str] = "Inside"
    legend: ClassVar[str] = "the part of the map's mass in the true boxes; more is better."
    needs: ClassVar[frozenset[Need]] = frozenset({"map"})

    def measure(self, explained: Explained) -> float:
        assert explained.place is not None
        heat, mask = np.maximum(explained.heat, 0), np.zeros((FRAME_SIDE, FRAME_SIDE), bool)
        for box in explained.truth:
            x0, y0, x1, y1 = (round(edge) for edge in explained.place.to_frame(box))
            mask[y0:y1, x0:x1] = True
        return float(heat[mask].sum() / heat.sum())


class Count(Metric):
    """How many boxes the method marked."""

    name: ClassVar[str] = "count"
    title: ClassVar[str] = "Boxes"
    legend: ClassVar[str] = "how many boxes the method marked."
    percent: ClassVar[bool] = False

    def measure(self, explained: Explained) -> float:
        return len(explained.boxes)


@hookimpl
def metrics() -> list[type[Metric]]:
    return [Inside, Count]


def registry() -> Registry:
    return toys.registry(sys.modules[__name__])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``run`` measured everything itself; ``kept`` only kept the maps, ``plain`` not even those."""
    folder = tmp_path_factory.mktemp("rescore")
    bench = toys.bench(folder / "bench", ("toy", "black-box"))
    for name, settings in (("run", {"metrics": ["inside", "count"]}), ("kept", {"keep_maps": True}), ("plain", {})):
        evaluate(registry(), ["good", "map", "traces", "bad"], bench=bench, output=folder / name, **settings)
    return folder


@pytest.mark.parametrize(
    "said",
    [
        Attribution(saliency=np.random.default_rng(0).normal(size=(FRAME_SIDE, FRAME_SIDE)) * 1e-9 + 3),
        Attribution(saliency=np.full((FRAME_SIDE, FRAME_SIDE), -2.5)),
        Attribution(boxes=[Box(1, 2.5, 3, 4), Box(5, 6, 7, 8)], concept="left lung", token_scores=[0.25, -1e-12]),
        Attribution(saliency=np.eye(FRAME_SIDE), boxes=[]),
    ],
)
def test_what_is_kept_is_what_was_said(tmp_path: Path, folder: Path, said: Attribution) -> None:
    row = read_measured(folder / "kept").rows[0]
    map_path(tmp_path, row.key).parent.mkdir(parents=True, exist_ok=True)
    map_path(tmp_path, row.key).write_bytes(encode(said))
    found = read_map(tmp_path, row)
    if said.saliency is None:
        assert found.saliency is None
    else:
        assert found.saliency is not None
        near = 2**-11 * np.ptp(said.saliency)  # half a step of float16 near 1
        np.testing.assert_allclose(found.saliency, said.saliency, rtol=0, atol=near)
    assert found.boxes == (None if said.boxes is None else tuple(said.boxes))
    assert (found.concept, found.token_scores) == (said.concept, said.token_scores)
    assert encode(said) == encode(said)


def test_rescoring_gives_what_the_run_would_have(folder: Path, tmp_path: Path) -> None:
    before = (folder / "kept" / "journal.jsonl").read_bytes()
    paths = rescore(registry(), folder / "kept", ["inside", "count"])
    assert [path.name for path in paths] == ["rescored-inside.jsonl", "rescored-count.jsonl"]
    assert (folder / "kept" / "journal.jsonl").read_bytes() == before
    run, kept = read_measured(folder / "run"), read_measured(folder / "kept")
    assert kept.rescored == ("count", "inside") and {*kept.header.metrics} == {*run.header.metrics}
    assert kept.header.metrics["inside"] == run.header.metrics["inside"]
    for mine, theirs in zip(kept.rows, run.rows, strict=True):
        assert mine.metrics.keys() == theirs.metrics.keys()
        for name, figure in theirs.metrics.items():
            assert mine.metrics[name] == (figure if name != "inside" else pytest.approx(figure, abs=1e-3))
    first = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in rescore(registry(), folder / "kept", ["inside", "count"])] == first


def test_what_only_needs_boxes_needs_no_maps(folder: Path) -> None:
    rescore(registry(), folder / "plain", ["count"])
    assert read_measured(folder / "plain").rows[0].metrics["count"] == 1
    with pytest.raises(HarnessError, match=r"There is no map of 'good' on sample 0 .* with --keep-maps"):
        rescore(registry(), folder / "plain", ["inside"])


def test_what_cannot_be_rescored_is_said(folder: Path) -> None:
    for metric, why in (
        ("deletion", r"'deletion' needs the model.*`harness eval --metric deletion`"),
        ("iou", "has the metric 'iou' already"),
        ("insde", "did you mean 'inside'"),
    ):
        with pytest.raises(HarnessError, match=why):
            rescore(registry(), folder / "kept", [metric])
    with pytest.raises(HarnessError, match="by --metric NAME"):
        rescore(registry(), folder / "kept", [])


def test_figures_of_another_state_of_the_journal_are_refused(folder: Path) -> None:
    rescore(registry(), folder / "plain", ["count"])
    journal = folder / "plain" / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole[: whole.rindex(b"\n", 0, -1) + 1])
    with pytest.raises(HarnessError, match="measured from another state of the journal; run `harness rescore"):
        read_measured(folder / "plain")
    journal.write_bytes(whole)
    added = folder / "plain" / "rescored-count.jsonl"
    good = added.read_text()
    for bad in ("", "{}\n", good.replace('"format": 1', '"format": 7'), good + '{"key": [1]}\n', good + "nonsense\n"):
        added.write_text(bad)
        with pytest.raises(HarnessError, match="holds no figures of a metric"):
            read_measured(folder / "plain")
    added.unlink()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04", encode(Attribution(saliency=np.eye(5)))])
def test_a_broken_map_is_named(folder: Path, tmp_path: Path, content: bytes) -> None:
    row = read_measured(folder / "kept").rows[0]
    map_path(tmp_path, row.key).parent.mkdir()
    map_path(tmp_path, row.key).write_bytes(content)
    with pytest.raises(HarnessError, match=r"The kept map .*\.npz cannot be read"):
        read_map(tmp_path, row)


def test_the_command_does_all_shards(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("1/2", "2/2"):
        evaluate(registry(), ["good"], bench=folder / "bench", output=folder / "parts", shard=part)
    found = registry()
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls: found))
    assert cli.main(["rescore", str(folder / "parts"), "--metric", "count"]) == 0
    assert capsys.readouterr().out.count("rescored-count.jsonl") == 2
    assert cli.main(["rescore", str(folder / "gone"), "--metric", "count"]) == 2
    assert "There is no journal in" in capsys.readouterr().err
