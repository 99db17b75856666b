"""``harness rescore``: measure finished results by further metrics, without a model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from harness.flags import add_option_argument, prepare
from harness.text import say


def add_parser(subparsers: Any) -> None:
    """Add ``rescore``."""
    parser = subparsers.add_parser(
        "rescore",
        help="measure a finished run by further metrics, without a model",
        description="Measure every result of a run by further metrics, from its journal and, for metrics that need "
        "maps, from those that `harness eval --keep-maps` kept. The figures are stored beside the journal; "
        "`harness leaderboard` shows them. Metrics that would use a source's masks are measured from the true boxes, "
        "which boards say.",
        allow_abbrev=False,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="output folder of a run")
    parser.add_argument(
        "--metric", action="append", default=[], metavar="NAME",
        help="what to measure: NAME or NAME@VARIANT; repeatable",
    )  # fmt: skip
    add_option_argument(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Measure, and say where the figures are."""
    prepare(None)
    from rich.console import Console

    from harness.registry import Registry
    from leaderboard.read.joined import folders_of
    from leaderboard.rescore import rescore

    console, registry = Console(), Registry.discover()
    for folder in folders_of(args.folder):
        for path in rescore(registry, folder, args.metric, args.option):
            say(console, f"Written to {path}")
