"""How arguments are read: errors that say what to type instead, and ``--debug``, which every command takes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from harness.text import plain

USER_ERROR = 2  # exit status


class Parser(argparse.ArgumentParser):
    """A parser whose errors read like all others of the harness: one line, exit status 2."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        # Suppressed, so that a subcommand's does not take back what stood before the subcommand.
        self.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS,
            help="where an error ends the command, print its traceback too",
        )  # fmt: skip

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments, and where help is."""
        self.exit(USER_ERROR, f"harness: {plain(message)} (see `{self.prog} --help`)\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, but what is not known is refused here, where it is known which command it was typed for."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._advice(unknown))
        return found, unknown

    def _advice(self, unknown: Sequence[str]) -> str:
        """What is wrong with arguments that the command does not take, and what to type instead."""
        flags = [flag for flag in self._option_string_actions if flag.startswith("--")]
        said = f"unrecognized arguments: {' '.join(unknown)}"
        if unknown[0].startswith("-"):
            near = get_close_matches(unknown[0].partition("=")[0], flags, n=1)
            return f"{said}; did you mean {near[0]}?" if near else said
        meant = [_with_flag(word, flags) for word in unknown]
        return f"{said}; type `{self.prog} {' '.join(filter(None, meant))}`" if all(meant) else said


def _with_flag(word: str, flags: Sequence[str]) -> str | None:
    """A word with the flag that it belongs to, as it or nearly it is a plugin's name; None where it is none's."""
    from harness.registry import KINDS, Registry

    registry, (name, at, variant) = Registry.discover(), word.partition("@")
    for kind in KINDS:
        if f"--{kind}" in flags:
            names = {word: cls.name for cls in registry.all(kind) for word in (cls.name, *cls.aliases)}
            if near := get_close_matches(name, names, n=1, cutoff=0.7):
                return f"--{kind} {names[near[0]]}{at}{variant}"
    return None
