"""Subsets of a benchmark: evenly spread, each within every larger one, so that a run can grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

# The rows of each of four groups in the embedded benchmark's default subset: as even as can be, and those that figures
# have been published on. Smaller subsets lie within it, larger ones around it.
ANCHOR = 60
Name = TypeVar("Name")
Item = TypeVar("Item")


def thin(groups: Mapping[Name, Sequence[Item]], limit: int) -> dict[Name, list[Item]]:
    """``limit`` rows in all: as many from each group as from any other, evenly spread in each.

    A group too small for its share gives all it has, and the larger ones make up for it. The rows of a smaller limit
    are among those of a larger one.
    """
    shares = _shares({name: len(rows) for name, rows in groups.items()}, limit)
    return {name: [rows[k] for k in sorted(spread(len(rows))[: shares[name]])] for name, rows in groups.items()}


def covering(sizes: Mapping[Name, int], least: Mapping[Name, int], limit: int) -> int:
    """The smallest limit, ``limit`` or more, whose subset takes at least so many rows of each group."""
    while any(share < least.get(name, 0) for name, share in _shares(sizes, limit).items()):
        limit += 1
    return limit


def _shares(sizes: Mapping[Name, int], limit: int) -> dict[Name, int]:
    left, shares = limit, dict(sizes)
    for done, name in enumerate(sorted(sizes, key=lambda name: sizes[name])):
        shares[name] = min(sizes[name], left // (len(sizes) - done))
        left -= shares[name]
    return shares


def spread(count: int) -> list[int]:
    """The numbers below ``count`` in an order of which every beginning is evenly spread."""
    if count <= ANCHOR:
        return _mirrored(count)
    first = [(2 * k + 1) * count // (2 * ANCHOR) for k in _mirrored(ANCHOR)]
    taken = set(first)
    return [*first, *(k for k in _mirrored(count) if k not in taken)]


def _mirrored(count: int) -> list[int]:
    """The numbers below ``count`` by their mirrored bits, as in van der Corput's sequence."""
    bits = max(count - 1, 0).bit_length()
    mirrored = (int(f"{k:0{bits}b}"[::-1], 2) if bits else 0 for k in range(1 << bits))
    return [k for k in mirrored if k < count]
