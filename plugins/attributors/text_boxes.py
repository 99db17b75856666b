"""Boxes and region names out of what a vision-language model writes. Its text is data: it is matched, never run."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import chain

from harness.contracts.model import BoxUnit
from harness.imaging.frame import Box

_NUMBER = r"[-+]?\d{1,6}(?:\.\d{0,9})?"
_FOUR = r"\s*,\s*".join(f"({_NUMBER})" for _ in range(4))
_LIST = re.compile(rf"""(?:["'](\w{{1,20}})["']\s*:\s*)?[\[(]\s*{_FOUR}\s*[\])]""")
_CORNERS = re.compile(rf"\(\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\)\s*,\s*\(\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\)")
_NAMED = re.compile(r"\s*,\s*".join(rf"""["']?{key}["']?\s*:\s*({_NUMBER})""" for key in ("x1", "y1", "x2", "y2")))
_ROWS_FIRST = "box_2d"  # Gemini's and Gemma's key: [y0, x0, y1, x1] of a 1000 x 1000 image
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.):])\s+")


def boxes_in(text: str, width: int, height: int, counted_in: BoxUnit = "pixels") -> list[Box]:
    """The boxes that ``text`` lists about a width x height image, in its pixels, in the order of the text.

    Read are lists of four numbers wherever they stand (bare, in fenced or cut-off JSON, in prose, under a key such
    as ``bbox_2d``), pairs of corners ``(x1,y1),(x2,y2)`` and objects with x1, y1, x2, y2. Under ``box_2d`` they are
    y0, x0, y1, x1 in thousandths. Otherwise all are in one unit: shares of the image where none exceeds 1, else what
    the model counts in. A reply about pixels is read in thousandths where it cannot be about pixels: none exceeds
    1000, and one is twice as far as the image goes, or all boxes lie beyond it. An edge a little past the image is
    clipped. Swapped corners are put right; what is empty within the image is dropped, and so are repeats.
    """
    plain, rows_first = [], []
    found = [(m.start(), m[1] or "", m.groups()[1:]) for m in _LIST.finditer(text)]
    found += [(m.start(), "", m.groups()) for m in chain(_CORNERS.finditer(text), _NAMED.finditer(text))]
    for place, key, digits in sorted(found):
        a, b, c, d = (float(digit) for digit in digits)
        if key == _ROWS_FIRST:
            rows_first.append((place, (b, a, d, c)))
        else:
            plain.append((place, (a, b, c, d)))
    unit = _unit([edges for _, edges in plain], width, height, counted_in)
    boxes = [(place, _box(edges, unit, width, height)) for place, edges in plain]
    boxes += [(place, _box(edges, 1000.0, width, height)) for place, edges in rows_first]
    return list(dict.fromkeys(box for _, box in sorted(boxes) if box.area > 0))


def _unit(boxes: Sequence[tuple[float, ...]], width: int, height: int, counted_in: BoxUnit) -> float | None:
    """The number that stands for the whole side; None: pixels."""
    largest = max((abs(edge) for edges in boxes for edge in edges), default=0.0)
    if largest <= 1:
        return 1.0
    if counted_in == "thousandths":
        return 1000.0
    far = any(max(x0, x1) > 2 * width or max(y0, y1) > 2 * height for x0, y0, x1, y1 in boxes)
    beyond = all(min(x0, x1) >= width or min(y0, y1) >= height for x0, y0, x1, y1 in boxes)
    return 1000.0 if largest <= 1000 and (far or beyond) else None


def _box(edges: tuple[float, ...], unit: float | None, width: int, height: int) -> Box:
    """A box in pixels, clipped to the image; ``unit`` is the number that stands for the whole side."""
    across, down = (1.0, 1.0) if unit is None else (width / unit, height / unit)
    x0, x1 = sorted((edges[0] * across, edges[2] * across))
    y0, y1 = sorted((edges[1] * down, edges[3] * down))
    return Box(x0, y0, x1, y1).clip(width, height)


def names_in(text: str, most: int) -> list[str]:
    """At most ``most`` region descriptions that ``text`` lists: the strings of its first JSON list, else its lines."""
    decoder = json.JSONDecoder()
    for bracket in re.finditer(r"\[", text):
        try:
            listed, _ = decoder.raw_decode(text, bracket.start())
        except (ValueError, RecursionError):
            continue
        names = [item for item in listed if isinstance(item, str)]
        if names:
            return _tidy(names, most)
    lines = [_BULLET.sub("", line) for line in text.splitlines() if not line.lstrip().startswith("```")]
    return _tidy(lines, most)


def _tidy(names: list[str], most: int) -> list[str]:
    stripped = (" ".join(name.split()).strip(" .,;:\"'*[]") for name in names)
    return list(dict.fromkeys(name[:200] for name in stripped if name))[:most]
