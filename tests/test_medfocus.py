"""MedFocus: regions from mass, references, the consensus of the pool, and interventions against a loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.imaging.frame import Box
from harness.testing.region import SIDE, WHOLE, RegionModel, make_case
from plugins.attributors.medfocus import attributors
from plugins.attributors.medfocus.concept_hiding import ConceptHiding, hide
from plugins.attributors.medfocus.concepts import COMPOSITES, CONCEPTS
from plugins.attributors.medfocus.consensus import Consensus
from plugins.attributors.medfocus.medfocus import MedFocus
from plugins.attributors.medfocus.medfocus_consensus import MedFocusConsensus
from plugins.attributors.medfocus.references import Pool, average, load_pool, mass
from plugins.attributors.medfocus.regions import hull, region, region_box
from plugins.attributors.medfocus.uot import solve
from plugins.attributors.medsam import BoxRefiner

# One rectangle a concept, all inside the frame, several of them overlapping as anatomy does.
RECTANGLES = {
    "cardiac silhouette": Box(88, 108, 150, 168),
    "left lung": Box(128, 44, 196, 184),
    "right lung": Box(28, 44, 96, 184),
    "mediastinum": Box(84, 32, 140, 176),
    "upper mediastinum": Box(92, 32, 132, 88),
    "left clavicle": Box(124, 36, 188, 52),
    "right clavicle": Box(36, 36, 100, 52),
    "left hilar structures": Box(132, 88, 156, 116),
    "right hilar structures": Box(68, 88, 92, 116),
    "left costophrenic angle": Box(176, 160, 200, 188),
    "right costophrenic angle": Box(24, 160, 48, 188),
}


def frame(shift: tuple[int, int] = (0, 0), seed: int = 0) -> np.ndarray:
    """A grey picture with structure, uint8 [SIDE, SIDE]; its content moves by ``shift`` = (right, down)."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(float)
    image = 60 + 40 * np.exp(-(((x - 112) / 60) ** 2) - ((y - 112) / 80) ** 2)
    for k, box in enumerate(RECTANGLES.values()):
        inside = (x >= box.x0) & (x < box.x1) & (y >= box.y0) & (y < box.y1)
        image += (-18 if "lung" in list(RECTANGLES)[k] else 12) * inside
    body = (x > 16) & (x < 208) & (y > 16) & (y < 208)
    image = np.where(body, image + np.random.default_rng(seed).normal(0, 1, image.shape), 0)
    return np.roll(image.clip(0, 255), (shift[1], shift[0]), axis=(0, 1)).astype(np.uint8)


def shifted(box: Box, shift: tuple[int, int]) -> Box:
    return Box(box.x0 + shift[0], box.y0 + shift[1], box.x1 + shift[0], box.y1 + shift[1])


