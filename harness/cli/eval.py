"""``harness eval``: rate attribution methods on a benchmark."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from harness.flags import INTERRUPTED, add_settings, how_to_go_on, prepare, read_settings
from harness.text import say

if TYPE_CHECKING:
    from harness.run.settings import RunSettings


def add_parser(subparsers: Any) -> None:
    """Add ``eval``."""
    from harness.run.settings import RunSettings

    parser = subparsers.add_parser(
        "eval",
        help="rate attribution methods on a benchmark",
        description="Rate attribution methods by how well they find the evidence that models really used. "
        "Finished rows are kept in the output folder: the same command again goes on where it stopped.",
        allow_abbrev=False,
    )
    add_settings(parser, RunSettings)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate, let plugins report, and return 0, 1 where a row failed, or 130 where it was interrupted."""
    from harness.run.settings import RunSettings

    settings = read_settings(args, RunSettings)
    if settings is None:
        return 0
    try:
        status = _evaluate(settings)
    except KeyboardInterrupt:  # before the first sample, or while plugins report
        status = INTERRUPTED
    if status == INTERRUPTED:
        print(how_to_go_on(settings.fresh), file=sys.stderr, flush=True)
    return status


def _evaluate(settings: RunSettings) -> int:
    prepare(settings.threads, settings.cache)
    from rich.console import Console

    from harness.evaluating import loop
    from harness.registry import Registry
    from harness.run.errors_log import ERRORS_LOG

    notes, registry = Console(stderr=True), Registry.discover()
    ended = loop.run(registry, settings, notes)
    if settings.dry_run:
        return 0
    if ended.finished:
        registry.run_finished(ended.folder, Console())
    if ended.interrupted:
        return INTERRUPTED
    if ended.failed:
        rows = "1 row" if ended.failed == 1 else f"{ended.failed} rows"
        why = f"the reasons are in {ended.folder / 'journal.jsonl'}, the tracebacks in {ended.folder / ERRORS_LOG}"
        again = "The same command with --retry-failed explains them once more."
        say(notes, f"{rows} failed and count as zero; {why}. {again}", "red")
        return 1
    return 0
