"""``harness eval``: rate attribution methods on a benchmark."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from harness.flags import INTERRUPTED, add_settings, how_to_go_on, prepare, read_settings

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
        print(how_to_go_on(settings.fresh), flush=True)
    return status


def _evaluate(settings: RunSettings) -> int:
    prepare(settings.threads, settings.cache)
    from rich.console import Console

    from harness.evaluating import loop
    from harness.registry import Registry

    console, registry = Console(), Registry.discover()
    ended = loop.run(registry, settings, console)
    if settings.dry_run:
        return 0
    if ended.finished:
        registry.run_finished(ended.folder, console)
    if ended.interrupted:
        return INTERRUPTED
    if ended.failed:
        rows = "1 row" if ended.failed == 1 else f"{ended.failed} rows"
        text = (
            f"{rows} failed and count as zero; the reasons are in {ended.folder / 'journal.jsonl'}. The same command "
            "with --retry-failed explains them once more."
        )
        console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    return 0
