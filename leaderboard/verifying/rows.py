"""Whether what a row says fits together, and with what its run is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.imaging.frame import FRAME_SIDE
from harness.run.header import Header
from harness.run.row import ResultKey, Row
from leaderboard.verifying.found import Verification, about

_EDGE = 0.01  # pixels; boxes in a row are rounded
Fault = tuple[str, str]  # a kind, and what is wrong, in words
# What only a result that did not fail says, and what it is elsewhere.
_SAID: dict[str, Any] = {
    "peak": None, "map_range": None, "map_values": None, "map_noise": None, "concept": None, "concept_scores": None,
    "token_scores": None, "concept_token_scores": None, "fallback": False, "completeness": None,
}  # fmt: skip


def check_once(found: Verification, rows: list[Row]) -> None:
    """Whether each result is there once."""
    seen: dict[ResultKey, int] = {}
    for number, row in enumerate(rows, 2):
        first = seen.setdefault(row.key, number)
        if first != number:
            found.add(
                "twice", f"Lines {first} and {number} are both the result of {about(number, row).partition(', ')[2]}."
            )


def faults(row: Row, header: Header) -> Iterator[Fault]:
    """What of a row does not go together."""
    if row.status != "ok" and (more := [name for name, nothing in _SAID.items() if getattr(row, name) != nothing]):
        yield "said", f"it is {row.status.replace('_', ' ')} and yet has a {more[0].replace('_', ' ')}"
    yield from _outside(row)
    yield from _of_map(row, header)
    if row.concept is not None and row.concept_scores:
        best = max(row.concept_scores.values())
        if row.concept_scores.get(row.concept) != best:
            name = next(name for name, score in row.concept_scores.items() if score == best)
            yield "concept", f"its concept is {row.concept!r}, and its scores choose {name!r}"


def _outside(row: Row) -> Iterator[Fault]:
    """Whether what a row marks lies outside its image."""
    if row.size is None:
        return
    width, height = row.size
    edges = [*row.boxes, *([[*row.peak, *row.peak]] if row.peak else [])]
    if any(min(b) < -_EDGE or max(b[0], b[2]) > width + _EDGE or max(b[1], b[3]) > height + _EDGE for b in edges):
        yield "outside", f"a box or peak lies outside the image: it is {width} x {height} pixels"


def _of_map(row: Row, header: Header) -> Iterator[Fault]:
    if (row.map_range is None) != (row.map_values is None):
        yield "map said", "it has a map's range or its number of values, and not both"
    if row.map_range is None:
        if row.peak is not None or row.map_noise is not None:
            yield "map said", "it has no map, and yet a peak or a noise of one"
        return
    low, high = row.map_range
    if low > high or not 1 <= (row.map_values or 0) <= FRAME_SIDE**2:
        yield "map said", f"no map has a range from {low:g} to {high:g} and {row.map_values} values"
    if low == high and row.peak is not None:
        yield "map said", "its map has one value, and yet a peak"
    if row.map_noise is not None and not header.noise:
        yield "map said", "it has a noise of its map, which the run did not measure"
