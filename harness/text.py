"""Text that others wrote (models, annotators, files, exceptions), made fit to be shown or kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

LONGEST = 20_000
"""Characters of one piece of text that are shown: more than any sentence, cell or command line of ours has."""
# Letters and marks that show nothing, which Unicode does not count as formatting.
_INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
# Of Unicode's formatting characters (category Cf) those that have to do with text: zero-width ones, and those that turn
# its direction. Tags, and those of music, are not printable either.
_HIDDEN = re.compile(f"[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff{_INVISIBLE}]")


def plain(text: str, longest: int = LONGEST, lines: bool = False) -> str:
    """Text as it may be printed anywhere: a terminal, Markdown, a page, a spreadsheet.

    It has no control character, none that turns the direction of what follows or shows nothing, and no half of a
    character: so that it cannot steer a terminal, show other words than it holds, or fail to be written. It is no
    longer than ``longest``. ``lines``: spaces and line breaks stay as they are, as in a model's answer; otherwise it
    becomes one line.
    """
    shown = text[: 20 * longest]  # before the work, since it may be of any length
    shown = _HIDDEN.sub("", shown.replace("\r\n", "\n"))
    shown = "".join(c if c.isprintable() or (lines and c == "\n") else " " for c in shown)
    return (shown if lines else " ".join(shown.split()))[:longest]


def writable(text: str) -> str:
    """A text that a journal can hold: halves of characters, which UTF-8 has no bytes for, become escapes."""
    return text.encode(errors="backslashreplace").decode()


def say(console: Console, text: str, style: str = "", wrap: bool = False) -> None:
    """Print a sentence, whole, so that a path or a command in it can be copied; or else ``wrap`` it between words."""
    shown = plain(text, lines=True).replace("\n", " ")
    console.print(shown, style=style, markup=False, highlight=False, soft_wrap=not wrap)


def beside(console: Console) -> Console:
    """Where to say what is no result of a command, beside a console that shows its results.

    It is standard error where that is standard output, so that ``harness eval > table.txt`` holds the table alone; else
    the console itself, which the caller gave, or which records what is printed.
    """
    import sys

    from rich.console import Console

    return Console(stderr=True) if console.file is sys.stdout and not console.record else console
