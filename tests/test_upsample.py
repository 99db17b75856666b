"""From values of cells and image tokens to a map, against torch's own interpolation."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from harness.imaging.frame import Box
from harness.imaging.saliency import saliency_to_boxes
from harness.imaging.upsample import Upsampling, spread, upsample
from harness.testing.region import SIDE, RegionModel, make_case
from plugins.attributors.attention_rollout import AttentionRollout

SHAPES = [(8, 8), (14, 14), (5, 9), (1, 1), (1, 6), (7, 1), (16, 3), (224, 224), (300, 260)]


def by_torch(cells: np.ndarray, height: int, width: int, how: Upsampling = "bilinear") -> np.ndarray:
    given = torch.from_numpy(cells)[None, None]
    if how == "nearest":
        return interpolate(given, size=(height, width), mode="nearest-exact")[0, 0].numpy()
    return interpolate(given, size=(height, width), mode="bilinear", align_corners=False)[0, 0].numpy()


def tiles(rows: int, columns: int, height: int = SIDE, width: int = SIDE) -> list[Box]:
    y, x = np.linspace(0, height, rows + 1).tolist(), np.linspace(0, width, columns + 1).tolist()
    return [Box(x0, y0, x1, y1) for y0, y1 in pairwise(y) for x0, x1 in pairwise(x)]


@pytest.mark.parametrize("how", ["bilinear", "nearest"])
@pytest.mark.parametrize(("rows", "columns"), SHAPES)
@pytest.mark.parametrize(("height", "width"), [(SIDE, SIDE), (33, 70)])
def test_equals_torch(rows: int, columns: int, height: int, width: int, how: Upsampling) -> None:
    cells = np.random.default_rng(rows * columns).normal(size=(rows, columns))
    found = upsample(cells, height, width, how)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, by_torch(cells, height, width, how), atol=1e-12)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 0.9990000001, -7e-9])
def test_a_flat_grid_is_a_flat_map_to_the_last_bit(value: float) -> None:
    """Else the box rule would stretch the noise of rounding to 0..1 and find boxes in it."""
    found = upsample(np.full((7, 9), value), SIDE, SIDE)
    assert np.unique(found).tolist() == [value] and saliency_to_boxes(found) == []


@pytest.mark.parametrize(("rows", "columns"), [(4, 8), (8, 8), (3, 7), (5, 1), (16, 16)])
def test_tokens_on_an_even_grid_are_its_cells(rows: int, columns: int) -> None:
    cells, rng = np.random.default_rng(0).normal(size=(rows, columns)), np.random.default_rng(1)
    boxes, mixed = tiles(rows, columns), rng.permutation(rows * columns)
    expected = by_torch(cells, SIDE, SIDE)
    np.testing.assert_allclose(spread(cells.ravel(), boxes, SIDE, SIDE, "bilinear"), expected, atol=1e-12)
    disordered = spread(cells.ravel()[mixed], [boxes[i] for i in mixed], SIDE, SIDE, "bilinear")
    np.testing.assert_array_equal(disordered, spread(cells.ravel(), boxes, SIDE, SIDE, "bilinear"))
    whole = [Box(*(float(round(edge)) for edge in box)) for box in boxes]
    np.testing.assert_array_equal(spread(cells.ravel(), whole, SIDE, SIDE, "bilinear"), disordered)


@pytest.mark.parametrize(("rows", "columns"), [(4, 8), (3, 7), (16, 16)])
def test_nearest_paints_each_rectangle(rows: int, columns: int) -> None:
    values, boxes = np.random.default_rng(0).normal(size=rows * columns), tiles(rows, columns)
    found = spread(values, boxes, SIDE, SIDE, "nearest")
    for box, value in zip(boxes, values, strict=True):
        x0, y0, x1, y1 = (round(edge) for edge in box)
        assert (found[y0:y1, x0:x1] == value).all()


@pytest.mark.parametrize(
    "boxes",
    [
        [Box(0, 0, 100, 224), Box(100, 0, 224, 224)],  # columns of two widths
        [Box(0, 0, 224, 100), Box(0, 100, 112, 224), Box(112, 100, 224, 224)],  # a row of one, a row of two
        [Box(40, 40, 80, 80), Box(80, 40, 120, 80)],  # a part of the frame
        [*tiles(2, 2), Box(100, 100, 120, 120)],  # a fifth over a grid of four
    ],
)
def test_rectangles_that_are_no_even_grid_are_painted(boxes: list[Box]) -> None:
    values = np.arange(1.0, len(boxes) + 1)
    expected = np.zeros((SIDE, SIDE))
    for box, value in zip(boxes, values, strict=True):
        x0, y0, x1, y1 = (int(edge) for edge in box)
        expected[y0:y1, x0:x1] = value
    np.testing.assert_array_equal(spread(values, boxes, SIDE, SIDE, "bilinear"), expected)


@pytest.mark.parametrize("how", ["bilinear", "nearest"])
def test_a_method_of_image_tokens_follows_the_case(how: Upsampling) -> None:
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    model = RegionModel(rows=4, columns=8)
    case = make_case(model, image, "yes it is")
    case.upsampling = how
    means = np.array([image[y : y + 56, x : x + 28].mean() for y in range(0, SIDE, 56) for x in range(0, SIDE, 28)])
    expected = by_torch(means.reshape(4, 8) * (1 + 2 + 3) / 3, SIDE, SIDE, how)
    np.testing.assert_allclose(AttentionRollout().attribute(case).saliency, expected)


def test_values_and_tokens_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="31 values for 32 image tokens"):
        make_case(RegionModel(), np.zeros((SIDE, SIDE, 3), np.uint8)).spread(np.zeros(31))
