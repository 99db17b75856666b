"""MedFocus: its concept boxes, the consensus of the pool, and interventions against a loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from drawn_chest import RECTANGLES, frame, iou, rgb, shifted, write_pool

from harness.errors import HarnessError
from harness.imaging.frame import Box
from harness.testing.region import SIDE, WHOLE, RegionModel, make_case
from plugins.attributors.medfocus import attributors
from plugins.attributors.medfocus.concept_hiding import ConceptHiding
from plugins.attributors.medfocus.concepts import COMPOSITES, CONCEPTS
from plugins.attributors.medfocus.consensus import Consensus
from plugins.attributors.medfocus.hiding import hide
from plugins.attributors.medfocus.medfocus import MedFocus
from plugins.attributors.medfocus.medfocus_consensus import MedFocusConsensus
from plugins.attributors.medfocus.medfocus_zoom import MedFocusZoom
from plugins.attributors.medfocus.references import Pool, load_pool, mass
from plugins.attributors.medfocus.regions import hull
from plugins.attributors.medsam import BoxRefiner


@pytest.fixture(scope="module")
def pool_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pool(tmp_path_factory.mktemp("pool") / "pool.npz")


def paper(pool_file: Path, **options: object) -> MedFocus:
    return MedFocus(MedFocus.Options(pool=pool_file, **options))  # type: ignore[arg-type]


def consensus(pool_file: Path, **options: object) -> MedFocusConsensus:
    return MedFocusConsensus(MedFocusConsensus.Options(pool=pool_file, **options))  # type: ignore[arg-type]


BOTH = pytest.mark.parametrize("make", [paper, consensus])


# Boxes


def test_consensus_follows_the_anatomy(pool_file: Path) -> None:
    """Moved as a whole within what the pool knows, every concept's box must follow it closely."""
    shift = (2, 3)
    boxes = consensus(pool_file).boxes(rgb(frame(shift, 9)), WHOLE)
    assert list(boxes) == list(CONCEPTS)
    overlap = {name: iou(boxes[name], shifted(RECTANGLES[name], shift)) for name in CONCEPTS}
    assert min(overlap.values()) > 0.6, overlap
    assert np.mean(list(overlap.values())) > 0.8, overlap


def test_consensus_of_a_reference_with_itself_is_its_own_boxes(pool_file: Path) -> None:
    pool = load_pool(pool_file)
    alone = Pool(pool.images[:1], pool.masks[:1], "")
    found = Consensus(alone, 56, 0.05, 0.1).boxes(mass(pool.images[0], 56), SIDE, WHOLE)
    for name, box in zip(CONCEPTS, found, strict=True):
        assert box is not None
        # Rectangles on cell borders survive exactly, others to the cell.
        np.testing.assert_allclose(box, RECTANGLES[name], atol=2 + 1e-6)


def test_mass_transfer_covers_the_anatomy(pool_file: Path) -> None:
    boxes = paper(pool_file).boxes(rgb(frame()), WHOLE)
    for name in ("left lung", "right lung", "mediastinum"):
        assert iou(boxes[name], RECTANGLES[name]) > 0.3
    assert boxes["left lung"].x0 > boxes["right lung"].x0


