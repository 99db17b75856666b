"""Where concepts lie on a film: borders, the pose, the search, what follows the framing, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import rotate
from scipy.stats import rankdata

from benchmarks.framings import films, tight
from harness.imaging.frame import Box
from plugins.attributors.medfocus.concepts import CONCEPTS
from plugins.attributors.medfocus.film_area import film_area
from plugins.attributors.medfocus.fit import fit_pose
from plugins.attributors.medfocus.located import Located, from_json
from plugins.attributors.medfocus.locator import Locator, placed, usual_boxes
from plugins.attributors.medfocus.pose import Pose
from plugins.attributors.medfocus.references import DEFAULT_POOL, Pool, load_pool
from plugins.attributors.medfocus.search import CANVAS
from plugins.attributors.medfocus.structure import SIDE, equalised, structure
from plugins.attributors.medfocus.template import Template, make_template, outline, similarity
from plugins.phantom import splits

LUNGS = ("left lung", "right lung")


@pytest.fixture(scope="module")
def pool() -> Pool:
    return load_pool(DEFAULT_POOL)


@pytest.fixture(scope="module")
def locator(pool: Pool) -> Locator:
    return Locator(pool)


def iou(a: Box, b: Box) -> float:
    both = Box(max(a.x0, b.x0), max(a.y0, b.y0), min(a.x1, b.x1), min(a.y1, b.y1)).area
    return both / (a.area + b.area - both)


def turned_over(frame: np.ndarray, content: Box) -> np.ndarray:
    other, (x0, y0, x1, y1) = frame.copy(), (round(edge) for edge in content)
    other[y0:y1, x0:x1] = frame[y0:y1, x0:x1][:, ::-1]
    return other


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_borders_are_no_film(grey: int) -> None:
    film = np.random.default_rng(0).uniform(20, 230, (60, 50))
    padded = np.pad(film, ((7, 3), (0, 12)), constant_values=grey)
    padded[2, 40:42] = 200  # a side marker
    rows, cols = film_area(padded)
    # The line at which the border ends goes too.
    assert (rows.start, rows.stop, cols.start, cols.stop) == (8, 66, 0, 49)
    assert film_area(film) == (slice(0, 60), slice(0, 50))
    rows, cols = film_area(np.full((40, 40), 9.0))
    assert rows.stop - rows.start >= 8 and cols.stop - cols.start >= 8


def test_levels_are_ranks_and_any_film_curve_gives_the_same() -> None:
    cells = np.random.default_rng(1).integers(0, 40, (20, 30)).astype(float)
    levels = equalised(cells)
    np.testing.assert_allclose(levels.ravel(), (rankdata(cells.ravel()) - 0.5) / cells.size - 0.5)
    np.testing.assert_allclose(equalised(np.sqrt(cells) * 7 - 3), levels)
    np.testing.assert_allclose(structure(equalised(-cells)), -structure(levels), atol=1e-12)


def test_a_step_before_a_pose_is_the_product_of_their_maps() -> None:
    pose = Pose(0.1, -0.05, 0.2, 30.0, 25.0)
    same = Pose(0.1, 0.1, 0.2, 30.0, 25.0)  # where scales are equal nothing shears
    step = np.array([0.02, 0.02, 0.03, 1.0, -2.0])
    points = np.random.default_rng(2).uniform(0, SIDE, (9, 2))
    small = np.array([[1.02, -0.03], [0.03, 1.02]])
    moved = (points - SIDE / 2) @ small.T + SIDE / 2 + step[3:]
    np.testing.assert_allclose(same.then(step).to_film(points), same.to_film(moved), atol=1e-9)
    mirror = pose.mirrored(60).to_film(points)
    np.testing.assert_allclose(mirror[:, 1], pose.to_film(points * [-1, 1] + [SIDE, 0])[:, 1], atol=1e-9)
    np.testing.assert_allclose(60 - mirror[:, 0], pose.to_film(points * [-1, 1] + [SIDE, 0])[:, 0], atol=1e-9)


def test_similarity_undoes_a_turn_and_a_missing_point_does_not_count() -> None:
    goal = np.random.default_rng(3).uniform(0, 9, (8, 2))
    turn = 1.3 * np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    start = (goal - [2, 5]) @ np.linalg.inv(turn).T
    start[3] = np.nan
    found, shift = similarity(start, goal)
    np.testing.assert_allclose(found, turn)
    np.testing.assert_allclose(shift, [2, 5])


def test_outlines_hold_the_box_of_a_mask() -> None:
    mask = np.zeros((30, 40), bool)
    mask[4:9, 11:31] = mask[20:22, 15:16] = True
    points = outline(mask)
    assert Box(*points.min(0), *points.max(0)) == tight(mask)
    assert np.isnan(outline(np.zeros((5, 5), bool))).all()


def test_the_search_is_numpys_correlation_where_both_are_known(locator: Locator) -> None:
    """The oracle: the correlation of the cells that lie on each other, one shift at a time."""
    film = np.random.default_rng(4).normal(size=(SIDE, 60))
    search = locator.search
    got = search.correlations(film)
    cells = film.reshape(SIDE // 2, 2, 30, 2).mean((1, 3))
    values = np.fft.irfft2(np.conj(search._values), (CANVAS, CANVAS))
    weights = np.fft.irfft2(np.conj(search._weights), (CANVAS, CANVAS))
    squares = np.fft.irfft2(np.conj(search._squares), (CANVAS, CANVAS))
    checked = 0
    for k, down, right in zip(*(part[::977] for part in np.nonzero(got)), strict=True):
        here = np.s_[-down % CANVAS : -down % CANVAS + 32, -right % CANVAS : -right % CANVAS + 30]
        v, w, q = (np.tile(part[k], (2, 2))[here] for part in (values, weights, squares))
        if w.shape != cells.shape:
            continue
        n = w.sum()
        mine, its = v.sum() / n, (w * cells).sum() / n
        top = (v * cells).sum() / n - mine * its
        bottom = np.sqrt((q.sum() / n - mine**2) * ((w * cells**2).sum() / n - its**2))
        share = min(n / search._area[k], 1) * min(n / cells.size, 1)
        assert got[k, down, right] == pytest.approx(top / bottom * share**0.25, abs=2e-3)
        checked += 1
    assert checked > 5


def test_the_fit_finds_the_pose_of_the_mean_film_itself(pool: Pool) -> None:
    template = make_template(pool)
    fit = fit_pose(template, template.structure, Pose(0.08, -0.06, 0.07, 33.5, 30.0))
    assert fit.agreement > 0.99
    np.testing.assert_allclose(fit.pose, [0, 0, 0, SIDE / 2, SIDE / 2], atol=0.02)


def test_boxes_follow_the_framing_where_fixed_ones_do_not(locator: Locator, pool: Pool) -> None:
    usual = usual_boxes(pool)
    scores: dict[str, list[float]] = {"found": [], "usual": []}
    for seed in splits.DEVELOP[100:103]:
        for name, film in films(seed).items():
            found = locator.locate(film.frame, film.content)
            assert found.confidence is not None and found.confidence > 0.5, name
            assert not any("inverted" in note for note in found.notes), name
            for concept in set(LUNGS) & set(film.boxes):
                scores["found"].append(iou(found.boxes[concept], film.boxes[concept]))
                scores["usual"].append(iou(placed(usual, film.content)[concept], film.boxes[concept]))
    assert np.mean(scores["found"]) > 0.85 > np.mean(scores["usual"]) + 0.1


def test_inverted_and_mirrored_films_are_suspected_and_found_all_the_same(locator: Locator) -> None:
    film = films(splits.DEVELOP[110], ["as they are"])["as they are"]
    plain = locator.locate(film.frame, film.content)
    x0, y0, x1, y1 = (round(edge) for edge in film.content)
    negative = film.frame.copy()
    negative[y0:y1, x0:x1] = 255 - negative[y0:y1, x0:x1]
    found = locator.locate(negative, film.content)
    assert any("inverted" in note for note in found.notes)
    for concept in LUNGS:
        assert iou(found.boxes[concept], plain.boxes[concept]) > 0.95
    assert from_json(found.as_json()) == Located(found.boxes, found.confidence, tuple(found.notes))
    suspected = {True: 0, False: 0}
    for seed in splits.DEVELOP[:5]:
        film = films(seed, ["as they are"])["as they are"]
        for over in suspected:
            frame = turned_over(film.frame, film.content) if over else film.frame
            suspected[over] += any("mirrored" in note for note in locator.locate(frame, film.content).notes)
    assert suspected[True] >= 4 and not suspected[False]


def test_what_is_no_chest_has_no_confidence(locator: Locator) -> None:
    whole = Box(0, 0, 224, 224)
    blank = locator.locate(np.full((224, 224, 3), 90, np.uint8), whole)
    assert blank.confidence == 0 and "blank" in blank.notes[0] and set(blank.boxes) == set(CONCEPTS)
    noise = np.random.default_rng(6).integers(0, 256, (224, 224, 1), dtype=np.uint8).repeat(3, axis=2)
    found = locator.locate(noise, whole)
    assert found.confidence is not None and found.confidence < 0.3 and "confidence of only" in found.notes[0]
    thin = np.zeros((224, 224, 3), np.uint8)
    thin[:, 110:113] = noise[:, :3]
    assert locator.locate(thin, Box(110, 0, 113, 224)).confidence == pytest.approx(0, abs=0.6)


def test_a_pool_of_one_and_a_concept_that_is_missing(pool: Pool) -> None:
    masks = pool.masks[:1].copy()
    masks[:, CONCEPTS.index("left clavicle")] = False
    frame = pool.images[0][..., None].repeat(3, 2)
    found = Locator(Pool(pool.images[:1], masks, "one")).locate(frame, Box(11, 0, 213, 224))
    assert set(found.boxes) == set(CONCEPTS) - {"left clavicle"}
    for concept in LUNGS:
        assert iou(found.boxes[concept], tight(masks[0, CONCEPTS.index(concept)])) > 0.9


def test_a_turned_film_is_read_turned(locator: Locator) -> None:
    film = films(splits.DEVELOP[111], ["as they are"])["as they are"]
    frame = rotate(film.frame, 9, axes=(0, 1), reshape=False, order=1)
    found, plain = (locator.locate(image, film.content).boxes["left lung"] for image in (frame, film.frame))
    centre = np.array([[(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2] for box in (found, plain)]) - 112
    angle = np.deg2rad(9)
    back = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ centre[0]
    np.testing.assert_allclose(back, centre[1], atol=6)


def test_the_template_does_not_depend_on_the_exposure(pool: Pool) -> None:
    def template(images: np.ndarray) -> Template:
        return make_template(Pool(images, pool.masks[:4], ""))

    dark = (255 * (pool.images[:4] / 255) ** 1.5).round().astype(np.uint8)
    a, b = template(pool.images[:4]), template(dark)
    np.testing.assert_array_equal(a.outlines, b.outlines)
    both = a.known & b.known
    assert np.corrcoef(a.structure[both], b.structure[both])[0, 1] > 0.99