def mask(box: Box) -> np.ndarray:
    result = np.zeros((SIDE, SIDE), bool)
    result[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
    return result


def iou(a: Box, b: Box) -> float:
    both = Box(max(a.x0, b.x0), max(a.y0, b.y0), min(a.x1, b.x1), min(a.y1, b.y1)).area
    return both / (a.area + b.area - both)


SHIFTS = [(0, 0), (-4, 4), (4, 0), (0, -4), (4, 4)]


@pytest.fixture(scope="module")
def pool_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pool") / "pool.npz"
    masks = np.stack([[mask(shifted(RECTANGLES[c], s)) for c in CONCEPTS] for s in SHIFTS])
    images = np.stack([frame(s, seed) for seed, s in enumerate(SHIFTS)])
    np.savez_compressed(
        path, images=images, masks=np.packbits(masks), concepts=np.array(CONCEPTS), origin="drawn for a test"
    )
    return path


def paper(pool_file: Path, **options: object) -> MedFocus:
    return MedFocus(MedFocus.Options(pool=pool_file, **options))  # type: ignore[arg-type]


def consensus(pool_file: Path, **options: object) -> MedFocusConsensus:
    return MedFocusConsensus(MedFocusConsensus.Options(pool=pool_file, **options))  # type: ignore[arg-type]


BOTH = pytest.mark.parametrize("make", [paper, consensus])


def rgb(image: np.ndarray) -> np.ndarray:
    return np.repeat(image[..., None], 3, axis=2)


# Regions


def test_region_is_the_smallest_set_that_holds_the_share() -> None:
    values = np.random.default_rng(0).random((9, 7))
    for coverage in (0.1, 0.5, 0.75, 1.0):
        chosen = region(values, coverage)
        assert values[chosen].sum() >= coverage * values.sum() * (1 - 1e-9)
        assert values[chosen].sum() - values[chosen].min() < coverage * values.sum()
        if not chosen.all():
            assert values[chosen].min() >= values[~chosen].max()


def test_a_box_covers_its_cells_whole() -> None:
    heat = np.zeros((56, 56))
    heat[10:14, 20:30] = 1
    assert region_box(heat, 1.0, SIDE, WHOLE) == Box(80, 40, 120, 56)
    assert region_box(heat, 1.0, SIDE, Box(90, 0, 118.5, SIDE)) == Box(90, 40, 118.5, 56)
    assert region_box(heat, 1.0, SIDE, Box(130, 0, SIDE, SIDE)) is None
    assert region_box(np.zeros((56, 56)), 0.75, SIDE, WHOLE) is None


# References


def test_area_average_is_exact() -> None:
    image = np.random.default_rng(1).random((2, 224, 224))
    np.testing.assert_allclose(average(image, 56), image.reshape(2, 56, 4, 56, 4).mean((2, 4)))
    fine = np.repeat(np.repeat(image[0], 5, 0), 5, 1)  # 1120 pixels divide into 10 cells, 224 do not
    np.testing.assert_allclose(average(image[0], 10), fine.reshape(10, 112, 10, 112).mean((1, 3)))


def test_mass_is_a_distribution_on_the_content() -> None:
    image = np.full((SIDE, SIDE), 200, np.uint8)
    image[0, 0] = 0
    cells = mass(image, 56, Box(20, 0, 204, SIDE))
    assert cells.sum() == pytest.approx(1)
    assert not cells[:, :5].any() and not cells[:, 51:].any() and (cells[:, 5:51] > 0).all()
    np.testing.assert_allclose(mass(rgb(image), 56), mass(image, 56))


@pytest.mark.parametrize("value", [0, 255])
def test_a_constant_image_has_uniform_mass(value: int) -> None:
    cells = mass(np.full((SIDE, SIDE), value, np.uint8), 8, Box(0, 56, SIDE, 168))
    np.testing.assert_allclose(cells[2:6], 1 / 32)


def test_pool_round_trip_and_order(pool_file: Path, tmp_path: Path) -> None:
    pool = load_pool(pool_file)
    assert pool.origin == "drawn for a test" and pool.masks.shape == (5, 11, SIDE, SIDE)
    np.testing.assert_array_equal(pool.masks[1, 3], mask(shifted(RECTANGLES["mediastinum"], SHIFTS[1])))
    backwards = np.packbits(pool.masks[:, ::-1])
    np.savez(tmp_path / "b.npz", images=pool.images, masks=backwards, concepts=CONCEPTS[::-1], origin="x")
    np.testing.assert_array_equal(load_pool(tmp_path / "b.npz").masks, pool.masks)


def test_a_bad_pool_is_named(pool_file: Path, tmp_path: Path) -> None:
    pool = load_pool(pool_file)
    good = {
        "images": pool.images,
        "masks": np.packbits(pool.masks),
        "concepts": np.array(CONCEPTS),
        "origin": "x",
    }
    bad = {
        "does not exist": None,
        "lacks an array": {k: v for k, v in good.items() if k != "masks"},
        "these differ": {**good, "concepts": np.array([*CONCEPTS[:10], "spleen"])},
        "packed bits": {**good, "masks": good["masks"][:-1]},
        "uint8": {**good, "images": pool.images.astype(float)},
        "cannot be read": {**good, "concepts": np.array(CONCEPTS, dtype=object)},  # would need pickle
    }
    for k, (message, arrays) in enumerate(bad.items()):
        path = tmp_path / f"{k}.npz"
        if arrays is not None:
            np.savez(path, **arrays)
        with pytest.raises(HarnessError, match=message):
            load_pool(path)
    (tmp_path / "text.npz").write_text("not a zip file")
    with pytest.raises(HarnessError, match="cannot be read"):
        load_pool(tmp_path / "text.npz")


def test_chooses_the_reference_that_is_the_target(pool_file: Path) -> None:
    pool = load_pool(pool_file)
    moved = np.stack([frame(s) for s in ((0, 0), (24, 0), (0, 24), (-24, 24))])
    far = Pool(moved, pool.masks[:4], "")
    for k, image in enumerate(moved):
        assert far.choose(mass(image, 14), 0.05, 0.1, "debiased") == k


def test_the_papers_choice_is_the_least_cost_of_the_plan(pool_file: Path) -> None:
    """Which is no distance: an image that is not the target may cost less than the target itself."""
    pool = load_pool(pool_file)
    moved = np.stack([frame(s) for s in ((24, 0), (0, 0), (-24, 24))])
    far, chosen = Pool(moved, pool.masks[:3], ""), []
    for target in (mass(image, 14) for image in moved):
        costs = []
        for image in moved:
            plan = solve(mass(image, 14), target)  # which is POT's: test_uot.py
            points = np.argwhere(np.ones((14, 14)))
            squares = ((points[:, None] - points[None]) ** 2).sum(-1)
            dense = plan.u.reshape(-1, 1) * np.exp(-squares / plan.scale / 0.05) * plan.v.reshape(1, -1)
            costs.append((dense * squares).sum())
        chosen.append(far.choose(target, 0.05, 0.1, "cost"))
        assert chosen[-1] == np.argmin(costs)
    assert chosen != [0, 1, 2]


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
    monkeypatch.setattr(type(method), "_locate", lambda *_: pytest.fail("transferred twice"))
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


def test_the_hull_is_the_least_box_about_all() -> None:
    assert hull([Box(10, 50, 20, 60), Box(40, 40, 45, 55), Box(12, 41, 13, 70)]) == Box(10, 40, 45, 70)
    assert hull([Box(1, 2, 3, 4)]) == Box(1, 2, 3, 4)


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
    assert attributors() == [MedFocus, MedFocusConsensus] and MedFocus.needs == MedFocusConsensus.needs == {"score"}
    assert MedFocusConsensus.default and not MedFocus.default
    for cls in attributors():
        assert all(field.description for field in cls.Options.model_fields.values())
        with pytest.raises(HarnessError, match=rf"set {cls.name}\.medsam"):
            cls(cls.Options(pool=pool_file, refine="medsam"))