@BOTH
def test_boxes_stay_inside_the_content_and_are_remembered(
    make: Callable[..., ConceptHiding], pool_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, content = make(pool_file), Box(40, 0, 184, SIDE)
    image = rgb(frame())
    boxes = method.boxes(image, content)
    for box in boxes.values():
        assert box.x0 >= content.x0 and box.x1 <= content.x1 and box.area > 0
    monkeypatch.setattr(type(method), "_locate", lambda *_: pytest.fail("located twice"))
    assert method.boxes(image.copy(), content) == boxes


def test_a_concept_that_no_reference_has_is_left_out(pool_file: Path) -> None:
    method = consensus(pool_file)
    masks = method.pool.masks.copy()
    masks[:, CONCEPTS.index("left clavicle")] = False
    method.__dict__["pool"] = Pool(method.pool.images, masks, "")
    result = method.attribute(make_case(RegionModel(), rgb(frame())))
    assert result.concept_scores is not None
    assert not {"left clavicle", "clavicles"} & set(result.concept_scores)
    assert len(result.concept_scores) == 13


# Interventions


def test_hide_blanks_pixels_whose_centre_is_inside() -> None:
    image, blank = np.full((8, 8, 3), 9, np.uint8), np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
    hidden = hide(image, (Box(1.5, 2.6, 4.4, 3.6),), blank)
    assert np.argwhere(hidden[..., 0] != 9).tolist() == [[3, 1], [3, 2], [3, 3]]
    np.testing.assert_array_equal(hidden[3, 1:4], blank[3, 1:4])
    assert (image == 9).all()
    np.testing.assert_array_equal(hide(image, (Box(-3, -3, 30, 30),), blank), blank)


@BOTH
@pytest.mark.parametrize("fill", ["black", "mean"])
def test_interventions_equal_a_loop(make: Callable[..., ConceptHiding], fill: str, pool_file: Path) -> None:
    answer = "the left base is dense so yes"
    model, image = RegionModel(Box(176, 160, 200, 188)), rgb(frame())
    method, case = make(pool_file, tau=1.0, baseline=fill), make_case(model, image, answer)
    result = method.attribute(case)
    boxes = method.boxes(image, WHOLE)
    regions = {name: [box] for name, box in boxes.items()}
    regions |= {name: [boxes[part] for part in parts] for name, parts in COMPOSITES.items()}
    before = model.score([image], "", answer)[0]
    grey = 0 if fill == "black" else round(float(image.mean()))
    assert result.concept_token_scores is not None
    for name, region_boxes in regions.items():
        hidden = image.copy()
        for y in range(SIDE):
            for x in range(SIDE):
                if any(b.x0 <= x + 0.5 < b.x1 and b.y0 <= y + 0.5 < b.y1 for b in region_boxes):
                    hidden[y, x] = grey
        drops = np.maximum(0, before - model.score([hidden], "", answer)[0])
        assert result.concept_scores is not None
        assert result.concept_scores[name] == pytest.approx(drops.sum(), abs=1e-12)
        np.testing.assert_allclose(result.concept_token_scores[name], drops, atol=1e-12)
        if name == result.concept:
            np.testing.assert_allclose(result.token_scores or [], drops, atol=1e-12)
    assert list(result.concept_scores or {}) == list(result.concept_token_scores) == list(regions)
    assert case.cost.forward == 16 and model.batches[:2] == [1, 15]


def test_finds_the_one_concept_that_matters(pool_file: Path) -> None:
    model = RegionModel(Box(188, 172, 200, 188))  # in the angle's box, half outside the lung's
    result = consensus(pool_file).attribute(make_case(model, rgb(frame()), "yes"))
    assert result.concept == "left costophrenic angle" and not result.fallback
    assert result.concept_boxes is not None and result.boxes == [result.concept_boxes[result.concept]]
    assert set(result.concept_boxes) == set(CONCEPTS)


def test_the_first_of_equal_concepts_wins(pool_file: Path) -> None:
    model = RegionModel(Box(182, 166, 190, 180))  # wholly inside both the lung's box and the angle's
    result = consensus(pool_file).attribute(make_case(model, rgb(frame())))
    assert result.concept_scores is not None and result.concept == "left lung"
    assert result.concept_scores["left costophrenic angle"] == result.concept_scores["left lung"]


def test_a_composite_hides_its_parts_and_answers_with_their_hull_or_themselves(pool_file: Path) -> None:
    class BothSides(RegionModel):
        """Sees the brighter of two clavicles: hiding one alone changes little."""

        def brightness(self, image: np.ndarray) -> float:
            return max(image[40:48, 40:80].mean(), image[40:48, 144:184].mean()) / 255

    result = consensus(pool_file).attribute(make_case(BothSides(), rgb(frame()), "yes"))
    assert result.concept == "clavicles" and result.concept_boxes is not None
    parts = [result.concept_boxes["left clavicle"], result.concept_boxes["right clavicle"]]
    assert result.boxes == parts
    whole = consensus(pool_file, composites="hull").attribute(make_case(BothSides(), rgb(frame()), "yes"))
    assert whole.boxes == [hull(parts)] and whole.concept_scores == result.concept_scores
    assert paper(pool_file).options.composites == "hull"
    alone = consensus(pool_file, composites="none").attribute(make_case(BothSides(), rgb(frame()), "yes"))
    assert alone.concept_scores is not None and set(alone.concept_scores) == set(CONCEPTS)


def test_the_whole_image_where_nothing_matters(pool_file: Path) -> None:
    content = Box(10, 0, 214, SIDE)
    model = RegionModel(Box(0, 216, 8, 224))  # a corner that no concept reaches
    result = consensus(pool_file).attribute(make_case(model, rgb(frame()), "yes", content))
    assert result.fallback and result.concept is None and result.boxes == [content]
    assert result.concept_scores is not None and max(result.concept_scores.values()) == 0


def test_tau_decides_the_fallback(pool_file: Path) -> None:
    model, image = RegionModel(Box(180, 164, 196, 184)), rgb(frame())
    scores = consensus(pool_file).attribute(make_case(model, image)).concept_scores
    assert scores is not None
    keeps = float(np.exp(-max(scores.values())))
    assert consensus(pool_file, tau=keeps * 0.999).attribute(make_case(model, image)).fallback
    assert not consensus(pool_file, tau=keeps * 1.001).attribute(make_case(model, image)).fallback


def test_a_blank_image_does_not_break_it(pool_file: Path) -> None:
    result = consensus(pool_file).attribute(
        make_case(RegionModel(), np.zeros((SIDE, SIDE, 3), np.uint8), "no")
    )
    assert result.fallback


def test_refined_boxes_are_used_inside_the_content(pool_file: Path) -> None:
    class Grow(BoxRefiner):
        def refine(self, image: np.ndarray, boxes: Sequence[Box]) -> list[Box]:
            return [Box(b.x0 - 500, b.y0, b.x1, b.y1 + 1) for b in boxes]

    method, content = consensus(pool_file), Box(8, 8, 216, 216)
    plain = consensus(pool_file).boxes(rgb(frame()), content)
    method.__dict__["refiner"] = Grow()
    for name, box in method.boxes(rgb(frame()), content).items():
        assert box == Box(8, plain[name].y0, plain[name].x1, min(plain[name].y1 + 1, 216))


def test_plugin_and_options(pool_file: Path) -> None:
    assert attributors() == [MedFocus, MedFocusConsensus, MedFocusZoom]
    assert {frozenset({"score"})} == {cls.needs for cls in attributors()}
    assert [cls.default for cls in attributors()] == [False, False, True]
    for cls in attributors():
        assert all(field.description for field in cls.Options.model_fields.values())
        with pytest.raises(HarnessError, match=rf"set {cls.name}\.medsam"):
            cls(cls.Options(pool=pool_file, refine="medsam"))
