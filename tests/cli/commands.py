"""A small world for tests of the command line, and how they call it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from pydantic import Field

import harness.cli.main
from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability, Model
from harness.contracts.plugin import NoOptions
from harness.hookspecs import hookimpl
from harness.imaging.frame import Box
from harness.testing.region import RegionModel

ROOT = Path(__file__).parents[2]
SOME = Box(9, 9, 99, 99)


class ToyModel(RegionModel):
    """The toy, with [red]markup[/red] in its summary."""

    name: ClassVar[str] = "toy"
    loaded: ClassVar[int] = 0

    def __init__(self, options: NoOptions | None = None) -> None:
        super().__init__()

    def load(self) -> None:
        type(self).loaded += 1

    def answer(self, image: np.ndarray, question: str) -> str:
        return f"asked {question!r}: yes"


class Mute(ToyModel):
    """A model that can be scored but not asked."""

    name: ClassVar[str] = "mute"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"score"})


class Halves(Attributor):
    """Says the left half of the frame."""

    name: ClassVar[str] = "halves"
    aliases: ClassVar[tuple[str, ...]] = ("half",)

    class Options(NoOptions):
        """Options."""

        share: float = Field(default=0.5, gt=0, lt=1, description="How much of the frame.")

    options: Options  # type: ignore[assignment]

    def attribute(self, case: Case) -> Attribution:
        case.score([case.image])
        box = case.content._replace(x1=case.content.x0 + self.options.share * 224)
        return Attribution(boxes=[box], concept="heart", concept_scores={"heart": 1.5, "left lung": 0.0})

    def notes(self, sources: Collection[str]) -> list[str]:
        return [f"halves: [tuned] on no more than {len(sources)} sources."]


class ToyPlugin:
    """Everything above; ``reported``: the folders of the runs that it was told of."""

    def __init__(self) -> None:
        self.reported: list[Path] = []

    @hookimpl
    def run_finished(self, folder: Path) -> None:
        self.reported.append(folder)

    @hookimpl
    def models(self) -> Sequence[type[Model]]:
        return [ToyModel, Mute]

    @hookimpl
    def attributors(self) -> Sequence[type[Attributor]]:
        return [Halves]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        status = harness.cli.main.main(arguments)
    except SystemExit as leaving:
        status = int(leaving.code or 0)
    out, err = capsys.readouterr()
    return status, out, err


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line on standard error of a command that is refused before any model is loaded."""
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "") and err.startswith("harness: ") and err.count("\n") == 1
    assert ToyModel.loaded == 0
    return err


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "COLUMNS": "80"}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, env=environment, timeout=120
    )
