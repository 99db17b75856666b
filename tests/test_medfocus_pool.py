"""MedFocus: regions from mass, the reference pool, and which reference is chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn_chest import RECTANGLES, SHIFTS, frame, mask, rgb, shifted, write_pool

from harness.errors import HarnessError
from harness.imaging.frame import Box
from harness.testing.region import SIDE, WHOLE
from plugins.attributors.medfocus.concepts import CONCEPTS
from plugins.attributors.medfocus.references import Pool, average, load_pool, mass
from plugins.attributors.medfocus.regions import hull, region, region_box
from plugins.attributors.medfocus.uot import solve


@pytest.fixture(scope="module")
def pool_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pool(tmp_path_factory.mktemp("pool") / "pool.npz")


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


def test_the_hull_is_the_least_box_about_all() -> None:
    assert hull([Box(10, 50, 20, 60), Box(40, 40, 45, 55), Box(12, 41, 13, 70)]) == Box(10, 40, 45, 70)
    assert hull([Box(1, 2, 3, 4)]) == Box(1, 2, 3, 4)


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
