"""Standard output, of which it is known afterwards whether all was written."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any, TextIO


class Output:
    """A file for text that remembers the fault with which it was written to, whoever caught that.

    ``fault``: why it cannot be written (a full disk, a reader that has gone); None where all is well.
    """

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.fault: OSError | None = None

    def write(self, text: str) -> int:
        """As the file's."""
        try:
            return self.file.write(text)
        except OSError as error:
            self.fault = error
            raise

    def flush(self) -> None:
        """As the file's."""
        try:
            self.file.flush()
        except OSError as error:
            self.fault = error
            raise

    def abandon(self) -> None:
        """Send what is left to nowhere, so that Python's flush at exit does not complain."""
        with suppress(OSError):  # a test's stand-in has no number
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)
