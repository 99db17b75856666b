"""Whether results that are marked as not applicable are."""

from __future__ import annotations

from collections import Counter
from typing import Any

from harness.participants import Participant
from harness.run.row import Row
from harness.run.worker import lacking
from leaderboard.verifying.found import Verification, about
from leaderboard.verifying.plugins import Installed


def check_applicable(found: Verification, rows: list[Row], installed: Installed, replayed: bool) -> None:
    """Whether what is marked as not applicable is, as far as the installed plugins say it without being run.

    ``replayed``: whether all of it was explained anew, which shows the rest.
    """
    explained = {_place(row) for row in rows if row.status == "ok"}
    reasons: dict[tuple[str, str], str | None] = {}
    open_: Counter[str] = Counter()
    for number, row in enumerate(rows, 2):
        pair = row.attributor, row.model
        if pair not in reasons:
            reasons[pair] = _lacking(installed, *pair)
        reason, closed = reasons[pair], row.status == "not_applicable"
        if reason is not None and not (closed and row.error == reason):
            found.add("not applicable", f"{about(number, row)}: it should be not applicable ({reason}).")
        elif closed and reason is None and _place(row) in explained:
            found.add(
                "not applicable",
                f"{about(number, row)}: it is marked as not applicable, and the method explained others of that model "
                "and source.",
            )
        elif closed and reason is None:
            open_[f"{row.attributor} on {row.model}"] += 1
    if replayed:
        return
    found.leave_counted(open_, "That {who} is not applicable ({which}) shows only when it is explained again.")


def _place(row: Row) -> tuple[str, ...]:
    return row.attributor, row.model, row.source


def _lacking(installed: Installed, attributor: str, model: str) -> str | None:
    one: Participant[Any] | None = installed.get(("attributor", attributor))
    other = installed.get(("model", model))
    return lacking(one, other) if one is not None and other is not None else None
