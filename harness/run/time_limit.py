"""A limit to how long one result may take, kept by the alarm clock of the operating system."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class TimeLimit(BaseException):
    """It took longer than was allowed. No ``Exception``, so that what a method catches of its own does not stop it."""


def can_limit() -> bool:
    """Whether a limit can be kept here: there is an alarm, and this is the thread that hears it."""
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise :class:`TimeLimit` where the block takes longer. None: no limit.

    The alarm is heard between two steps of Python: one call of a library is not broken off in its middle.
    """
    if seconds is None or not can_limit():
        yield
        return

    def ring(*_: Any) -> None:
        raise TimeLimit(f"It took longer than {seconds:g} s, which --timeout allows.")

    before = signal.signal(signal.SIGALRM, ring)
    # Rings again and again: a method that catches everything must not sleep on.
    signal.setitimer(signal.ITIMER_REAL, seconds, max(seconds, 1.0))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
