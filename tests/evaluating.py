"""Runs for tests: the settings as keyword arguments, all records unless a test limits them, and nothing printed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from harness.registry import Registry
from harness.run.loop import Ended, run
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
