"""``harness references build`` and ``show``: MedFocus's reference pool from the user's own films, and a look at it.

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
        help="build MedFocus's reference pool of annotated films, or draw it",
        description="Build MedFocus's reference pool of your own annotated films or of Chest ImaGenome, or draw one.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=lambda args: _help(parser))
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    show = commands.add_parser(
        "show", help="draw a pool to a PNG", description="Draw a pool's films and its concepts to a PNG.",
        allow_abbrev=False,
    )  # fmt: skip
    show.add_argument("pool", type=Path, nargs="?", metavar="FILE.npz", help="the pool (default: the one that ships)")
    show.add_argument("--output", type=Path, metavar="FILE.png", help="the picture (default: the pool's name, .png)")
    show.set_defaults(run=_show)
    build = commands.add_parser(
        "build",
        help="read annotated films, or choose normal images of Chest ImaGenome, and write the pool",
        description="Write a pool for MedFocus: of a folder of films with the concepts' masks or boxes (--films), or "
        "of the first normal images of Chest ImaGenome's gold standard in which all 11 concepts are annotated "
        "(--data-root). The same data give the same file.",
        allow_abbrev=False,
    )
    where = build.add_mutually_exclusive_group(required=True)
    where.add_argument("--data-root", type=Path, metavar="DIR", help="folder that holds Chest ImaGenome")
    where.add_argument(
        "--films", type=Path, metavar="DIR",
        help="folder of films (PNG, JPEG, DICOM). The concepts of STEM.png are STEM/CONCEPT.png or .npy, masks of the "
        "film's size that are 0 outside, or the polygons and rectangles of STEM.json (LabelMe), or those of "
        "--annotations. Left and right are the patient's. A film need not have all concepts",
    )  # fmt: skip
    build.add_argument(
        "--annotations", type=Path, metavar="FILE.json",
        help="with --films: COCO annotations of them, whose categories are named as the concepts are",
    )  # fmt: skip
    build.add_argument("--output", type=Path, default=OUTPUT, metavar="FILE.npz", help=f"the pool (default: {OUTPUT})")
    build.add_argument(
        "--medsam", type=Path, metavar="PATH",
        help="weights of MedSAM, a segment-anything file (safetensors, which `harness weights convert` makes of its "
        ".pth) or a transformers SamModel folder: draw the masks by it (default: the annotated boxes are the masks)",
    )  # fmt: skip
    build.add_argument(
        "--count", type=whole(1), metavar="N", help=f"how many references (default: {COUNT}; of --films all)"
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

    root, flag = (args.data_root, "--data-root") if args.films is None else (args.films, "--films")
    if not root.is_dir():
        what = "data root" if args.films is None else "folder of films"
        raise HarnessError(f"The {what} {root} is no folder; give another by {flag}.")
    if args.annotations is not None and args.films is None:
        raise HarnessError("--annotations are those of the films of a folder; give it by --films.")
    if args.medsam is not None and args.films is not None:
        raise HarnessError("--medsam draws the masks of Chest ImaGenome alone; leave it out with --films.")
    if args.output.suffix.lower() != ".npz" or args.output.is_dir():
        raise HarnessError(f"The pool is an .npz file; give --output another name than {args.output}.")
    if not args.output.parent.is_dir():
        raise HarnessError(f"The folder {args.output.parent} does not exist; give another --output.")
    console = Console()
    pool = shlex.quote(str(args.output))
    use = f"Use it by `-o medfocus.pool={pool}` or `-o medfocus-consensus.pool={pool}`."
    if args.films is not None:
        from plugins.attributors.medfocus.own_films import lacking, pool_of_films

        own = pool_of_films(args.films, args.annotations, args.count)
        save_pool(own, args.output)
        say(console, f"{args.output}: {own.origin}.")
        if absent := lacking(own):
            say(console, f"No film has {', '.join(absent)}; MedFocus will not know where that is.")
        say(console, f"{use} Look at it by `harness references show {pool}`.")
        return
    count = args.count or COUNT
    try:
        with Console(stderr=True).status("Reading the annotations …") as status:
            built = make_pool(
                args.data_root, candidates(args.data_root), count, args.medsam,
                lambda found: status.update(f"References: {found} of {count}"),
            )  # fmt: skip
    except TooFew as error:
        _passed_over(error.passed_over, console)
        raise
    save_pool(built.pool, args.output)
    say(console, f"{args.output}: {built.pool.origin}.")
    _passed_over(built.passed_over, console)
    say(console, use)
    say(console, "It holds images of MIMIC-CXR: under its data use agreement, do not share the file.")


def _passed_over(images: dict[str, str], console: Console) -> None:
    if images:
        say(console, f"Normal images that were passed over: {len(images)}.")
    for path, why in images.items():
        say(console, f"  {path}: {why}")


def _show(args: argparse.Namespace) -> None:
    """Draw a pool."""
    prepare(None)
    from rich.console import Console

    from harness.errors import HarnessError
    from plugins.attributors.medfocus.draw_pool import draw_pool
    from plugins.attributors.medfocus.references import DEFAULT_POOL, load_pool

    path = args.pool or DEFAULT_POOL
    output = args.output or Path(f"{path.stem}.png")
    if output.suffix.lower() != ".png" or output.is_dir() or not output.parent.is_dir():
        raise HarnessError(f"The picture is a PNG in a folder that exists; give --output another name than {output}.")
    pool = load_pool(path)
    try:
        draw_pool(pool).save(output)
    except OSError as error:
        raise HarnessError(f"The picture {output} cannot be written: {error.strerror or error}.") from error
    say(Console(), f"{output}: {pool.origin}.")
