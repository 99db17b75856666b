"""Runs of the toys (:mod:`toys`), with the built-in metrics, executor and observers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import toys
from rich.console import Console

from harness.registry import Registry
from harness.run.loop import Ended, run
from harness.run.settings import RunSettings
from leaderboard import plugin as leaderboard
from plugins import metrics
from plugins.executors import local
from plugins.observers import kept_maps


def registry(*more: Any) -> Registry:
    """All that takes part, with the toys' counters reset, and plugin modules of a test."""
    toys.registry()
    found = Registry([toys, metrics, local, kept_maps, leaderboard, *more])
    assert not found.broken, found.broken
    return found


def toy_run(output: Path, attributors: Sequence[str], *more: Any, **settings: Any) -> Ended:
    """Run; ``settings`` by their names, ``more``: plugin modules of a test."""
    values = {"attributors": list(attributors), "output": output} | settings
    return run(registry(*more), RunSettings.of(values), Console(file=io.StringIO()))
