"""The world of the tests of the command line: its toys are all that is installed, and the working folder is empty."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from commands import ToyModel, ToyPlugin
from PIL import Image

import harness.cli.main
from harness.evaluating import loop
from harness.registry import Registry
from harness.run.settings import RunSettings


@pytest.fixture
def toy_plugin() -> ToyPlugin:
    """The one plugin."""
    return ToyPlugin()


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, toy_plugin: ToyPlugin) -> Registry:
    """The toys are all that is installed, and the working folder is empty."""
    registry = Registry([toy_plugin])
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls: registry))
    monkeypatch.setattr(harness.cli.main, "entry_points", lambda group: [])
    monkeypatch.setattr(ToyModel, "loaded", 0)
    # So that what the command sets is undone after the test.
    for variable, value in (("TRANSFORMERS_VERBOSITY", "error"), ("TOKENIZERS_PARALLELISM", "false")):
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.chdir(tmp_path)
    return registry


@pytest.fixture
def film(tmp_path: Path) -> str:
    """A picture of 300 x 400 pixels."""
    Image.fromarray(np.full((400, 300, 3), 128, np.uint8)).save(tmp_path / "film.png")
    return "film.png"


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A stand-in for the run: the ``settings`` it got, and what it ``returns``."""
    seen = SimpleNamespace(settings=[], finished=3, failed=0, interrupted=False)

    def run(registry: Registry, settings: RunSettings, console: Any) -> loop.Ended:
        seen.settings.append(settings)
        return loop.Ended(settings.output, seen.finished, seen.failed, seen.interrupted, total=9, not_applicable=0)

    monkeypatch.setattr(loop, "run", run)
    return seen
