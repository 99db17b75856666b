"""Build a benchmark into a folder, from the sources to the files that ``harness eval`` and ``datasets`` read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.bench.records import json_list, write_records
from harness.building.build_row import BUILD
from harness.building.dataset import check_installed, write_parquet
from harness.building.dataset_card import dataset_card
from harness.building.gates import Judged, control_rows, judge_all
from harness.building.questions import WORK, BuildSelection, select_questions
from harness.building.report import report
from harness.building.rounds import Rounds
from harness.building.settings import BuildSettings
from harness.building.tables import markdown, show
from harness.building.versions import Versions
from harness.contracts.mode import MODES
from harness.errors import HarnessError
from harness.files import write_whole
from harness.registry import Registry
from harness.run.errors_log import ERRORS_LOG
from harness.run.journal import Journal
from harness.text import beside, say

if TYPE_CHECKING:
    from rich.console import Console

# What a finished build writes, beside the folder WORK.
OUTPUTS = (
    *(f"{mode}.{kind}" for mode in MODES for kind in ("json", "parquet")),
    "controls.json", "report.json", "report.md", "README.md",
)  # fmt: skip


@dataclass(frozen=True)
class Built:
    """How a build ended.

    Attributes
    ----------
    folder
        Where the benchmark is.
    interrupted
        Whether it was ended by Ctrl-C; then all that follows is 0.
    questions
        How many were asked: samples times models times modes.
    survived
        How many of them passed the causal filter, and are records now.
    failed
        How many answers could not be had, those of the controls too.
    judged
        What became of each question.
    """

    folder: Path
    interrupted: bool
    questions: int = 0
    survived: int = 0
    failed: int = 0
    judged: tuple[Judged, ...] = ()


def make_benchmark(registry: Registry, settings: BuildSettings, console: Console | None = None) -> Built:
    """Edit every sample, ask every model, keep what passes the causal filter.

    A build that was stopped in the same output folder goes on; controls may be added to a finished one. Nothing but
    the journal and the edits is written before everything is asked. Ctrl-C ends the build cleanly. A fault of the
    editor or of a model, or an image that cannot be read, fails that sample alone.

    Parameters
    ----------
    registry
        The plugins to choose from.
    settings
        What to build.
    console
        Where the tables are printed, and progress too; None for stdout and stderr.

    Returns
    -------
    Built
        How it ended.

    Raises
    ------
    HarnessError
        For what the user can put right: unknown names, missing files, weights that do not load, no memory, no disk.
    """
    if console is None:
        from rich.console import Console

        console = Console()
    check_installed()
    notes = beside(console)
    output, work = settings.output, settings.output / WORK
    selection = select_questions(registry, settings)
    _check_output(output, settings.fresh)
    _announce(selection, settings.images, notes)
    try:
        with Journal(work, selection.header, settings.fresh, BUILD) as journal:
            if settings.fresh:
                _discard(output)
            versions = Versions(selection, settings.seed)
            rounds = Rounds(selection, settings.seed, journal, versions, notes)
            if journal.rows:
                say(notes, f"{len(journal.rows)} answers are in {work} already.")
            rounds.run(settings.controls)
            judged = judge_all(rounds, settings.controls)
            said = report(judged, selection.header, settings.controls)
            _publish(output, selection, judged, said, versions if settings.images else None)
    except KeyboardInterrupt:
        return Built(output, interrupted=True)
    show(said, console)
    mended = sum(cache.mended for cache in set(selection.caches.values()))
    if mended:
        say(notes, f"Files in the cache of edits that could not be used and were made anew: {mended}.")
    survived = sum(one.dropped is None for one in judged)
    return Built(output, False, len(judged), survived, len(said["failures"]), tuple(judged))


def _publish(
    folder: Path, selection: BuildSelection, judged: Sequence[Judged], said: dict[str, Any], versions: Versions | None
) -> None:
    """Write everything that a finished build leaves. ``versions``: where images to embed come from; None for none."""
    write_records(folder, [one.record for one in judged if one.dropped is None])
    for mode in MODES:
        if mode in selection.modes:
            write_parquet(folder, judged, mode, versions)
        else:  # the file of a mode that was not asked for would read as an empty benchmark
            _remove(folder, f"{mode}.json")
    if said["controls"] is not None:
        _write(folder, "controls.json", json_list(control_rows(judged)))
    else:
        _remove(folder, "controls.json")
    _write(folder, "report.json", json.dumps(said, indent=1) + "\n")
    _write(folder, "report.md", markdown(said))
    _write(folder, "README.md", dataset_card(selection, said, versions is not None))


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
    for name in (*OUTPUTS, f"{WORK}/{ERRORS_LOG}"):
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


def _announce(selection: BuildSelection, images: bool, console: Console) -> None:
    for name, reason in selection.left_out.items():
        say(console, f"The source {name} is left out: {reason}")
    for source in selection.sources.values():
        for note in source.notes():
            say(console, note)
    if len(selection.samples) < selection.available:
        say(console, f"A subset: {len(selection.samples)} of {selection.available} samples, evenly spread.")
    closed = [name for name, source in selection.sources.items() if not source.redistributable]
    if images and closed:
        say(console, f"The images of {', '.join(closed)} will be in the Parquet files; do not pass those on.")
