"""Metrics of maps against true pixels: scikit-learn, brute force, what controls get, runs with and without masks."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toys
from evaluating import evaluate
from sklearn.metrics import average_precision_score, roc_auc_score

from harness.contracts.attributor import Attribution
from harness.contracts.case import RecordKey
from harness.contracts.editor import region_mask
from harness.contracts.explained import Explained
from harness.imaging.frame import Box, Letterbox
from harness.run.header import MetricFacts
from harness.testing.metrics import check_metric
from leaderboard.board import make_board
from leaderboard.read.rescored import read_measured
from leaderboard.rescore import rescore
from leaderboard.verify import verify
from plugins.attributors import controls
from plugins.metrics.average_precision import Auroc, AveragePrecision
from plugins.metrics.iou_at_area import IoUAtArea
from plugins.metrics.relevance_mass import RelevanceMass
from plugins.metrics.true_pixels import PixelMetric, pixels

METRICS = (AveragePrecision, RelevanceMass, IoUAtArea, Auroc)
NAMES = [one.name for one in METRICS]
PLACE = Letterbox(100, 200)  # bars to the left and right
SIDE = PLACE.side
TRUTH = Box(20, 40, 50, 90)


def explained(said: Attribution, truth: Box = TRUTH, mask: np.ndarray | None = None) -> Explained:
    record = RecordKey("s", 0, "m", "direct")
    return Explained(record, "a", PLACE, truth=[truth], mask=mask, attribution=said)


def figures(said: Attribution, **more: Any) -> list[float]:
    return [one().measure(explained(said, **more)) for one in METRICS]


def maps() -> list[np.ndarray]:
    """Fine, coarse with ties, signed, and of zeros and ones."""
    random = np.random.default_rng(3)
    fine = random.normal(size=(SIDE, SIDE))
    return [fine, np.kron(random.integers(0, 4, (8, 8)), np.ones((28, 28))), fine.round(1), (fine > 1).astype(float)]


@pytest.mark.parametrize("heat", maps(), ids=["fine", "cells", "rounded", "binary"])
def test_the_order_is_scikit_learns(heat: np.ndarray) -> None:
    values, true = pixels(explained(Attribution(saliency=heat)))
    ap, _, _, auroc = figures(Attribution(saliency=heat))
    assert ap == pytest.approx(average_precision_score(true, values), rel=1e-12)
    assert auroc == pytest.approx(roc_auc_score(true, values), rel=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_ties_for_the_last_places_count_by_every_way_to_choose(seed: int) -> None:
    random = np.random.default_rng(seed)
    heat, true = random.integers(0, 3, 10).astype(float), random.permutation(10) < 4
    ways = []
    for chosen in combinations(range(10), 4):
        rest = np.delete(heat, chosen)
        if heat[list(chosen)].min() >= rest.max():
            shared = true[list(chosen)].sum()
            ways.append(shared / (8 - shared))
    assert IoUAtArea().of(heat, true) == pytest.approx(np.mean(ways), rel=1e-9)


def test_mass_by_hand() -> None:
    heat = np.array([3.0, -5.0, 1.0, 0.0])
    assert RelevanceMass().of(heat, np.array([True, True, False, False])) == 0.75
    assert RelevanceMass().of(heat * 1e300, np.array([True, True, False, False])) == 0.75
    assert RelevanceMass().of(-np.ones(4), np.array([True, False, False, False])) == 0.25


def test_what_nothing_tells_and_what_the_truth_gets() -> None:
    part = 30 * 50 / (100 * 200)
    for level in (0.0, 2.5, -1.0):
        flat = figures(Attribution(saliency=np.full((SIDE, SIDE), level)))
        assert flat[:2] == pytest.approx([part, part], abs=0.003) and flat[3] == 0.5
        assert flat[2] == pytest.approx(part / (2 - part), abs=0.003)
    assert figures(Attribution(boxes=[PLACE.to_frame(TRUTH)])) == [1, 1, 1, 1]
    assert figures(Attribution(boxes=[])) == pytest.approx(flat)


def test_the_bars_beside_the_image_do_not_count() -> None:
    random = np.random.default_rng(0).random((SIDE, SIDE))
    bars = random.copy()
    bars[:, :56] = bars[:, 168:] = 99
    assert figures(Attribution(saliency=bars)) == figures(Attribution(saliency=random))


def test_truth_is_the_mask_where_there_is_one() -> None:
    part = Box(30, 50, 40, 60)
    mask = region_mask((200, 100), [part], "foreground")
    said = Attribution(boxes=[PLACE.to_frame(part)])
    assert figures(said, mask=mask) == figures(said, truth=part) == [1, 1, 1, 1]
    assert figures(said)[0] < 0.3
    assert figures(said, mask=np.zeros_like(mask)) == figures(said)  # of an empty one nothing is known


@pytest.mark.parametrize("edges", [(50.05, 90.05, 50.1, 90.1), (99.9, 199.9, 100, 200), (0, 0, 0.1, 0.1)])
def test_the_least_truth_is_one_pixel(edges: tuple[float, float, float, float]) -> None:
    assert pixels(explained(Attribution(boxes=[]), Box(*edges)))[1].sum() == 1
    fine = Explained(
        RecordKey("s", 0, "m", "direct"), "a", Letterbox(1000, 2000), attribution=Attribution(boxes=[]),
        mask=region_mask((2000, 1000), [Box(*(10 * edge for edge in edges))], "foreground"),
    )  # fmt: skip
    assert fine.mask is not None and fine.mask.sum() == 1 and pixels(fine)[1].sum() == 1


def test_auroc_needs_something_that_is_not_true() -> None:
    whole = explained(Attribution(boxes=[]), Box(0, 0, 100, 200))
    assert not Auroc().applies(whole) and AveragePrecision().measure(whole) == IoUAtArea().measure(whole) == 1


@pytest.mark.parametrize("metric", METRICS)
def test_they_keep_the_contract(metric: type[PixelMetric]) -> None:
    assert not metric.default
    check_metric(metric())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pixels")


def test_controls_first(folder: Path) -> None:
    """What methods that see nothing get on the toys, whose evidence lies beside the middle of the image."""
    registry = toys.registry(controls)
    bench = toys.bench(folder / "bench", indices=(0, 1, 2))
    names = ["good", "map", "center-prior", "whole-image", "random"]
    evaluate(registry, names, bench=bench, output=folder / "run", metrics=NAMES, keep_maps=True)
    ranking, _ = make_board([folder / "run"]).rankings
    means = {score.attributor: [round(score.means[name] or 0, 3) for name in NAMES] for score in ranking.scores}
    part = toys.EVIDENCE.area / (toys.WIDTH * toys.HEIGHT)
    assert means["whole-image"] == pytest.approx([part, part, part / (2 - part), 0.5], abs=0.002)
    assert means["good"] == [1, 1, 1, 1]
    print(means)  # pytest -s shows them
    # The hill over the middle has an AUROC that looks like knowledge, and is next to nothing by all others.
    ap, mass, iou, auroc = means["center-prior"]
    assert auroc > 0.85 and max(ap, mass, iou) < 0.35
    assert max(means["random"][:3]) < 0.2
    check = verify(folder / "run", registry, bench)
    assert check.sentences == []


def test_kept_maps_give_the_same_figures(folder: Path) -> None:
    registry = toys.registry(controls)
    run = read_measured(folder / "run")
    evaluate(registry, run.header.attributors, bench=folder / "bench", output=folder / "kept", keep_maps=True)
    rescore(registry, folder / "kept", NAMES)
    for mine, theirs in zip(read_measured(folder / "kept").rows, run.rows, strict=True):
        assert [mine.metrics[n] for n in NAMES] == pytest.approx([theirs.metrics[n] for n in NAMES], abs=2e-3)
    assert not [note for note in make_board([folder / "kept"]).notes if "masks" in note]


def test_a_finished_run_has_no_masks_which_boards_say(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run takes the source's mask; what is added later takes the boxes, and the two do not mix."""
    mask = region_mask((toys.HEIGHT, toys.WIDTH), [toys.EVIDENCE], "foreground")
    monkeypatch.setattr(toys.ToySource, "mask", lambda self, sample: mask)
    registry = toys.registry()
    indices = (0, toys.WRONG_BOX)  # of the last, mask and box disagree
    bench = toys.bench(folder / "masked-bench", indices=indices)
    for name, more in (("masks", {"metrics": ["relevance-mass"]}), ("boxes", {})):
        evaluate(registry, ["good"], bench=bench, output=folder / name, keep_maps=True, **more)
    rescore(registry, folder / "boxes", ["relevance-mass"])
    run, later = (
        {row.index: row.metrics["relevance-mass"] for row in read_measured(folder / n).rows} for n in ("masks", "boxes")
    )
    assert run == {0: 1, toys.WRONG_BOX: 1} and later == {0: 1, toys.WRONG_BOX: 0}
    (note,) = (note for note in make_board([folder / "boxes"]).notes if "masks" in note)
    assert "Mass (relevance-mass) was measured from the true boxes" in note
    check = verify(folder / "masks", registry, bench)
    assert check.sentences == [] and any("it used the masks of toy" in text for text in check.unchecked)
    assert verify(folder / "boxes", registry, bench).sentences == []
    facts: list[MetricFacts] = [read_measured(folder / n).header.metrics["relevance-mass"] for n in ("masks", "boxes")]
    assert facts[0] != facts[1]  # so that boards refuse to merge them
