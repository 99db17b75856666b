"""``harness leaderboard``: rank the methods of finished runs, publish a board, verify a folder.

Imports nothing heavy before it runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError
from harness.text import beside, say

if TYPE_CHECKING:
    from rich.console import Console

PUBLISH, VERIFY = "publish", "verify"
WRONG = 1  # exit status where a folder does not hold what it claims


def add_parser(subparsers: Any) -> None:
    """Add ``leaderboard``."""
    parser = subparsers.add_parser(
        "leaderboard",
        help="rank the methods of one or more runs, as tables, Markdown or a page",
        usage="harness leaderboard [publish | verify] DIR [DIR ...] [options]",
        description="Rank attribution methods from the journals of one or more runs of `harness eval`. Runs "
        "that differ in records, seed, limit, or options or version of a plugin that both use, are refused. "
        "`publish` verifies the runs and writes the board in all forms; `verify` checks that each folder holds "
        "what it claims, and exits with 1 where one does not. A folder of one of these names is ./publish.",
        allow_abbrev=False,
    )
    parser.add_argument("words", nargs="+", metavar="DIR", help="output folder of a run")
    parser.add_argument(
        "--output", type=Path, action="append", default=[], metavar="FILE",
        help="also write the leaderboard to FILE, as its suffix says: .md, .csv, .json or .html; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--private-images", action="store_true",
        help="show in an .html --output also images of sources that are not declared free to share; "
        "such a page must not be published",
    )  # fmt: skip
    parser.add_argument(
        "--rank-by", metavar="NAME", help="the metric that ranks (default: the first that the runs measured)"
    )
    parser.add_argument(
        "--sanity", type=Path, metavar="FILE.json",
        help="show how far maps change when the model's weights are shuffled, as `harness sanity` wrote it",
    )  # fmt: skip
    parser.add_argument("--to", type=Path, metavar="DIR", help="publish: where to (default: leaderboard)")
    parser.add_argument("--name", metavar="NAME", help="publish: what the files are called (default: the sources)")
    parser.add_argument(
        "--bench", type=Path, metavar="DIR",
        help="publish, verify: folder of the benchmark's records (default: the embedded benchmark)",
    )  # fmt: skip
    parser.add_argument(
        "--data-root", type=Path, metavar="DIR",
        help="publish, verify: folder that holds the sources' data sets, to check the true boxes",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show the tables and write them where asked; or publish, or verify. Returns the exit status."""
    from rich.console import Console

    console = Console()
    action = args.words[0] if args.words[0] in (PUBLISH, VERIFY) else None
    folders = [Path(word) for word in (args.words[1:] if action else args.words)]
    if not folders:
        raise HarnessError(f"Say which folder to {action}: `harness leaderboard {action} DIR`.")
    _check_arguments(args, action)
    if action and not _verified(folders, args, console):
        return WRONG
    if action != VERIFY:
        _make(folders, args, action, console)
    return 0


def _check_arguments(args: argparse.Namespace, action: str | None) -> None:
    """Raise ``HarnessError`` for an argument that would be passed over in silence."""
    published = {"--to": args.to, "--name": args.name}
    checked = {"--bench": args.bench, "--data-root": args.data_root}
    shown = {"--output": args.output, "--private-images": args.private_images}
    ranked = {"--rank-by": args.rank_by, "--sanity": args.sanity}
    useless = {None: published | checked, VERIFY: published | shown | ranked, PUBLISH: shown}[action]
    for name, value in useless.items():
        if value:
            command = " ".join(filter(None, ("harness leaderboard", action)))
            raise HarnessError(f"`{command}` takes no {name} (see `harness leaderboard --help`).")


def _make(folders: Sequence[Path], args: argparse.Namespace, action: str | None, console: Console) -> None:
    from harness.sanity.report import read_report
    from leaderboard.board import make_board
    from leaderboard.publish import publish, write
    from leaderboard.render.console import show
    from leaderboard.sanity import with_sanity

    board = make_board(folders, args.rank_by)
    if args.sanity is not None:
        board = with_sanity(board, read_report(args.sanity))
    paths = args.output
    for path in paths:
        write(board, path, args.private_images)
    if action == PUBLISH:
        paths = publish(board, args.to or Path("leaderboard"), args.name)
    show(board, console)  # after the files: who reads the tables may stop listening (`| head`)
    for path in paths:
        say(beside(console), f"Written to {path}")


def _verified(folders: Sequence[Path], args: argparse.Namespace, console: Console) -> bool:
    """Say what is wrong with each folder, and what was not checked; whether nothing is wrong."""
    from harness.registry import Registry
    from leaderboard.verify import verify

    registry, good = Registry.discover(), True
    for folder in folders:
        found = verify(folder, registry, args.bench, args.data_root)
        for sentence in found.unchecked:
            say(console, f"{folder}: {sentence}", "yellow")
        for sentence in found.sentences:
            say(console, f"{folder}: {sentence}", "red")
        if found.sentences:
            good = False
        else:
            say(console, f"{folder}: its {found.results} results are what it claims.")
    return good

