"""Explaining some of a run's records anew, by the installed plugins, and comparing what comes out."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from harness.contracts.case import RecordKey
from harness.errors import HarnessError
from harness.registry import Registry
from harness.run.before import Before
from harness.run.header import COMPUTING, Header
from harness.run.provenance import environment
from harness.run.row import Row
from harness.run.select import Selection, select
from harness.run.settings import RunSettings
from harness.run.worker import RunJob, RunWorker, Unit
from leaderboard.read.joined import Run
from leaderboard.verifying.found import Verification, about

_FIGURE, _PIXELS = 0.01, 1.0  # by how much figures and edges may differ where other libraries computed them
_NOT_COMPARED = ("error",)  # of a failed result: it may tell of the machine


def replay(
    found: Verification, run: Run, registry: Registry, bench: Path | None, data_root: Path | None, count: int, seed: int
) -> None:
    """Explain ``count`` of the run's records anew, which ``seed`` chooses, with all its methods.

    On the libraries and the device of the run the same must come out, digit for digit; on others nearly the same.
    """
    header = run.header
    records = sorted({row.record for row in run.rows})
    chosen = set(random.Random(seed).sample(records, min(count, len(records))))
    lines = {row.key: (number, row) for number, row in enumerate(run.rows, 2) if row.record in chosen}
    settings = RunSettings.of(
        {
            "modes": list(header.planned), "bench": bench, "data_root": data_root, "limit": 0, "seed": header.seed,
            "upsampling": header.upsampling, "noise": header.noise,
        }
    )  # fmt: skip
    exact = _same_machine(header)
    done = set[RecordKey]()
    try:
        # By name they were chosen above.
        before = Before(header.model_copy(update={"named": [], "limit": None, "shard": None}))
        selection = select(registry, settings, before)
        for row in _anew(selection, header, chosen):
            done.add(row.record)
            if row.key in lines:
                number, claimed = lines[row.key]
                if faults := _differences(claimed, row, header, run.rescored, exact):
                    what = ", ".join(faults)
                    found.add("replay", f"{about(number, claimed)}: explained anew, it has other {what}.")
    except HarnessError as error:
        found.leave(f"Records could not all be explained anew: {str(error).rstrip('.')}.")
    found.replayed = len(done)
    if done and not exact:
        found.leave(
            "Records were explained anew with other libraries, or on another device, than the header names: figures "
            f"were compared to within {_FIGURE:g}, edges to within {_PIXELS:g} pixel."
        )


def _anew(selection: Selection, header: Header, chosen: set[RecordKey]) -> Iterator[Row]:
    """The rows of these records, as this installation makes them."""
    job = RunJob(
        attributors=selection.attributors,
        models=selection.models,
        metrics=[one for one in selection.metrics if one.label in header.metrics],
        observers=[],
        sources=selection.sources,
        records=sorted(chosen),
        seed=header.seed,
        upsampling=header.upsampling,
        noise=header.noise,
    )
    worker = RunWorker(job)
    try:
        for model, tasks in selection.tasks.items():
            mine = [task for task in tasks if task.key in chosen]
            for _, group in groupby(mine, key=lambda task: (task.sample.source, task.sample.index)):
                todo = [(task, place) for task in group for place in range(len(selection.attributors))]
                for result in worker.run(Unit(model, todo)):
                    yield result.row
    finally:
        worker.close()


def _same_machine(header: Header) -> bool:
    here = environment()
    return all(getattr(header, name) == here[name] for name in COMPUTING if name not in ("harness", "python"))


def _differences(claimed: Row, anew: Row, header: Header, rescored: tuple[str, ...], exact: bool) -> list[str]:
    """The fields that two rows do not have in common."""
    if claimed.status != anew.status:
        return ["status"]
    one, other = claimed.line(), anew.line()
    for line in (one, other):
        for name in rescored:
            line["metrics"].pop(name, None)
            line["unmeasured"].pop(name, None)
    skipped = _NOT_COMPARED if claimed.status == "failed" else ()
    names = [name for name in one if name not in skipped]
    if not exact:  # a map's own numbers follow the machine's roundings; its boxes and figures hardly do
        names = ["status", "boxes", "metrics", "forward", "backward", "concept", "fallback"]
    return [name for name in names if not _alike(one[name], other[name], name == "boxes", exact)]


def _alike(one: Any, other: Any, edges: bool, exact: bool) -> bool:
    if exact or isinstance(one, str | bool | int) or one is None or other is None:
        return bool(one == other)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_alike(one[name], other[name], edges, exact) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(_alike(a, b, edges, exact) for a, b in zip(one, other, strict=True))
    return abs(one - other) <= (_PIXELS if edges else _FIGURE)
