"""How many samples each gate dropped, by mode, model, source and attribute, as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from harness.bench.causal import Survival
from harness.building.controls import CONTROLS
from harness.building.gates import VERDICTS, Outcome


def report(found: Sequence[Outcome], header: dict[str, Any], controls: bool) -> dict[str, Any]:
    """All figures as plain data; the same outcomes give the same.

    ``filter``: a row for each mode, model and source, with the counts of :meth:`harness.bench.causal.Survival.count`,
    and the same by attribute. ``controls``: the survivors of each by verdict, and how many would survive if the
    controls were gates too; null where they were not asked for. ``failures``: everything that failed. ``settings``: the
    journal's header.
    """
    survival = Survival()
    for outcome in found:
        survival.add(outcome.record, outcome.question.sample, outcome.dropped)
    # Sources and models as the user gave them, not in the order of the alphabet.
    runs = dict.fromkeys(
        (mode, outcome.record.model, outcome.record.dataset)
        for mode in header["modes"]
        for outcome in found
        if outcome.record.mode == mode
    )
    rows = []
    for mode, model, source in runs:
        attributes = sorted({key[3] for key in survival.groups if key[:3] == (mode, model, source)})
        rows.append(
            {
                "mode": mode, "model": model, "source": source,
                **survival.count(mode, model, source=source),
                "attributes": {name: survival.count(mode, model, name, source) for name in attributes},
            }
        )  # fmt: skip
    return {
        "settings": header,
        "filter": rows,
        "controls": [_controls(found, *run) for run in runs] if controls else None,
        "failures": [
            {part: row[part] for part in ("source", "index", "model", "mode", "view", "error")}
            for outcome in found
            for row in outcome.failures
        ],
    }


def _controls(found: Iterable[Outcome], mode: str, model: str, source: str) -> dict[str, Any]:
    mine = [
        outcome
        for outcome in found
        if (outcome.record.mode, outcome.record.model, outcome.record.dataset) == (mode, model, source)
        and outcome.dropped is None
    ]
    verdicts = {name: Counter(outcome.verdict(name) for outcome in mine) for name in CONTROLS}
    return {
        "mode": mode, "model": model, "source": source,
        "survived": len(mine),
        **{name: {verdict: counts[verdict] for verdict in VERDICTS} for name, counts in verdicts.items()},
        "survived with controls": sum(not outcome.flips for outcome in mine),
    }  # fmt: skip
