"""Build a benchmark into a folder, from the sources to the files that ``harness eval`` and ``datasets`` read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.bench.records import json_list, write_records
from harness.building.dataset import write_parquet
from harness.building.dataset_card import card
from harness.building.gates import Outcome, outcomes, side_rows
from harness.building.report import report
from harness.building.rounds import BUILD, Loop
from harness.building.select import BuildPlan, make_plan
from harness.building.tables import markdown, show
from harness.building.versions import Views
from harness.contracts.mode import MODES, Mode
from harness.errors import HarnessError
from harness.files import write_whole
from harness.registry import Registry
from harness.run.journal import Journal

if TYPE_CHECKING:
    from rich.console import Console

# What a finished build writes, beside the folder WORK, which holds the journal and, by default, the edits.
OUTPUTS = (
    *(f"{mode}.{kind}" for mode in MODES for kind in ("json", "parquet")),
    "controls.json", "report.json", "report.md", "README.md",
)  # fmt: skip
WORK, EDITS = "work", "edits"


@dataclass(frozen=True)
class Built:
    """How a build ended. ``failed``: answers that could not be had, of the controls too. All are 0 unless finished."""

    folder: Path
    interrupted: bool
    questions: int = 0
    survived: int = 0
    failed: int = 0


def build(
    registry: Registry,
    sources: Sequence[str] = (),
    editor: str | None = None,
    models: Sequence[str] = (),
    modes: Sequence[Mode] = MODES,
    data_root: Path | None = None,
    options: Sequence[str] = (),
    limit: int | None = None,
    seed: int = 0,
    controls: bool = False,
    images: bool = False,
    cache: Path | None = None,
    output: Path = Path("harness-bench"),
    fresh: bool = False,
    console: Console | None = None,
) -> Built:
    """Make a benchmark anew: edit every sample, ask every model, keep what passes the causal filter.

    ``sources``: names; none for all that the data root can serve, or without one, those that need no data.
    ``editor``: a name; None for the one that each source prefers. ``models``: names or aliases; none for those
    of the benchmarks that the sources ship. ``options``: ``NAME.FIELD=VALUE``. ``limit``: at most so many
    samples, evenly spread. ``controls``: run those of :mod:`harness.building.controls` too. ``images``: embed
    the images in the Parquet files. ``cache``: the folder of edits, which several builds may share. ``output``:
    a build that was stopped there goes on, unless ``fresh``; controls may be added to a finished one. Ctrl-C
    ends the build cleanly. Nothing but the journal is written before everything is asked.

    A fault of the editor or of a model, or an image that cannot be read, fails that sample alone. Raises
    ``HarnessError`` for what the user can put right: unknown names, missing files, weights that do not load, no
    memory, no disk.
    """
    if console is None:
        from rich.console import Console

        console = Console()
    work = output / WORK
    plan = make_plan(
        registry, sources, editor, models, modes, data_root, options, limit, seed, cache or work / EDITS
    )
    _check_output(output, fresh)
    _announce(plan, images, console)
    try:
        with Journal(work, plan.header, fresh, BUILD) as journal:
            if fresh:
                _discard(output)
            if journal.rows:
                _say(console, f"{len(journal.rows)} answers are in {work} already.")
            views = Views(plan, seed)
            loop = Loop(plan, seed, journal, views, console)
            loop.run(controls)
            found = outcomes(loop, controls)
            said = report(found, plan.header, controls)
            _publish(output, plan, found, said, views if images else None)
    except KeyboardInterrupt:
        return Built(output, interrupted=True)
    show(said, console)
    mended = sum(cache.mended for cache in set(plan.caches.values()))
    if mended:
        _say(console, f"Files in the cache of edits that were broken and made anew: {mended}.")
    survivors = sum(outcome.dropped is None for outcome in found)
    return Built(output, False, len(found), survivors, len(said["failures"]))


def _publish(
    folder: Path, plan: BuildPlan, found: Sequence[Outcome], said: dict[str, Any], views: Views | None
) -> None:
    """Write everything that a finished build leaves."""
    write_records(folder, [outcome.record for outcome in found if outcome.dropped is None])
    for mode in MODES:
        if mode in plan.modes:
            write_parquet(folder, found, mode, views)
        else:  # the file of a mode that was not asked for would read as an empty benchmark
            _remove(folder, f"{mode}.json")
    if said["controls"] is not None:
        _write(folder, "controls.json", json_list(side_rows(list(found))))
    else:
        _remove(folder, "controls.json")
    _write(folder, "report.json", json.dumps(said, indent=1) + "\n")
    _write(folder, "report.md", markdown(said))
    _write(folder, "README.md", card(plan, said, views is not None))


def _check_output(folder: Path, fresh: bool) -> None:
    """Raise ``HarnessError`` where the folder holds files of these names that no build made."""
    if fresh or (folder / WORK / BUILD.journal).exists():
        return
    for name in OUTPUTS:
        if (folder / name).exists():
            raise HarnessError(
                f"{folder} holds a {name} that was not built there; give another --output, or --fresh to replace it."
            )


def _discard(folder: Path) -> None:
    for name in OUTPUTS:
        _remove(folder, name)


def _remove(folder: Path, name: str) -> None:
    try:
        (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise HarnessError(f"{folder / name} cannot be removed: {error.strerror or error}.") from error


def _write(folder: Path, name: str, text: str) -> None:
    """Write a text file, which appears whole or not at all."""
    try:
        write_whole(folder / name, text.encode())
    except OSError as error:
        raise HarnessError(f"{folder / name} cannot be written: {error.strerror or error}.") from error


def _announce(plan: BuildPlan, images: bool, console: Console) -> None:
    for name, reason in plan.left_out.items():
        _say(console, f"The source {name} is left out: {reason}")
    for source in plan.sources.values():
        for note in source.notes():
            _say(console, note)
    if len(plan.samples) < plan.available:
        _say(console, f"A subset: {len(plan.samples)} of {plan.available} samples, evenly spread.")
    closed = [name for name, source in plan.sources.items() if not source.redistributable]
    if images and closed:
        _say(console, f"The images of {', '.join(closed)} will be in the Parquet files; do not pass those on.")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
