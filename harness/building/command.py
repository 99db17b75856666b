"""``harness build``: make a benchmark anew."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from harness.contracts.mode import MODES as MODE_CHOICES
from harness.flags import add_run_arguments, prepare, whole


def add_parser(subparsers: Any) -> None:
    """Add ``build``."""
    parser = subparsers.add_parser(
        "build",
        help="make a benchmark anew, for any models and sources",
        description="Edit every sample, ask every model about the original and the edits, and keep the samples whose "
        "boxes alone make the model say yes. Finished answers are kept in the output folder: the same command again "
        "goes on where it stopped.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--source", action="append", default=[], metavar="NAME",
        help="where samples come from; repeatable (default: all that the data root can serve, or, without one, "
        "those that need no data)",
    )  # fmt: skip
    add("--editor", metavar="NAME", help="what edits the images (default: the one that each source prefers)")
    add(
        "--model", action="append", default=[], metavar="NAME",
        help="model to ask; repeatable (default: those of the benchmark that the source ships with)",
    )  # fmt: skip
    add(
        "--mode", action="append", default=[], choices=MODE_CHOICES,
        help="how the question is answered; repeatable (default: both)",
    )  # fmt: skip
    add("--data-root", type=Path, metavar="DIR", help="folder that holds the sources' data sets")
    add("--limit", type=whole(0), default=0, metavar="N", help="at most N samples, evenly spread (default: 0, all)")
    add(
        "--controls", action="store_true",
        help="also ask whether survivors flip under an edit that changes nothing, and under one elsewhere",
    )  # fmt: skip
    add(
        "--images", action="store_true",
        help="embed the survivors' images in the Parquet files; never pass those of credentialed sources on",
    )  # fmt: skip
    add("--cache", type=Path, metavar="DIR", help="folder of edited images, to share (default: DIR/work/edits)")
    add(
        "--output", type=Path, default=Path("harness-bench"), metavar="DIR",
        help="where the benchmark goes (default: harness-bench)",
    )  # fmt: skip
    add("--fresh", action="store_true", help="start anew, not where the last build stopped; edits are kept")
    add_run_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Build, and return 0, 1 where an answer could not be had, or 130 where it was interrupted."""
    prepare(args.threads)
    from rich.console import Console

    from harness.building.benchmark import build
    from harness.registry import Registry

    console = Console()
    built = build(
        Registry.discover(),
        sources=list(dict.fromkeys(args.source)),
        editor=args.editor,
        models=list(dict.fromkeys(args.model)),
        modes=list(dict.fromkeys(args.mode)) or list(MODE_CHOICES),
        data_root=args.data_root,
        options=args.option,
        limit=args.limit or None,
        seed=args.seed,
        controls=args.controls,
        images=args.images,
        cache=args.cache,
        output=args.output,
        fresh=args.fresh,
        console=console,
    )
    if built.interrupted:
        console.print("Interrupted. The same command goes on where it stopped.", style="yellow", markup=False)
        return 130
    text = f"{built.survived} of {built.questions} records survive. Written to {built.folder}"
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    if built.failed:
        answers = "1 answer" if built.failed == 1 else f"{built.failed} answers"
        text = f"{answers} could not be had; the reasons are in {built.folder / 'report.md'}"
        console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    return 0
