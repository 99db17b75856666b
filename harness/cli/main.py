"""The ``harness`` command: its parser, its subcommands and its exit statuses.

Subcommands of the core stand beside what they start; others come from entry points of group ``harness.commands``,
each a function ``add_parser(subparsers)`` that sets ``run``, a callable of the parsed arguments, by
``set_defaults``. Nothing heavy is imported before a subcommand runs.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import Any

from harness.building import command as build
from harness.cli import eval as evaluate
from harness.cli import plugins, sources
from harness.cli.output import Output
from harness.cli.parser import USER_ERROR, Parser
from harness.errors import HarnessError, one_line, unknown_name
from harness.explaining import command as explain
from harness.flags import INTERRUPTED
from harness.sanity import command as sanity
from harness.shipped import OWN, check_not_hidden
from harness.text import plain

GROUP = "harness.commands"
FAILED = 1  # exit status

_EPILOG = """\
start here:
  harness plugins                                   what is installed
  harness eval --attributor medfocus                rate a method on the embedded benchmark
  harness build --limit 12                          make a benchmark anew, here of the embedded phantoms
  harness explain chest.png --question "Is there evidence of cardiomegaly in the image?"
  harness sources check --data-root DIR             which data sets of yours are complete
"""


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
            broken.append((f"command {entry.name}", origin, one_line(error)))
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
    arguments = list(sys.argv[1:] if argv is None else argv)
    output = Output(sys.stdout)
    with redirect_stdout(output):  # type: ignore[type-var]
        status = _ended(arguments, output)
        with suppress(OSError):
            output.flush()
    if output.fault is None:
        return status
    output.abandon()
    if isinstance(output.fault, BrokenPipeError):  # the reader has gone (`harness plugins | head`)
        return FAILED
    why = output.fault.strerror or output.fault
    return _say_why(output.fault, FAILED, arguments, f"Standard output cannot be written: {why}.")


def _ended(arguments: Sequence[str], output: Output) -> int:
    """Do what the arguments say, or say why not; the exit status."""
    try:
        return _run(arguments)
    except HarnessError as error:
        return _say_why(error, USER_ERROR, arguments)
    except KeyboardInterrupt as error:
        return _say_why(error, INTERRUPTED, arguments, "interrupted")
    except Exception as error:
        if error is output.fault:
            return FAILED
        text = f"This is a fault of the harness or of a plugin: {one_line(error).rstrip('.')}."
        hint = "" if "--debug" in arguments else " The same command with --debug prints the traceback."
        return _say_why(error, FAILED, arguments, text + hint)


def _run(arguments: Sequence[str]) -> int:
    """Parse the arguments and do what they say."""
    check_not_hidden()
    parser = build_parser()
    _check_command(parser, arguments)
    try:
        args = parser.parse_args(arguments)
    except SystemExit as leaving:  # after --help or --version, or for arguments that do not parse
        return int(leaving.code or 0)
    if not hasattr(args, "run"):
        parser.print_help(sys.stderr)
        return USER_ERROR
    return int(args.run(args) or 0)


def _say_why(error: BaseException, status: int, arguments: Sequence[str], text: str | None = None) -> int:
    """Say why a command ended, with the traceback where that was asked for; the status again."""
    if "--debug" in arguments:
        traceback.print_exception(error)
    print(f"harness: {plain(str(error) if text is None else text)}", file=sys.stderr)
    return status


def _check_command(parser: Parser, arguments: Sequence[str]) -> None:
    """Raise ``HarnessError`` with a suggestion where the first argument is no command."""
    known = next(action.choices for action in parser._actions if isinstance(action.choices, dict))
    word = next(iter(word for word in arguments if word != "--debug"), "-")
    if not word.startswith("-") and word not in known:
        raise unknown_name("command", word, known)
