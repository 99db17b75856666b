"""Methods that are one by algebra: where they really gave the same boxes, a board has one line of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.contracts.case import RecordKey
from harness.run.header import Header
from harness.run.row import Row


def join_alike(
    rows: Sequence[Row], headers: Iterable[Header]
) -> tuple[list[Row], dict[str, tuple[str, ...]], list[str]]:
    """Put methods together that say of themselves that they are another, and are.

    Parameters
    ----------
    rows
        All results of a board.
    headers
        Those of its runs, which say what is the same as what.

    Returns
    -------
    list of Row
        The rows without those that another method has too.
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
    said: dict[str, dict[RecordKey, tuple[object, ...]]] = {}
    for row in rows:
        said.setdefault(row.attributor, {})[row.record] = row.status, row.boxes
    same: dict[str, tuple[str, ...]] = {}
    notes = []
    for label, other in sorted(claims.items()):
        if label not in said or other not in said or other in claims:
            continue
        mine, theirs = said[label], said[other]
        apart = sum(mine.get(record) != theirs.get(record) for record in mine.keys() | theirs.keys())
        if apart:
            notes.append(
                f"{label} is {other} by algebra, and yet {apart} of its results differ or are not there: each has its "
                "own line."
            )
        else:
            same[other] = (*same.get(other, ()), label)
    hidden = {label for labels in same.values() for label in labels}
    return [row for row in rows if row.attributor not in hidden], same, notes
