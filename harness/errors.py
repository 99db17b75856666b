"""The exceptions that users are meant to read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from harness.text import plain

_LONGEST = 300


class HarnessError(Exception):
    """Bad input or a bad environment: one sentence that names the thing, the fault and the remedy.

    The command line prints the message alone (no traceback) and exits with status 2. IPython prints it alone too.
    """

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback."""
        return [plain(f"{type(self).__name__}: {self}")]


class NotApplicable(HarnessError):
    """A method can say nothing on this model, and why. No zero: the result counts in no mean, and costs the rank."""


class RunError(HarnessError):
    """A fault that ends a whole run, not one sample of it: no memory, no disk, weights that do not load."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> HarnessError:
    """An error for a name that is not known, which suggests the nearest known one."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}."
    return HarnessError(f"No {kind} is named {name!r}; {hint}")


def one_line(error: BaseException) -> str:
    """An error in one line that does not depend on where in memory things lie, 300 characters at most."""
    try:
        text = str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"
    except Exception:
        text = f"{type(error).__name__}, which cannot say what it is about"
    return re.sub(r"0x[0-9a-fA-F]{6,}", "0x...", plain(text))[:_LONGEST]
