"""Boxes and names out of model text: what Qwen and Gemma write, and what a hostile text may not do."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from harness.imaging.frame import Box
from plugins.attributors.text_boxes import boxes_in, names_in

SIDE = 200
FENCED = """Sure! Here are the regions:
```json
[
	{"bbox_2d": [20, 30, 120, 160], "label": "left pleural effusion"},
	{"bbox_2d": [5.5, 6, 10, 12], "label": "angle [1, 2]"}
]
```"""


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ("[[20, 30, 120, 160]]", [(20, 30, 120, 160)]),
        ("[20,30,120,160]", [(20, 30, 120, 160)]),
        (FENCED, [(20, 30, 120, 160), (5.5, 6, 10, 12)]),
        ("The effusion is at [20, 30, 120, 160], and (1, 2, 3, 4) is a mark.", [(20, 30, 120, 160), (1, 2, 3, 4)]),
        ("```json\n[[20, 30, 120, 160], [1, 2, 3,", [(20, 30, 120, 160)]),  # cut off by the token limit
        ("[[120, 160, 20, 30]]", [(20, 30, 120, 160)]),  # swapped corners
        ("[[1, 2, 3, 4], [1, 2, 3, 4]]", [(1, 2, 3, 4)]),
        ("<|box_start|>(20,30),(120,160)<|box_end|>", [(20, 30, 120, 160)]),
        ('[{"x1": 20, "y1": 30, "x2": 120, "y2": 160}]', [(20, 30, 120, 160)]),
        ("[[100, 500, 1000, 750]]", [(20, 100, 200, 150)]),  # thousandths
        ("[[100, 500, 1000, 750], [10, 20, 30, 40]]", [(20, 100, 200, 150), (2, 4, 6, 8)]),  # one unit for all
        ('[{"box_2d": [500, 100, 750, 1000], "label": "lung"}]', [(20, 100, 200, 150)]),  # rows first
        ("{'box_2d': [50, 10, 75, 100]}", [(2, 10, 20, 15)]),  # in thousandths even where small
        ("[[0.1, 0.5, 1.0, 0.75]]", [(20, 100, 200, 150)]),
        ("[[-10, -20, 30, 40]]", [(0, 0, 30, 40)]),
        ("[[5, 5, 5, 9]]", []),
        ("[[1, 2, 3]]", []),
        ("[[1, 2, 3, 4, 5]]", []),
        ("I see fluid at the left angle.", []),
        ("", []),
        ("[]", []),
        ("[[NaN, 1, 2, 3], [Infinity, 1, 2, 3], [1e999, 2, 3, 4]]", []),
        ("__import__('os').system('touch /tmp/owned')", []),
    ],
)
def test_boxes(text: str, boxes: list[tuple[float, ...]]) -> None:
    assert [tuple(round(edge, 6) for edge in box) for box in boxes_in(text, SIDE, SIDE)] == boxes


def expected(name: str) -> list[tuple[str, int, int, list[list[float]]]]:
    """The rows of a table: a reply, the image's width and height, and the boxes that it means."""
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    return [(reply.replace("\\n", "\n"), int(w), int(h), json.loads(boxes)) for reply, w, h, boxes in rows]


@pytest.mark.parametrize(("reply", "width", "height", "boxes"), expected("boxes.tsv"))
def test_replies(reply: str, width: int, height: int, boxes: list[list[float]]) -> None:
    assert [[round(edge, 6) for edge in box] for box in boxes_in(reply, width, height)] == boxes


def test_a_model_may_say_that_it_counts_in_thousandths() -> None:
    assert boxes_in("[[100, 50, 200, 150]]", 100, 200, "thousandths") == [Box(10, 10, 20, 30)]
    assert boxes_in("[[0.5, 0.5, 1, 1]]", 224, 224, "thousandths") == [Box(112, 112, 224, 224)]
    assert boxes_in("[[900, 900, 1010, 1010]]", 200, 200, "thousandths") == [Box(180, 180, 200, 200)]


def test_a_frame_that_is_not_square() -> None:
    assert boxes_in("[[0, 0, 500, 500]]", 100, 200) == [Box(0, 0, 50, 100)]
    assert boxes_in("[[0, 0, 100, 150]]", 100, 200) == [Box(0, 0, 100, 150)]


@pytest.mark.parametrize("piece", ["[1,", "[[1, 2, 3, 4", "(1,2),", '"x1": 1, ', "9" * 40, "[", '"bbox_2d": [', " "])
def test_a_long_text_takes_no_long_time(piece: str) -> None:
    """No pattern backtracks beyond the text's length times a constant."""
    start = time.process_time()
    boxes_in(piece * 20000, SIDE, SIDE)
    names_in(piece * 2000, 10)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('["blunted left angle", "dense lower lobe"]', ["blunted left angle", "dense lower lobe"]),
        ('Here:\n```json\n["left angle", "left  angle", 3]\n```\nas [you] asked', ["left angle"]),
        ("1. Left angle.\n2) The *heart*\n- hilum;\n\n", ["Left angle", "The *heart", "hilum"]),
        ("the left lung", ["the left lung"]),
        ("[[1, 2, 3, 4]]\nleft lung", ["1, 2, 3, 4", "left lung"]),
        ("", []),
        ("```\n```", []),
    ],
)
def test_names(text: str, names: list[str]) -> None:
    assert names_in(text, 10) == names


def test_at_most_so_many_names() -> None:
    assert names_in("a\nb\nc", 2) == ["a", "b"]
