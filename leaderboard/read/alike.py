"""Methods that are one by algebra: where they really gave the same boxes, a board has one line of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from harness.run.header import Header
from leaderboard.read.table import Table


def join_alike(table: Table, headers: Iterable[Header]) -> tuple[Table, dict[str, tuple[str, ...]], list[str]]:
    """Put methods together that say of themselves that they are another, and are.

    Parameters
    ----------
    table
        All results of a board.
    headers
        Those of its runs, which say what is the same as what.

    Returns
    -------
    Table
        The results without those that another method has too.
    dict
        By a method's label: the labels that it stands for besides its own.
    list of str
        What readers must know of it, in sentences.
    """
    claims = {
        label: about.same_as + "".join(label.partition("@")[1:])
        for header in headers
        for label, about in header.plugins.get("attributor", {}).items()
        if about.same_as
    }
    said = set(table.used("attributor"))
    same: dict[str, tuple[str, ...]] = {}
    notes = []
    for label, other in sorted(claims.items()):
        if label not in said or other not in said or other in claims:
            continue
        mine, theirs = _marks(table, label), _marks(table, other)
        apart = sum(mine.get(record) != theirs.get(record) for record in mine.keys() | theirs.keys())
        if apart:
            notes.append(
                f"{label} is {other} by algebra, and yet {apart} of its results differ or are not there: each has its "
                "own line."
            )
        else:
            same[other] = (*same.get(other, ()), label)
    hidden = [table.number("attributor", label) for labels in same.values() for label in labels]
    return table.take(~np.isin(table["attributor"], hidden)) if hidden else table, same, notes


def _marks(table: Table, label: str) -> dict[int, int]:
    """What a method marked, as a digest, by record."""
    mine = table.take(table["attributor"] == table.number("attributor", label))
    return dict(zip(mine.record.tolist(), mine["marks"].tolist(), strict=True))
