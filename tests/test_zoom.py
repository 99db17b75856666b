"""medfocus-zoom: the likely causes against loops, the next windows against Gaussian conditioning, and toy models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn_chest import RECTANGLES, frame, rgb, write_pool
from scipy.ndimage import binary_dilation

from harness.contracts.attributor import Attribution
from harness.errors import HarnessError
from harness.imaging.frame import Box
from harness.imaging.overlap import overlap
from harness.testing.region import SIDE, WHOLE, RegionModel, make_case
from plugins.attributors.medfocus import cause
from plugins.attributors.medfocus.cause import Lattice, covered, ious
from plugins.attributors.medfocus.concept_hiding import ConceptHiding
from plugins.attributors.medfocus.medfocus import MedFocus
from plugins.attributors.medfocus.medfocus_consensus import MedFocusConsensus
from plugins.attributors.medfocus.medfocus_zoom import MedFocusZoom, concept_scores

CORNER = Box(196, 0, 224, 28)


@pytest.fixture(scope="module")
def pool_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pool(tmp_path_factory.mktemp("pool") / "pool.npz")


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> Lattice:
    """A lattice small enough for loops: 4 x 3 cells of 56 pixels."""
    monkeypatch.setattr(cause, "CELLS", 4)
    return Lattice(Box(0, 28, 224, 196), SIDE)


def some_windows(count: int) -> np.ndarray:
    rng = np.random.default_rng(count)
    low = rng.integers(0, 120, (count, 2))
    return np.concatenate([low, low + rng.integers(20, 100, (count, 2))], 1).astype(float)


def paint(box: np.ndarray) -> np.ndarray:
    """The pixels of a box with whole edges."""
    painted = np.zeros((SIDE, SIDE), bool)
    x0, y0, x1, y1 = (round(float(edge)) for edge in box)
    painted[y0:y1, x0:x1] = True
    return painted


def test_shares_and_overlaps_are_those_of_painted_boxes() -> None:
    windows, boxes = some_windows(5), some_windows(7)
    shares, both = covered(windows, boxes), ious(boxes)
    for j, box in enumerate(boxes):
        for i, window in enumerate(windows):
            assert shares[i, j] == pytest.approx((paint(window) & paint(box)).sum() / paint(box).sum())
        for i, other in enumerate(boxes):
            assert both[i, j] == pytest.approx(overlap([Box(*other)], [Box(*box)]).iou)


def test_the_lattice_lies_where_it_lies_in_every_frame() -> None:
    whole, part = Lattice(WHOLE, SIDE), Lattice(Box(11, 0, 213, 224), SIDE)
    assert list(whole.x) == [14 * k for k in range(17)]
    # 11 is 3 pixels from the line at 14, which gives way; all lines between are where they were.
    assert list(part.x) == [11, *(14 * k for k in range(2, 15)), 213] and list(part.y) == list(whole.y)
    thin = Lattice(Box(100, 0, 111, 224), SIDE)
    assert list(thin.x) == [100, 111] and len(thin.windows()) > 16 and len(thin.first()) >= 3


def test_first_windows_leave_nothing_out() -> None:
    for content in (WHOLE, Box(11, 0, 213, 224), Box(0, 60, 224, 131)):
        hidden = np.any([paint(window) for window in Lattice(content, SIDE).first()], axis=0)
        assert (hidden == paint(np.array(content))).all()


def test_the_likely_boxes_are_those_of_a_loop(coarse: Lattice) -> None:
    hidden = some_windows(6)
    costs = np.array([0.0, 1.0, 0.3, 2.0, 0.0, 0.7])
    every = [(x0, y0, x1, y1) for x0 in coarse.x for x1 in coarse.x for y0 in coarse.y for y1 in coarse.y
             if x0 < x1 and y0 < y1]  # fmt: skip
    losses = {}
    for box in every:
        size = (box[2] - box[0]) * (box[3] - box[1])
        shares = np.array([(paint(window) & paint(np.array(box))).sum() / size for window in hidden])
        cosine = np.corrcoef(np.append(shares**2, -(shares**2)), np.append(costs, -costs))[0, 1]  # means of zero
        losses[box] = np.log(1 - min(np.nan_to_num(cosine) ** 2, 0.998))
    least = min(losses.values())
    weights = {box: np.exp(-3 * (loss - least)) for box, loss in losses.items()}
    found = coarse.likely(hidden, costs, len(every))
    assert len(found.boxes) == len(every) == 30
    for box, weight in zip(found.boxes, found.weights, strict=True):
        assert weight == pytest.approx(weights[tuple(box)] / sum(weights.values()), abs=1e-6)
    expected = {box: sum(weights[o] * overlap([Box(*box)], [Box(*o)]).iou for o in every) for box in every}
    assert expected[tuple(found.best())] == pytest.approx(max(expected.values()))


def test_costs_that_follow_the_line_lead_to_the_box() -> None:
    lattice = Lattice(WHOLE, SIDE)
    for box in (Box(56, 84, 98, 126), Box(14, 14, 154, 70)):
        hidden = np.concatenate([lattice.first(), lattice.windows()])
        for scale in (1.0, 1e-6):
            assert lattice.likely(hidden, scale * covered(hidden, np.array([box]))[:, 0] ** 2, 1).best() == box


def test_the_next_windows_are_those_of_gaussian_conditioning(coarse: Lattice) -> None:
    hidden, costs = some_windows(6), np.array([0.0, 1.0, 0.3, 2.0, 0.0, 0.7])
    windows = np.unique(some_windows(40), axis=0)
    likely = coarse.likely(hidden, costs / costs.max(), cause.WEIGHED)
    expected = likely.costs * covered(windows, likely.boxes) ** 2
    covariance = np.cov(expected, aweights=likely.weights, ddof=0)
    noise, chosen = cause.NOISE * covariance.diagonal().max(), []
    for _ in range(6):
        left = covariance.diagonal().copy()
        if chosen:
            among = covariance[np.ix_(chosen, chosen)] + noise * np.eye(len(chosen))
            cross = covariance[:, chosen]
            left -= np.einsum("ij,ji->i", cross, np.linalg.solve(among, cross.T))
        left[chosen] = -1
        chosen.append(int(left.argmax()))
    np.testing.assert_array_equal(coarse.next(hidden, costs, windows, 6), windows[chosen])
    np.testing.assert_array_equal(coarse.next(hidden, 1e-9 * costs, windows, 6), windows[chosen])


def test_the_map_is_the_chance_of_each_cell() -> None:
    likely = cause.Likely(np.array([[0, 0, 28, 14], [7, 0, 21, 28.0]]), np.array([0.75, 0.25]), np.ones(2))
    heat = likely.heat(SIDE)
    assert heat.shape == (16, 16) and heat[:2, :3].tolist() == [[0.875, 0.875, 0], [0.125, 0.125, 0]]
    assert likely.density(SIDE).sum() == pytest.approx(1)


def test_no_window_is_hidden_twice(coarse: Lattice) -> None:
    windows, costs = coarse.windows(), np.ones(3)
    chosen = coarse.next(windows[:3], costs, windows, 1000)
    assert len(np.unique(np.concatenate([windows[:3], chosen]), axis=0)) == len(windows)


def test_what_lies_in_a_hilum_is_called_hilar() -> None:
    boxes = {"lung": Box(0, 0, 100, 100), "hilum": Box(40, 40, 80, 80), "apex": Box(0, 0, 100, 20)}
    place = np.zeros((SIDE, SIDE))
    place[50:60, 50:60] = 0.01
    scores = concept_scores(place, boxes)
    assert list(scores) == list(boxes) and scores["hilum"] == pytest.approx(1) and scores["lung"] == 0
    place = np.zeros((SIDE, SIDE))
    place[5:15, 10:15] = place[30:40, 10:15] = 0.01
    assert concept_scores(place, boxes) == pytest.approx({"lung": 0.5, "hilum": 0, "apex": 0.25})


def explained(pool_file: Path, region: Box, **options: object) -> tuple[Attribution, int, RegionModel]:
    method = MedFocusZoom(MedFocusZoom.Options(pool=pool_file, **options))  # type: ignore[arg-type]
    model = RegionModel(region)
    image = rgb(frame())
    image[paint(np.array(region))] = 230
    case = make_case(model, image, "yes it is")
    return method.attribute(case), case.cost.forward, model


@pytest.mark.parametrize("name", ["left lung", "cardiac silhouette"])
def test_it_finds_a_cause_within_a_concept(name: str, pool_file: Path) -> None:
    box = RECTANGLES[name]
    region = Box(round(box.x0) + 6, round(box.y1) - 50, round(box.x0) + 46, round(box.y1) - 8)
    said, passes, model = explained(pool_file, region)
    assert said.boxes is not None and overlap(said.boxes, [region]).iou > 0.5
    assert said.concept == name and passes <= 64 and max(model.batches) < 64
    assert said.saliency is not None and np.unravel_index(said.saliency.argmax(), (SIDE, SIDE)) in np.argwhere(
        paint(np.array(region))
    )
    # What it says of its box is measured on the box.
    assert said.kept is not None and said.kept < 0.5
    assert said.kept == pytest.approx(np.exp(-sum(said.token_scores or [])))


def test_a_cause_outside_all_concepts_is_found_and_named_none(pool_file: Path) -> None:
    said, _, _ = explained(pool_file, CORNER)
    assert said.boxes is not None and overlap(said.boxes, [CORNER]).iou > 0.5
    assert said.concept is None and not said.fallback


def test_where_nothing_matters_nothing_is_marked(pool_file: Path) -> None:
    method = MedFocusZoom(MedFocusZoom.Options(pool=pool_file))

    class Blind(RegionModel):
        def brightness(self, image: np.ndarray) -> float:
            return 0.5

    said = method.attribute(make_case(Blind(), rgb(frame()), "yes"))
    assert said.boxes is None and said.kept == 1 and said.saliency is not None and not said.saliency.any()


def test_more_passes_follow_the_cause_more_closely(pool_file: Path) -> None:
    region = Box(140, 120, 190, 150)
    few, many = (explained(pool_file, region, passes=count) for count in (32, 160))
    assert (few[1], many[1]) == (32, 160)
    assert overlap(many[0].boxes or [], [region]).iou >= overlap(few[0].boxes or [], [region]).iou > 0.2


# How a region is hidden


def hidden_by(method: ConceptHiding) -> dict[str, np.ndarray]:
    """Where the image changes where a concept is hidden."""
    image = rgb(frame())
    case = make_case(RegionModel(), image, "yes")
    boxes = {name: (box,) for name, box in method.boxes(image, WHOLE).items()}
    images = method._hidden(case, boxes)
    return {name: (one != image).any(-1) for name, one in zip(boxes, images, strict=True)}


@pytest.mark.parametrize("cls", [MedFocus, MedFocusConsensus])
def test_a_mask_hides_pixels_of_the_concept_alone(cls: type[ConceptHiding], pool_file: Path) -> None:
    box, mask = (hidden_by(cls(cls.Options(pool=pool_file, intervention=how))) for how in ("box", "mask"))
    assert list(box) == list(mask)
    for name in box:
        # Outlines that voted may reach a pixel over the median of their boxes.
        assert (mask[name] & box[name]).sum() / box[name].sum() > 0.3 and (mask[name] & ~box[name]).mean() < 0.02


def test_an_editor_draws_the_boxes_anew(pool_file: Path) -> None:
    about = {"pool": pool_file, "intervention": "editor"}
    method = MedFocusConsensus(MedFocusConsensus.Options(**about))
    boxes = hidden_by(MedFocusConsensus(MedFocusConsensus.Options(pool=pool_file)))
    for name, changed in hidden_by(method).items():  # an editor takes all pixels that a box touches
        assert changed.any() and not (changed & ~binary_dilation(boxes[name], np.ones((3, 3)))).any()
    assert any(path.name == "inpaint.py" for path in method.files())
    with pytest.raises(HarnessError, match=r"medfocus-zoom\.editor=nobody: "):
        MedFocusZoom(MedFocusZoom.Options(**about, editor="nobody")).files()
    said, passes, _ = explained(pool_file, CORNER, intervention="editor", passes=32)
    assert passes == 32 and said.boxes


def test_masks_need_outlines(pool_file: Path) -> None:
    with pytest.raises(HarnessError, match="intervention=mask needs outlines"):
        MedFocusConsensus(MedFocusConsensus.Options(pool=pool_file, intervention="mask", locator="transport"))
