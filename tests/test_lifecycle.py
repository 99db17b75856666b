"""The hooks by which a plugin follows a run: what they get, and that nothing they do reaches the results."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import toys
from evaluating import evaluate
from rich.console import Console

from harness.hookspecs import hookimpl
from harness.registry import Registry
from harness.run.journal_reading import read_journal


class Tracker:
    """Notes what it is told, and then does what it should not."""

    def __init__(self, then: Callable[[dict[str, Any]], None] = lambda fact: None) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.then = then

    @hookimpl
    def run_started(self, folder: Path, header: dict[str, Any], done: int) -> None:
        self.heard.append(("started", (header["attributors"], done)))
        self.then(header)

    @hookimpl
    def sample_scored(self, folder: Path, row: dict[str, Any]) -> None:
        self.heard.append(("scored", row["index"]))
        self.then(row)


def run(folder: Path, *trackers: Tracker, **changes: Any) -> str:
    """What the console shows of a run in which the trackers listen."""
    toys.registry()
    console = Console(file=io.StringIO(), width=200)
    arguments: dict[str, Any] = {
        "attributors": ["good", "traces"], "models": ["toy"], "modes": ["direct"], "bench": folder / "bench",
        "output": folder / "out", "console": console,
    }  # fmt: skip
    evaluate(Registry(toys.world(*trackers)), **arguments | changes)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    toys.bench(tmp_path / "bench", indices=range(3))
    return tmp_path


def test_a_tracker_hears_of_the_start_and_of_every_row_in_order(folder: Path) -> None:
    first, second = Tracker(), Tracker()
    run(folder, first, limit=2)
    assert first.heard[0] == ("started", (["good", "traces"], 0)) and len(first.heard) == 1 + 4
    assert [index for _, index in first.heard[1:]] == [row["index"] for row in read_journal(folder / "out")[1]]
    run(folder, second, limit=2)
    assert second.heard == [("started", (["good", "traces"], 4))]  # they were there already


def test_what_a_tracker_does_to_its_copies_reaches_nobody(folder: Path) -> None:
    def meddle(fact: dict[str, Any]) -> None:
        for value in fact.values():
            if isinstance(value, list):
                value.clear()
        fact.clear()
        fact["iou"] = 1.0

    run(folder, output=folder / "plain")
    other = Tracker()
    run(folder, Tracker(meddle), other)
    assert (folder / "out" / "journal.jsonl").read_bytes() == (folder / "plain" / "journal.jsonl").read_bytes()
    assert other.heard[0] == ("started", (["good", "traces"], 0)) and len(other.heard) == 7


@pytest.mark.parametrize("error", [OSError("no [bold]network"), SystemExit(3)])
def test_a_tracker_that_raises_is_named_once_and_harms_nothing(folder: Path, error: BaseException) -> None:
    def fail(fact: dict[str, Any]) -> None:
        raise error

    bad, good = Tracker(fail), Tracker()
    run(folder, output=folder / "plain")
    text = run(folder, bad, good)
    assert (folder / "out" / "journal.jsonl").read_bytes() == (folder / "plain" / "journal.jsonl").read_bytes()
    assert len(bad.heard) == len(good.heard) == 7  # it is told of the next row nevertheless
    assert text.count(f"{type(error).__name__}: {error}") == 2  # the number alone may be in an address too
    assert "failed in run_started" in text and "failed in sample_scored" in text
