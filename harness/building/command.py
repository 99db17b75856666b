"""``harness build``: make a benchmark anew."""

from __future__ import annotations

import argparse
from typing import Any

from harness.flags import INTERRUPTED, add_settings, how_to_go_on, prepare, read_settings
from harness.text import beside, say


def add_parser(subparsers: Any) -> None:
    """Add ``build``."""
    from harness.building.settings import BuildSettings

    parser = subparsers.add_parser(
        "build",
        help="make a benchmark anew, for any models and sources",
        description="Edit every sample, ask every model about the original and the edits, and keep the samples whose "
        "boxes alone make the model say yes. Finished answers are kept in the output folder: the same command again "
        "goes on where it stopped.",
        allow_abbrev=False,
    )
    add_settings(parser, BuildSettings)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Build, and return 0, 1 where an answer could not be had, or 130 where it was interrupted."""
    from harness.building.settings import BuildSettings

    settings = read_settings(args, BuildSettings)
    if settings is None:
        return 0
    prepare(settings.threads)
    from rich.console import Console

    from harness.building.benchmark import make_benchmark
    from harness.building.questions import WORK
    from harness.registry import Registry
    from harness.run.errors_log import ERRORS_LOG

    console = Console()
    built = make_benchmark(Registry.discover(), settings, console)
    notes = beside(console)
    if built.interrupted:
        say(notes, how_to_go_on(settings.fresh), "yellow")
        return INTERRUPTED
    say(notes, f"{built.survived} of {built.questions} records survive. Written to {built.folder}")
    if built.failed:
        answers = "1 answer" if built.failed == 1 else f"{built.failed} answers"
        log = built.folder / WORK / ERRORS_LOG
        why = f"the reasons are in {built.folder / 'report.md'}, the tracebacks in {log}"
        say(notes, f"{answers} could not be had; {why}", "red")
        return 1
    return 0
