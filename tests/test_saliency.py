"""From saliency to boxes, against the rule written out with loops and a flood fill."""

from __future__ import annotations

import numpy as np
import pytest

from harness.imaging.frame import Box
from harness.imaging.saliency import saliency_to_boxes


def oracle(saliency: np.ndarray, content: Box | None = None) -> list[tuple[float, Box]]:
    """Mean heat and box of each part, the hottest first, without skimage and without array tricks."""
    height, width = saliency.shape
    x0, y0, x1, y1 = (int(edge) for edge in content) if content else (0, 0, width, height)
    values = {(y, x): float(saliency[y, x]) for y in range(y0, y1) for x in range(x0, x1)}
    low, high = min(values.values()), max(values.values())
    if low == high:
        return []
    heat = {place: (value - low) / (high - low) for place, value in values.items()}
    cut = np.quantile([value for value in heat.values() if value != 0], 0.9)
    left = {place for place, value in heat.items() if value >= cut and value != 0}
    found = []
    while left:
        stack, part = [left.pop()], []
        while stack:
            y, x = stack.pop()
            part.append((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            stack += near
        if len(part) >= 16:
            ys, xs = [y for y, _ in part], [x for _, x in part]
            box = Box(min(xs), min(ys), max(xs) + 1, max(ys) + 1)
            found.append((float(np.mean([heat[place] for place in part])), box))
    return sorted(found, key=lambda item: -item[0])[:10]


def smooth_noise(seed: int, side: int = 48, grain: int = 6) -> np.ndarray:
    """Blobs of the size of ``grain``."""
    noise = np.random.default_rng(seed).normal(size=(side, side))
    kernel = np.ones(grain) / grain
    for axis in (0, 1):
        noise = np.apply_along_axis(lambda line: np.convolve(line, kernel, "same"), axis, noise)
    return noise


@pytest.mark.parametrize("content", [None, Box(5, 0, 40, 48), Box(0, 3, 48, 31)])
@pytest.mark.parametrize("seed", range(8))
def test_agrees_with_the_flood_fill(seed: int, content: Box | None) -> None:
    saliency = smooth_noise(seed)
    expected = [box for _, box in oracle(saliency, content)]
    assert saliency_to_boxes(saliency, content) == expected
    assert expected


def test_the_hottest_come_first_and_ten_at_most() -> None:
    saliency = np.zeros((60, 60))
    heats = np.random.default_rng(0).permutation(12) + 10.0
    places = [(y, x) for y in (2, 22, 42) for x in (2, 16, 30, 44)]
    for (y, x), heat in zip(places, heats, strict=True):
        saliency[y : y + 4, x : x + 4] = heat
    # The 192 hot pixels are the top tenth of the non-zero ones.
    cold = np.flatnonzero(saliency == 0)[: 192 * 9]
    saliency.flat[cold] = 1.0
    boxes = saliency_to_boxes(saliency)
    order = sorted(range(12), key=lambda k: -heats[k])[:10]
    assert boxes == [Box(places[k][1], places[k][0], places[k][1] + 4, places[k][0] + 4) for k in order]


def spot(pixels: list[tuple[int, int]], side: int = 20) -> np.ndarray:
    saliency = np.zeros((side, side))
    for y, x in pixels:
        saliency[y, x] = 1.0
    return saliency


def test_sixteen_pixels_make_a_box_and_fifteen_do_not() -> None:
    square = [(y, x) for y in range(4, 8) for x in range(6, 10)]
    assert saliency_to_boxes(spot(square)) == [Box(6, 4, 10, 8)]
    assert saliency_to_boxes(spot(square[:-1])) == []


def test_pixels_that_touch_at_a_corner_are_one_part() -> None:
    assert saliency_to_boxes(spot([(k, k) for k in range(2, 18)])) == [Box(2, 2, 18, 18)]


def test_scale_and_offset_do_not_matter() -> None:
    saliency = smooth_noise(3)
    boxes = saliency_to_boxes(saliency)
    assert boxes and saliency_to_boxes(saliency * 1024.0) == saliency_to_boxes(saliency / 4096.0) == boxes
    whole = np.round(saliency * 1e4).astype(int)
    assert saliency_to_boxes(whole) == saliency_to_boxes(whole - 10**6) != []


def test_heat_in_the_padding_counts_for_nothing() -> None:
    saliency = smooth_noise(5)
    content = Box(8, 0, 40, 48)
    loud = saliency.copy()
    loud[:, :8] = loud[:, 40:] = 1e6
    assert saliency_to_boxes(loud, content) == saliency_to_boxes(saliency, content)
    assert all(box.x0 >= 8 and box.x1 <= 40 for box in saliency_to_boxes(loud, content))


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0])
def test_a_flat_map_has_no_boxes(value: float) -> None:
    assert saliency_to_boxes(np.full((30, 30), value)) == []


def test_a_coarse_grid_keeps_its_hottest_cell() -> None:
    saliency = np.kron(np.arange(64.0).reshape(8, 8) // 8, np.ones((6, 6)))
    assert saliency_to_boxes(saliency) == [Box(0, 42, 48, 48)]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(bad: float) -> None:
    saliency = smooth_noise(0)
    saliency[3, 4] = bad
    with pytest.raises(ValueError, match="NaN or infinite"):
        saliency_to_boxes(saliency)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="two dimensions"):
        saliency_to_boxes(np.zeros((4, 4, 3)))
