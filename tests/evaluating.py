"""Runs for tests: the settings as keyword arguments, all records unless a test limits them, and nothing printed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import toys
from rich.console import Console

from harness.evaluating.loop import Ended, run
from harness.registry import Registry
from harness.run.settings import RunSettings


def evaluate(
    registry: Registry,
    attributors: Sequence[str],
    *,
    limit: int | None = None,
    console: Console | None = None,
    **settings: Any,
) -> Ended:
    """Run with these settings; ``limit`` None for all records."""
    given = {name: value for name, value in settings.items() if value is not None}
    chosen = RunSettings.of({"attributors": list(attributors), "limit": limit or 0, **given})
    return run(registry, chosen, console or Console(file=io.StringIO()))


def toy_run(output: Path, attributors: Sequence[str], *more: Any, **settings: Any) -> Ended:
    """A run of the toys; ``more``: plugin modules of a test."""
    return evaluate(toys.registry(*more), attributors, output=output, **settings)
