"""``harness leaderboard``: rank the methods of finished runs, publish a board, verify a folder.

Imports nothing heavy before it runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError
from harness.text import beside, say

if TYPE_CHECKING:
    from rich.console import Console

    from leaderboard.verifying.found import Verification
    from leaderboard.verifying.statement import Statement

PUBLISH, VERIFY = "publish", "verify"
TO = Path("leaderboard")  # where `publish` writes unless told otherwise


def add_parser(subparsers: Any) -> None:
    """Add ``leaderboard``."""
    parser = subparsers.add_parser(
        "leaderboard",
        help="rank the methods of one or more runs, as tables, Markdown or a page",
        usage="harness leaderboard [publish | verify] DIR [DIR ...] [options]",
        description="Rank attribution methods from the journals of one or more runs of `harness eval`. Runs "
        "that differ in what could change a figure are refused: records, seed, scoring, or the options, code or "
        "weights of a plugin that both use. `verify` computes again what can be computed here and exits with 0 where "
        "all is what the folders claim, with 1 where something is not, and with 3 where nothing is wrong so far as it "
        "could be checked, after a list of what could not. `publish` verifies the runs, refuses what is wrong, and "
        "writes the board in all forms, with what was verified and what was not. A folder of one of these names is "
        "./publish.",
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
    parser.add_argument(
        "--replay", type=_count, metavar="N",
        help="publish, verify: explain N records of each run anew, chosen at random, and compare what comes out",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=_count, metavar="S", help="publish, verify: which records --replay chooses (default: 0)"
    )
    parser.add_argument(
        "--unverified", action="store_true",
        help="publish: write the board without verifying the runs, which it says",
    )  # fmt: skip
    parser.set_defaults(run=run)


def _count(text: str) -> int:
    if (value := int(text)) < 0:
        raise ValueError(text)
    return value


def run(args: argparse.Namespace) -> int:
    """Show the tables and write them where asked; or publish, or verify. Returns the exit status."""
    from rich.console import Console

    console = Console()
    action = args.words[0] if args.words[0] in (PUBLISH, VERIFY) else None
    folders = [Path(word) for word in (args.words[1:] if action else args.words)]
    if not folders:
        raise HarnessError(f"Say which folder to {action}: `harness leaderboard {action} DIR`.")
    _check_arguments(args, action)
    _check_outputs(args, action)
    if action == VERIFY:
        return worst(_verified(folders, args, console))
    statement = None
    if action == PUBLISH:
        from leaderboard.verifying.found import WRONG
        from leaderboard.verifying.statement import NOT_VERIFIED
        from leaderboard.verifying.statement import statement as statement_of

        found = [] if args.unverified else _verified(folders, args, console)
        if worst(found) == WRONG:
            say(console, "Nothing was published: give --unverified to publish it as not verified.", "red")
            return WRONG
        sanity = ["The column Sanity is what the file of --sanity says."] if args.sanity is not None else []
        statement = NOT_VERIFIED if args.unverified else statement_of(found, sanity)
    _make(folders, args, action, console, statement)
    return 0


def worst(found: Sequence[Verification]) -> int:
    """The exit status of several folders: wrong, where one is; unchecked, where something of one is."""
    from leaderboard.verifying.found import RIGHT, WRONG

    statuses = {one.status for one in found}
    return WRONG if WRONG in statuses else max(statuses, default=RIGHT)


def _check_arguments(args: argparse.Namespace, action: str | None) -> None:
    """Raise ``HarnessError`` for an argument that would be passed over in silence."""
    published = {"--to": args.to, "--name": args.name, "--unverified": args.unverified}
    checked = {
        "--bench": args.bench, "--data-root": args.data_root, "--replay": args.replay is not None,
        "--seed": args.seed is not None,
    }  # fmt: skip
    shown = {"--output": args.output, "--private-images": args.private_images}
    ranked = {"--rank-by": args.rank_by, "--sanity": args.sanity}
    useless = {None: published | checked, VERIFY: published | shown | ranked, PUBLISH: shown}[action]
    for name, value in useless.items():
        if value:
            command = " ".join(filter(None, ("harness leaderboard", action)))
            raise HarnessError(f"`{command}` takes no {name} (see `harness leaderboard --help`).")
    if args.unverified and (given := next((name for name, value in checked.items() if value), None)):
        raise HarnessError(f"{given} says how to verify, and --unverified not to: give one of them.")
    if args.seed is not None and args.replay is None:
        raise HarnessError("--seed says which records --replay N explains anew: give that too.")


def _check_outputs(args: argparse.Namespace, action: str | None) -> None:
    """Raise ``HarnessError`` where nothing can be written: before anything is read, which may take minutes."""
    from leaderboard.publish import check_folder, check_output

    for path in args.output:
        check_output(path)
    if action == PUBLISH:
        check_folder(args.to or TO)


def _make(
    folders: Sequence[Path], args: argparse.Namespace, action: str | None, console: Console, said: Statement | None
) -> None:
    from harness.sanity.report import read_report
    from leaderboard.board import make_board
    from leaderboard.publish import publish, write
    from leaderboard.render.console import show
    from leaderboard.sanity import with_sanity

    report = read_report(args.sanity) if args.sanity is not None else None
    board = replace(make_board(folders, args.rank_by), statement=said)
    if report is not None:
        board = with_sanity(board, report)
    paths = args.output
    for path in paths:
        write(board, path, args.private_images)
    if action == PUBLISH:
        paths = publish(board, args.to or TO, args.name)
    show(board, console)  # after the files: who reads the tables may stop listening (`| head`)
    for path in paths:
        say(beside(console), f"Written to {path}")


def _verified(folders: Sequence[Path], args: argparse.Namespace, console: Console) -> list[Verification]:
    """What was found out about each folder, which is said."""
    from harness.registry import Registry
    from leaderboard.verify import verify
    from leaderboard.verifying.found import RIGHT, WRONG

    registry, every = Registry.discover(), []
    for folder in folders:
        found = verify(folder, registry, args.bench, args.data_root, args.replay or 0, args.seed or 0)
        every.append(found)
        for sentence in found.told:
            say(console, f"{folder}: {sentence}")
        for sentence in found.unchecked:
            say(console, f"{folder}: not checked: {sentence}", "yellow")
        for sentence in found.sentences:
            say(console, f"{folder}: {sentence}", "red")
        if found.status != WRONG:
            so_far = "" if found.status == RIGHT else ", so far as they could be checked"
            say(console, f"{folder}: its {found.results} results are what it claims{so_far}.")
    return every

