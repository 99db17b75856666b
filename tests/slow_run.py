"""``harness eval`` with the toys in a process of its own, for tests that stop it: slow, and saying what is on the disk.

Run as ``python slow_run.py BENCH OUTPUT [ARGUMENT ...]``. Its arguments are those of ``harness eval``.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import toys

from harness.cli import main as cli
from harness.contracts.attributor import Attribution
from harness.contracts.case import Case
from harness.hookspecs import hookimpl
from harness.registry import Registry

ATTRIBUTE = toys.Map.attribute


class Announcer:
    """Says which row is on the disk."""

    @hookimpl
    def run_started(self, folder: Path, done: int) -> None:
        print(f"started with {done}", flush=True)

    @hookimpl
    def sample_scored(self, folder: Path, row: dict[str, Any]) -> None:
        print("scored", row["index"], row["mode"], row["attributor"], flush=True)

    @hookimpl
    def run_finished(self, folder: Path) -> None:
        print("reporting", flush=True)
        time.sleep(0.2)


def slowly(self: toys.Map, case: Case) -> Attribution:
    """As the toy does, later."""
    time.sleep(0.01)
    return ATTRIBUTE(self, case)


if __name__ == "__main__":
    sys.modules["torch"] = None  # type: ignore[assignment]  # the toys need none, and importing it takes seconds
    toys.Map.attribute = slowly  # type: ignore[method-assign]
    Registry.discover = classmethod(lambda cls: cls(toys.world(Announcer())))  # type: ignore[method-assign, assignment]
    bench, output, *rest = sys.argv[1:]
    words = ["--attributor", "map", "--attributor", "good", "--bench", bench, "--output", output]
    sys.exit(cli.main(["eval", *words, *rest]))
