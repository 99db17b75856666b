"""Segmentations: run lengths and polygons against closed forms, and what is said of those that are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from free_trees import painted, rle, runs_of, text_of
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from plugins.clinical.annotations import RowFault
from plugins.clinical.segmentation import boxes_of_runs, mask_of_polygons, mask_of_runs, run_lengths

MASKS = st.tuples(st.integers(1, 14), st.integers(1, 14)).flatmap(lambda shape: arrays(bool, shape))


def test_the_worked_example() -> None:
    """By hand: 3 x 3, the middle pixel alone is run 4 outside, 1 inside, 4 outside; as text the last is 4 too."""
    runs, height, width = run_lengths("x", "mask", {"size": [3, 3], "counts": "414"})
    assert runs.tolist() == [4, 1, 4] and (height, width) == (3, 3)
    assert mask_of_runs(runs, 3, 3).nonzero() == (1, 1)
    # 100 = 3 * 32 + 4: groups 4, which goes on (48 + 32 + 4 is "T"), and 3 ("3"). 7 and 7. Run 3 is 5, 2 less than run
    # 1: 30, whose highest bit is the sign, and which ends there (48 + 30 is "N"). Run 4 is 81, 74 more than run 2: Z2.
    runs, height, width = run_lengths("x", "mask", {"size": [10, 20], "counts": "T377NZ2"})
    assert runs.tolist() == [100, 7, 7, 5, 81]
    # The 7 go down column 10 from its top; the 5 from row 4 of column 11, and touch none of those.
    assert boxes_of_runs(runs, height) == [(10, 0, 12, 9)] and mask_of_runs(runs, height, width).sum() == 12


@settings(max_examples=200, deadline=None)
@given(mask=MASKS, text=st.booleans())
def test_runs_there_and_back(mask: np.ndarray, text: bool) -> None:
    held = {"size": [*mask.shape], "counts": text_of(runs_of(mask)) if text else runs_of(mask)}
    runs, height, width = run_lengths("x", "mask", held)
    np.testing.assert_array_equal(mask_of_runs(runs, height, width), mask)
    parts, _ = ndimage.label(mask, np.ones((3, 3)))
    expected = sorted((rows.start, cols.start, rows.stop, cols.stop) for rows, cols in ndimage.find_objects(parts))
    assert sorted((b.y0, b.x0, b.y1, b.x1) for b in boxes_of_runs(runs, height)) == expected


def test_empty_runs_part_nothing() -> None:
    """A mask may be written with runs of no length, within a column and from one to the next."""
    assert boxes_of_runs(np.array([1, 1, 0, 2, 5, 0, 7]), 4) == [(0, 1, 1, 4)]
    assert boxes_of_runs(np.array([0, 16]), 4) == [(0, 0, 4, 4)]
    assert boxes_of_runs(np.array([16]), 4) == boxes_of_runs(np.array([0, 0, 16]), 4) == []


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (3, "should be an object with size and counts, it is 3"),
        ({"counts": "414"}, "'mask.size' should be height and width, it is None"),
        ({"size": [3, True], "counts": "414"}, "'mask.size' should be"),
        ({"size": [30000, 30000], "counts": "414"}, "more than 40 megapixels"),
        ({"size": [3, 4], "counts": "414"}, "'mask.counts' is no list of run lengths of 3 x 4 pixels"),
        ({"size": [3, 3], "counts": ""}, "'mask.counts' is no list"),
        ({"size": [3, 3], "counts": "41T"}, "'mask.counts' is no list"),
        ({"size": [3, 3], "counts": "41é"}, "'mask.counts' is no list"),
        ({"size": [3, 3], "counts": "4\x001"}, "'mask.counts' is no list"),
        ({"size": [3, 3], "counts": "o" * 50 + "0"}, "'mask.counts' is no list"),
        ({"size": [3, 3], "counts": [10, -1]}, "'mask.counts' is no list"),
        ({"size": [3, 3], "counts": [4.0, 5]}, "'mask.counts' is no list"),
        ({"size": [3, 3], "counts": None}, "'mask.counts' is no list"),
    ],
)
def test_what_is_no_run_lengths(held: Any, message: str) -> None:
    with pytest.raises(RowFault) as raised:
        run_lengths("f.json, entry 3", "mask", held)
    assert str(raised.value).startswith("f.json, entry 3: the field 'mask") and message in str(raised.value)


@settings(max_examples=100, deadline=None)
@given(text=st.text(alphabet=[chr(code) for code in range(44, 116)], max_size=30))
def test_no_text_ends_in_another_error(text: str) -> None:
    try:
        runs, height, width = run_lengths("x", "mask", {"size": [5, 4], "counts": text})
    except RowFault:
        return
    assert mask_of_runs(runs, height, width).shape == (5, 4)


def test_polygons_cover_the_pixels_whose_centres_they_hold() -> None:
    box = [[10, 20, 30, 20, 30, 50, 10, 50]]
    np.testing.assert_array_equal(mask_of_polygons("x", "s", box, 60, 40), painted([(10, 20, 30, 50)], (40, 60)))
    two = [*box, [32, 0, 36.4, 0, 36.4, 3, 32, 3]]
    expected = painted([(10, 20, 30, 50), (32, 0, 36, 3)], (40, 60))
    np.testing.assert_array_equal(mask_of_polygons("x", "s", two, 60, 40), expected)
    triangle = mask_of_polygons("x", "s", [[0, 0, 40, 0, 0, 40]], 40, 40)
    assert abs(int(triangle.sum()) - 800) <= 20
    assert mask_of_polygons("x", "s", [[-90, -90, 90, -90, 90, 90, -90, 90]], 6, 5).all()  # beyond all edges


@pytest.mark.parametrize(
    "value", [[], [[1, 2, 3, 4]], [[1, 2, 3, 4, 5, 6, 7]], [[1, 2, 3, 4, 5, "6"]], ["abcdef"], [[1e300] * 6], 5]
)
def test_what_is_no_polygon(value: Any) -> None:
    with pytest.raises(RowFault, match=r"x: the field 's' should be polygons"):
        mask_of_polygons("x", "s", value, 6, 5)


def test_large_masks_are_quick() -> None:
    y, x = np.mgrid[:2500, :2800]
    disc = (y - 1200) ** 2 + (x - 1500) ** 2 < 700**2
    runs, height, _ = run_lengths("x", "mask", rle(disc))
    assert boxes_of_runs(runs, height) == [(801, 501, 2200, 1900)]
