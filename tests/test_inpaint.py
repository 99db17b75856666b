"""The inpaint editor: it fills boxes from their surroundings, and refuses what it cannot know."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.building.causal import counterfactuals
from harness.contracts.editor import region_mask
from harness.contracts.source import Sample
from harness.errors import HarnessError
from harness.imaging.frame import Box, Letterbox
from plugins.editors.inpaint import Inpaint, _shrunk

Y, X = np.mgrid[:150, :400]
RAMP = np.repeat((20 + X * 0.4 + Y * 0.2)[..., None], 3, axis=2).round().astype(np.uint8)
BOX = Box(120.4, 40.5, 180.2, 100)


def with_blot(box: Box) -> np.ndarray:
    image = RAMP.copy()
    image[region_mask(image.shape, [box], "foreground")] = 255
    return image


@pytest.mark.parametrize("size", [64, 256, 1000])
def test_a_box_is_filled_from_its_surroundings(size: int) -> None:
    image = with_blot(BOX)
    edited = Inpaint(Inpaint.Options(size=size)).edit(image, [BOX], "No nodule")
    assert edited.shape == image.shape and edited.dtype == np.uint8
    # Biharmonic filling continues a ramp; the more so, the finer.
    assert np.abs(edited.astype(int) - RAMP).max() <= (8 if size == 64 else 2)


def test_all_else_stays_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, RAMP.shape, dtype=np.uint8)
    boxes = [BOX, Box(300, 0, 400, 20)]
    edited = Inpaint().edit(image, boxes, "No nodule")
    mask = region_mask(image.shape, boxes, "foreground")
    assert np.array_equal(edited[~mask], image[~mask]) and (edited[mask] != image[mask]).mean() > 0.9
    assert np.array_equal(edited, Inpaint().edit(image, boxes, "No nodule", seed=9)), "nothing is random"


def test_what_was_in_the_box_does_not_shine_through() -> None:
    dark = RAMP.copy()
    dark[region_mask(dark.shape, [BOX], "foreground")] = 0
    edits = [Inpaint().edit(image, [BOX], "No nodule") for image in (dark, with_blot(BOX))]
    assert np.array_equal(*edits)


def test_a_small_box_in_a_large_image() -> None:
    image = np.zeros((700, 900, 3), np.uint8)
    image[333, 444] = 255
    assert not Inpaint(Inpaint.Options(size=32)).edit(image, [Box(444, 333, 445, 334)], "No nodule").any()


@pytest.mark.parametrize("size", [(400, 150), (150, 400), (61, 64), (1000, 3)])
def test_small_pixels_that_hold_any_of_the_mask(size: tuple[int, int]) -> None:
    width, height = size
    place = Letterbox(width, height, 60)
    mask = np.random.default_rng(0).random((height, width)) < 0.002
    columns, rows = place.size
    oracle = np.zeros((rows, columns), bool)
    for i in range(rows):
        for j in range(columns):
            top, left = i * height // rows, j * width // columns
            bottom, right = -(-(i + 1) * height // rows), -(-(j + 1) * width // columns)
            oracle[i, j] = mask[top:bottom, left:right].any()
    assert np.array_equal(_shrunk(mask, place), oracle)


def test_no_boxes() -> None:
    edited = Inpaint().edit(RAMP, [], "No nodule")
    assert np.array_equal(edited, RAMP) and edited is not RAMP


def test_it_refuses_what_it_cannot_know() -> None:
    with pytest.raises(HarnessError, match="cannot edit the background"):
        Inpaint().edit(RAMP, [BOX], "No abnormality", "background")
    with pytest.raises(HarnessError, match="cannot edit the background"):
        counterfactuals(Inpaint(), RAMP, Sample("vindr_cxr", 0, "a.png", "nodule", (BOX,)))
    with pytest.raises(HarnessError, match="cannot follow the prompt 'Large nodule'"):
        Inpaint().edit(RAMP, [BOX], "Large nodule")
    everything: Any = [Box(0, 0, 400, 150)]
    with pytest.raises(HarnessError, match="nothing is left"):
        Inpaint().edit(RAMP, everything, "No nodule")
