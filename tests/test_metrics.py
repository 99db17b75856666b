"""Overlap of regions, against counting pixels."""

from __future__ import annotations

import numpy as np
import pytest

from harness.imaging.frame import Box
from harness.imaging.overlap import Overlap, overlap

SIDE = 24


def random_boxes(rng: np.random.Generator, least: int) -> list[Box]:
    boxes = []
    for _ in range(int(rng.integers(least, 5))):
        x0, y0 = rng.integers(0, SIDE - 1, 2)
        width, height = rng.integers(1, 12, 2)
        boxes.append(Box(int(x0), int(y0), int(min(x0 + width, SIDE)), int(min(y0 + height, SIDE))))
    return boxes


def pixels(boxes: list[Box]) -> set[tuple[int, int]]:
    return {(y, x) for b in boxes for y in range(int(b.y0), int(b.y1)) for x in range(int(b.x0), int(b.x1))}


def counted(predicted: list[Box], truth: list[Box]) -> Overlap:
    said, true = pixels(predicted), pixels(truth)
    right = len(said & true)
    if not right:
        return Overlap()
    precision, recall = right / len(said), right / len(true)
    f1 = 2 * precision * recall / (precision + recall)
    return Overlap(right / len(said | true), precision, recall, f1)


def same(one: Overlap, other: Overlap) -> bool:
    return vars(one) == pytest.approx(vars(other), abs=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_agrees_with_counting_pixels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    predicted, truth = random_boxes(rng, 0), random_boxes(rng, 1)
    assert same(overlap(predicted, truth), counted(predicted, truth))


@pytest.mark.parametrize("seed", range(10))
def test_stretching_the_image_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    predicted, truth = random_boxes(rng, 1), random_boxes(rng, 1)
    sx, sy, dx, dy = 0.37, 1.93, 5.1, -2.7

    def moved(boxes: list[Box]) -> list[Box]:
        return [Box(b.x0 * sx + dx, b.y0 * sy + dy, b.x1 * sx + dx, b.y1 * sy + dy) for b in boxes]

    before, after = overlap(predicted, truth), overlap(moved(predicted), moved(truth))
    assert vars(after) == pytest.approx(vars(before), abs=1e-9)


def test_fractions_of_pixels_count() -> None:
    result = overlap([Box(0, 0, 1.5, 1)], [Box(0.5, 0, 2, 1)])
    assert same(result, Overlap(iou=0.5, precision=2 / 3, recall=2 / 3, f1=2 / 3))


def test_swapping_the_two_swaps_precision_and_recall() -> None:
    one, two = [Box(0, 0, 4, 4)], [Box(2, 0, 10, 4)]
    there, back = overlap(one, two), overlap(two, one)
    assert (there.precision, there.recall) == (back.recall, back.precision) == (0.5, 0.25)
    assert there.iou == back.iou and there.f1 == back.f1


def test_boxes_on_top_of_each_other_count_once() -> None:
    truth = [Box(1, 1, 6, 6)]
    assert overlap(truth * 3, truth) == Overlap(1.0, 1.0, 1.0, 1.0)
    assert same(overlap([Box(1, 1, 4, 6), Box(3, 1, 6, 6)], truth), Overlap(1, 1, 1, 1))


def test_saying_nothing_or_nothing_right_scores_zero() -> None:
    truth = [Box(5, 5, 9, 9)]
    assert overlap([], truth) == Overlap()
    assert overlap([Box(9, 5, 12, 9)], truth) == Overlap()  # half-open: they only touch
    assert overlap([Box(8, 8, 6, 6), Box(6, 6, 6, 9)], truth) == Overlap()  # inverted and empty


@pytest.mark.parametrize("truth", [[], [Box(3, 3, 3, 9)], [Box(9, 9, 3, 3)]])
def test_a_truth_without_area_is_refused(truth: list[Box]) -> None:
    with pytest.raises(ValueError, match="no area"):
        overlap([Box(0, 0, 5, 5)], truth)
