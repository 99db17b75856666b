"""Boxes and the letterbox: the way into the frame and back loses nothing."""

from __future__ import annotations

import numpy as np
import pytest

from harness.imaging.frame import Box, Letterbox, to_boxes

SIZES = [
    (300, 400),
    (400, 300),
    (224, 224),
    (101, 97),
    (97, 1001),
    (2500, 2049),
    (3056, 2544),
    (1, 1),
    (5, 223),
]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("side", [224, 225, 37])
def test_there_and_back_is_the_same_box(width: int, height: int, side: int) -> None:
    place = Letterbox(width, height, side)
    rng = np.random.default_rng(width * height + side)
    for _ in range(20):
        x0, x1 = np.sort(rng.uniform(0, width, 2))
        y0, y1 = np.sort(rng.uniform(0, height, 2))
        box = Box(x0, y0, x1, y1)
        np.testing.assert_allclose(place.to_native(place.to_frame(box)), box, atol=1e-9 * max(width, height))


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_content_is_the_whole_image(width: int, height: int) -> None:
    place = Letterbox(width, height)
    whole = Box(0, 0, width, height)
    np.testing.assert_allclose(place.to_frame(whole), place.content, atol=1e-9)
    np.testing.assert_allclose(place.to_native(place.content), whole, atol=1e-9)
    x0, y0, x1, y1 = place.content
    assert max(x1 - x0, y1 - y0) == 224 and min(x1 - x0, y1 - y0) >= 1
    # Centred: the padding on both sides is the same, but for the odd pixel.
    assert 0 <= (224 - x1) - x0 <= 1 and 0 <= (224 - y1) - y0 <= 1


def test_known_places() -> None:
    place = Letterbox(300, 400)
    assert place.size == (168, 224) and place.offset == (28, 0)
    assert place.to_frame(Box(0, 0, 150, 200)) == pytest.approx((28, 0, 112, 112))
    assert Letterbox(400, 300).offset == (0, 28)
    # 97 x 101 becomes 215 x 224: 9 columns of padding, 4 of them on the left.
    assert Letterbox(97, 101).size == (215, 224) and Letterbox(97, 101).offset == (4, 0)


def test_what_lies_in_the_padding_is_cut_off() -> None:
    place = Letterbox(300, 400)
    assert place.to_native(Box(0, 0, 224, 224)) == pytest.approx((0, 0, 300, 400))
    assert place.to_native(Box(0, 10, 28, 50)).area == 0


def test_area_of_empty_and_inverted_boxes() -> None:
    assert Box(2, 3, 5, 7).area == 12
    assert Box(5, 3, 2, 7).area == Box(5, 7, 2, 3).area == Box(2, 3, 2, 7).area == 0


def test_clipping() -> None:
    assert Box(-3, -2, 5, 50).clip(10, 20) == (0, 0, 5, 20)
    assert Box(1, 2, 3, 4).clip(10, 20) == (1, 2, 3, 4)
    for outside in (Box(-9, -9, -1, -1), Box(11, 0, 15, 5), Box(0, 21, 5, 30)):
        clipped = outside.clip(10, 20)
        assert (
            clipped.area == 0 and 0 <= clipped.x0 <= clipped.x1 <= 10 and 0 <= clipped.y0 <= clipped.y1 <= 20
        )


def test_boxes_from_json_rows() -> None:
    boxes = to_boxes([[1, 2, 3, 4], (0.5, "1", 2, 3)])
    assert boxes == (Box(1, 2, 3, 4), Box(0.5, 1, 2, 3))
    assert all(isinstance(edge, float) for box in boxes for edge in box)
    with pytest.raises(TypeError):
        to_boxes([[1, 2, 3]])
