"""``harness references build``: MedFocus's reference pool from the user's own chest X-rays.

Imports nothing heavy before it runs.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.flags import prepare, whole
from harness.text import say

if TYPE_CHECKING:
    from rich.console import Console

OUTPUT, COUNT = Path("medfocus-references.npz"), 16


def add_parser(subparsers: Any) -> None:
    """Add ``references build``."""
    parser = subparsers.add_parser(
        "references",
        help="build MedFocus's reference pool from Chest ImaGenome",
        description="Build MedFocus's reference pool from Chest ImaGenome.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=lambda args: _help(parser))
    build = parser.add_subparsers(title="commands", metavar="COMMAND").add_parser(
        "build",
        help="choose normal images, draw the masks of the concepts, write the pool",
        description="Choose the first normal images of Chest ImaGenome's gold standard in which all 11 "
        "anatomical concepts are annotated, and write them with the concepts' masks as a pool for MedFocus. "
        "The same data give the same file.",
        allow_abbrev=False,
    )
    build.add_argument("--data-root", type=Path, required=True, metavar="DIR", help="folder that holds the data sets")
    build.add_argument("--output", type=Path, default=OUTPUT, metavar="FILE.npz", help=f"the pool (default: {OUTPUT})")
    build.add_argument(
        "--medsam", type=Path, metavar="PATH",
        help="weights of MedSAM, a segment-anything file (safetensors, which `harness weights convert` makes of its "
        ".pth) or a transformers SamModel folder: draw the masks by it (default: the annotated boxes are the masks)",
    )  # fmt: skip
    build.add_argument(
        "--count", type=whole(1), default=COUNT, metavar="N", help=f"how many references (default: {COUNT})"
    )
    build.set_defaults(run=run)


def _help(parser: argparse.ArgumentParser) -> int:
    parser.print_help(sys.stderr)
    return 2


def run(args: argparse.Namespace) -> None:
    """Build, write, and say how to use it. What can be refused early is refused before an image is read."""
    prepare(None)
    from rich.console import Console

    from harness.errors import HarnessError
    from plugins.attributors.medfocus.candidates import candidates
    from plugins.attributors.medfocus.make_pool import TooFew, make_pool
    from plugins.attributors.medfocus.references import save_pool

    if not args.data_root.is_dir():
        raise HarnessError(f"The data root {args.data_root} is no folder; give another by --data-root.")
    if args.output.suffix.lower() != ".npz" or args.output.is_dir():
        raise HarnessError(f"The pool is an .npz file; give --output another name than {args.output}.")
    if not args.output.parent.is_dir():
        raise HarnessError(f"The folder {args.output.parent} does not exist; give another --output.")
    console = Console()
    try:
        with Console(stderr=True).status("Reading the annotations …") as status:
            built = make_pool(
                args.data_root, candidates(args.data_root), args.count, args.medsam,
                lambda found: status.update(f"References: {found} of {args.count}"),
            )  # fmt: skip
    except TooFew as error:
        _passed_over(error.passed_over, console)
        raise
    save_pool(built.pool, args.output)
    say(console, f"{args.output}: {built.pool.origin}.")
    _passed_over(built.passed_over, console)
    pool = shlex.quote(str(args.output))
    say(console, f"Use it by `-o medfocus.pool={pool}` or `-o medfocus-consensus.pool={pool}`.")
    say(console, "It holds images of MIMIC-CXR: under its data use agreement, do not share the file.")


def _passed_over(images: dict[str, str], console: Console) -> None:
    if images:
        say(console, f"Normal images that were passed over: {len(images)}.")
    for path, why in images.items():
        say(console, f"  {path}: {why}")
