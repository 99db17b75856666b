"""How far a run is: a live bar on a terminal, a line for each stage elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.text import say

if TYPE_CHECKING:
    from rich.console import Console


class Progress:
    """A bar of ``total`` results, ``done`` of them there already, with what runs now and the time left."""

    def __init__(self, console: Console, total: int, done: int = 0) -> None:
        from rich import progress

        self._console = console
        self._bar = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(bar_width=None),
            progress.MofNCompleteColumn(),
            progress.TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total, completed=done)
        self._stage = ""

    def doing(self, what: str) -> None:
        """Say what runs now."""
        self._bar.update(self._task, description=what)
        stage = what.split(" · ")[0]
        if not self._console.is_terminal and stage != self._stage:
            say(self._console, stage)
        self._stage = stage

    def advance(self) -> None:
        """One more result is there."""
        self._bar.advance(self._task)

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
