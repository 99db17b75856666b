"""The ``harness`` command: its parser, its subcommands and its exit statuses.

Subcommands of the core stand beside what they start; others come from entry points of group ``harness.commands``,
each a function ``add_parser(subparsers)`` that sets ``run``, a callable of the parsed arguments, by
``set_defaults``. Nothing heavy is imported before a subcommand runs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import Any, NoReturn

from harness.building import command as build
from harness.cli import eval as evaluate
from harness.cli import plugins, sources
from harness.errors import HarnessError, unknown_name
from harness.explaining import command as explain
from harness.flags import INTERRUPTED
from harness.sanity import command as sanity
from harness.shipped import OWN, check_not_hidden

GROUP = "harness.commands"
USER_ERROR = 2

_EPILOG = """\
start here:
  harness plugins                                   what is installed
  harness eval --attributor medfocus                rate a method on the embedded benchmark
  harness build --limit 12                          make a benchmark anew, here of the embedded phantoms
  harness explain chest.png --question "Is there evidence of cardiomegaly in the image?"
  harness sources check --data-root DIR             which data sets of yours are complete
"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors read like all others of the harness: one line, exit status 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments, and where help is."""
        self.exit(USER_ERROR, f"harness: {' '.join(message.split())} (see `{self.prog} --help`)\n")


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        try:
            number = version(OWN)
        except PackageNotFoundError:
            number = "(not installed)"
        print(f"harness {number}")
        parser.exit()


def build_parser(others: bool = True) -> Parser:
    """The parser of the whole command, with the subcommands of all installed distributions, or without ``others``'."""
    parser = Parser(
        prog="harness",
        description="Does an attribution method point at the evidence that a chest X-ray model really used?",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    broken: list[tuple[str, str, str]] = []
    evaluate.add_parser(subparsers)
    explain.add_parser(subparsers)
    build.add_parser(subparsers)
    sanity.add_parser(subparsers)
    plugins.add_parser(subparsers, broken)
    sources.add_parser(subparsers)
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        if not others and not (entry.dist and entry.dist.name == OWN):
            continue
        try:
            _add(entry.load(), subparsers)
        except (Exception, SystemExit) as error:
            origin = entry.dist.name if entry.dist else "(unknown)"
            text = " ".join(str(error).split())
            broken.append((f"command {entry.name}", origin, f"{type(error).__name__}: {text}"[:300]))
    return parser


def _add(add_parser: Any, subparsers: Any) -> None:
    """Add another distribution's subcommands, or raise and leave the parser as it was."""
    trial = Parser(prog="harness").add_subparsers()
    add_parser(trial)
    for name, subparser in trial.choices.items():
        if name in subparsers.choices:
            raise ValueError(f"there is a command {name!r} already")
        if not callable(subparser.get_default("run")):
            raise TypeError(f"the command {name!r} has no set_defaults(run=...)")
    add_parser(subparsers)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit status: 0 done, 1 partly failed, 2 user error, 130 interrupted."""
    try:
        arguments = list(sys.argv[1:] if argv is None else argv)
        check_not_hidden()
        parser = build_parser()
        _check_command(parser, arguments)
        args = parser.parse_args(arguments)
        if not hasattr(args, "run"):
            parser.print_help(sys.stderr)
            return USER_ERROR
        status = args.run(args)
        sys.stdout.flush()
        return int(status or 0)
    except HarnessError as error:
        print(f"harness: {' '.join(str(error).split())}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("harness: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has gone (`harness plugins | head`); keep Python's flush at exit from complaining.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _check_command(parser: Parser, arguments: Sequence[str]) -> None:
    """Raise ``HarnessError`` with a suggestion where the first argument is no command."""
    known = next(action.choices for action in parser._actions if isinstance(action.choices, dict))
    if arguments and not arguments[0].startswith("-") and arguments[0] not in known:
        raise unknown_name("command", arguments[0], known)
