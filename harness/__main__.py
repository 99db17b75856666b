"""``python -m harness`` is the ``harness`` command."""

from __future__ import annotations

import os
import sys


def _forget_current_folder() -> None:
    """Take the current folder off the path, where ``-m`` has put it.

    The command ``harness`` does not have it there either, and a ``plugins/`` or ``numpy.py`` in it would be imported
    instead of the installed one. It stays where ``harness`` itself comes from it: a checkout that is not installed.
    """
    # Python 3.10 has no safe_path, and -I alone keeps the folder off its path.
    added = not (getattr(sys.flags, "safe_path", False) or sys.flags.isolated)
    home = __file__.rsplit(os.sep, 2)[0]
    if added and sys.path and os.path.realpath(sys.path[0]) == os.path.realpath("") != os.path.realpath(home):
        del sys.path[0]


if __name__ == "__main__":
    _forget_current_folder()  # before anything is imported from outside of the standard library

    from harness.cli.main import main

    sys.exit(main())
