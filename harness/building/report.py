"""How many samples each gate dropped, by mode, model, source and attribute, as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from harness.bench.verdict import both_stated, final_answer
from harness.building.causal import Survival
from harness.building.controls import CONTROLS
from harness.building.gates import VERDICTS, Judged


def report(judged: Sequence[Judged], header: dict[str, Any], controls: bool) -> dict[str, Any]:
    """All counts as JSON; the same questions, judged, give the same.

    Parameters
    ----------
    judged
        The questions of a finished build, in the order of the records.
    header
        The journal's.
    controls
        Whether the controls were asked for.

    Returns
    -------
    dict
        ``settings``: the header. ``filter``: a row for each mode, model and source, with the counts of
        :meth:`harness.building.causal.Survival.count`, and the same by attribute. ``texts``: a row for each mode and
        model, with how many texts state yes, no or neither in the end or were cut off, and how many of those that were
        not cut off state both yes and no. ``controls``: for each of these rows,
        the survivors by verdict, and how many would survive if the controls were gates too; null where they were not
        asked for. ``failures``: the answers that could not be had, and why.
    """
    survival = Survival()
    for one in judged:
        survival.add(one.record, one.question.sample, one.dropped)
    # Sources and models as the user gave them, not in the order of the alphabet.
    runs = dict.fromkeys(
        (mode, one.record.model, one.record.dataset)
        for mode in header["modes"]
        for one in judged
        if one.record.mode == mode
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
        "texts": [_texts(judged, *run) for run in dict.fromkeys((mode, model) for mode, model, _ in runs)],
        "controls": [_controls(judged, *run) for run in runs] if controls else None,
        "failures": [{**row.key._asdict(), "error": row.error} for one in judged for row in one.failures],
    }


def _texts(judged: Iterable[Judged], mode: str, model: str) -> dict[str, Any]:
    rows = [row for one in judged if (one.record.mode, one.record.model) == (mode, model) for row in one.answers]
    whole = [row.answer or "" for row in rows if not row.cut_off]
    stated = Counter(final_answer(text) for text in whole)
    return {
        "mode": mode, "model": model, "texts": len(rows),
        "yes": stated["yes"], "no": stated["no"], "neither": stated[None], "cut off": len(rows) - len(whole),
        "both yes and no": sum(map(both_stated, whole)),
    }  # fmt: skip


def _controls(judged: Iterable[Judged], mode: str, model: str, source: str) -> dict[str, Any]:
    run = (mode, model, source)
    survivors = [one for one in judged if one.dropped is None]
    mine = [one for one in survivors if (one.record.mode, one.record.model, one.record.dataset) == run]
    verdicts = {name: Counter(one.verdict(name) for one in mine) for name in CONTROLS}
    return {
        "mode": mode, "model": model, "source": source,
        "survived": len(mine),
        **{name: {verdict: counts[verdict] for verdict in VERDICTS} for name, counts in verdicts.items()},
        "survived with controls": sum(not one.flips for one in mine),
    }  # fmt: skip
