"""More than one truth about a record: regions, what only looks like the cause, other findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toys
from evaluating import toy_run

from harness.contracts.attributor import Attribution
from harness.contracts.case import RecordKey
from harness.contracts.explained import Explained
from harness.contracts.source import Sample
from harness.imaging.frame import Box, Letterbox
from harness.run.measured_again import explained_of
from harness.run.results import read_results
from plugins.metrics.concept_right import ConceptRight
from plugins.metrics.further_truths import DistractorMass, Fooled, IoUPlausible, IoURegion
from plugins.sources.imagenome import ImaGenome
from plugins.sources.vindr_cxr import VinDrCXR

CAUSE, LESION, REGION = Box(0, 0, 10, 10), Box(50, 50, 70, 70), Box(40, 40, 80, 80)


def explained(boxes: list[Box], truths: dict[str, list[Box]], **said: Any) -> Explained:
    return Explained(
        record=RecordKey("toy", 0, "toy", "direct"), attributor="a", place=Letterbox(224, 224), boxes=boxes,
        truth=[CAUSE], truths=truths, **said,
    )  # fmt: skip


def test_a_region_is_another_truth_than_the_finding() -> None:
    found = explained([REGION], {"region": [REGION]})
    assert IoURegion().applies(found) and IoURegion().measure(found) == 1
    assert IoURegion().measure(explained([CAUSE], {"region": [REGION]})) == 0
    assert not IoURegion().applies(explained([CAUSE], {"region": []}))


@pytest.mark.parametrize(("marked", "fooled"), [([CAUSE], 0), ([LESION], 1), ([CAUSE, LESION], 1), ([], 0)])
def test_a_method_is_fooled_where_it_overlaps_the_lesion_more_than_the_cause(marked: list[Box], fooled: int) -> None:
    # Both together: 100 of 500 pixels are the cause's, 400 of 500 the lesion's.
    assert Fooled().measure(explained(marked, {"plausible": [LESION]})) == fooled
    assert not Fooled().applies(explained(marked, {}))


def test_the_lesion_s_iou_is_better_the_smaller() -> None:
    assert IoUPlausible().measure(explained([LESION], {"plausible": [LESION]})) == IoUPlausible.worst == 1
    assert not IoUPlausible.higher_is_better


def test_distractor_mass_is_the_heat_on_other_findings_and_not_on_the_true_one() -> None:
    heat = np.zeros((224, 224))
    heat[0:10, 0:10] = 1  # the finding: 100
    heat[100:110, 100:130] = 2  # another one: 600
    heat[200:210, 200:210] = 3  # neither: 300
    heat[150, 150] = -50  # negative heat counts as none
    others = [Box(100, 100, 130, 110), Box(5, 5, 15, 15)]  # the second lies half on the true one
    found = explained([], {"others": others}, attribution=Attribution(saliency=heat))
    assert DistractorMass().measure(found) == pytest.approx(600 / 1000)
    even = explained([], {"others": others}, attribution=Attribution(saliency=np.ones((224, 224))))
    assert DistractorMass().measure(even) == pytest.approx((300 + 100 - 25) / 224**2)
    nothing = explained([], {"others": others}, attribution=Attribution(saliency=np.zeros((224, 224))))
    assert DistractorMass().measure(nothing) == 0


def test_any_of_the_acceptable_concepts_is_right() -> None:
    true = {"true_concepts": ("left lung", "left costophrenic angle")}
    for name, right in (("left lung", 1), ("left costophrenic angle", 1), ("lungs", 0)):
        assert ConceptRight().measure(explained([], {}, concept=name, **true)) == right


def test_a_source_says_what_its_boxes_are_about() -> None:
    sample = Sample("imagenome", 0, "a.jpg", "effusion", (CAUSE,))
    assert ImaGenome.annotates == "region" and ImaGenome().truths(sample) == {"region": (CAUSE,)}
    assert VinDrCXR.annotates == "finding" and VinDrCXR().truths(sample) == {}


def test_rows_hold_further_truths_and_are_rescored_by_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = toys.ToySource.samples

    def further(self: toys.ToySource) -> Iterator[Sample]:
        for sample in plain(self):
            yield replace(sample, truths={"region": (Box(-5, 0, 20, 1000),), "others": ()})

    monkeypatch.setattr(toys.ToySource, "samples", further)
    toy_run(tmp_path / "run", ["good"], bench=toys.bench(tmp_path / "bench"))
    rows = read_results(tmp_path / "run").rows
    assert rows and all(row.truths == {"region": [[-5.0, 0.0, 20.0, 1000.0]], "others": []} for row in rows)
    for row in rows:
        if row.size:
            again = explained_of(row)
            assert again.truths["region"] == (Box(0, 0, 20, toys.HEIGHT),)  # clipped to the film
            figure = 0.0 if row.status == "failed" else round(IoURegion().measure(again), 6)
            assert row.metrics["iou-region"] == figure
