"""Subsets of a benchmark: evenly spread, and each within every larger one."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from harness.run.subset import covering, spread, thin


def test_subsets_lie_within_each_other() -> None:
    groups = {"a": [*range(100, 137)], "b": [*range(200, 205)], "c": [*range(300, 364)]}
    before: set[int] = set()
    for limit in range(1, 107):
        taken = {row for chosen in thin(groups, limit).values() for row in chosen}
        assert before <= taken and len(taken) == limit
        before = taken


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 64, 100, 265])
def test_every_beginning_of_the_order_is_spread(count: int) -> None:
    """No gap is longer than four times the mean one: the worst of mirrored bits, by going through all beginnings."""
    order = spread(count)
    assert sorted(order) == [*range(count)]
    for taken in range(1, count + 1):
        places = [-1, *sorted(order[:taken]), count]
        gaps = [after - here for here, after in itertools.pairwise(places)]
        assert max(gaps) <= max(2, 4 * (count + 1) / (taken + 1))


def test_the_smallest_limit_that_covers() -> None:
    sizes = {"a": 50, "b": 9, "c": 50}
    for limit, least in ((1, {"a": 20}), (30, {"a": 5}), (10, {"b": 9, "c": 30})):
        found = covering(sizes, least, limit)
        groups = {name: list(range(size)) for name, size in sizes.items()}

        def covers(at: int, least: dict[str, int] = least, groups: Any = groups) -> bool:
            return all(len(rows) >= least.get(name, 0) for name, rows in thin(groups, at).items())

        assert covers(found) and found >= limit and (found == limit or not covers(found - 1))
