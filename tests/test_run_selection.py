"""Which records a run explains: limits, models, modes, the shipped benchmark; and what it refuses."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import toys
from evaluating import evaluate
from rich.console import Console
from toys import ToySource

from harness.errors import HarnessError
from harness.evaluating.loop import Ended
from harness.run.journal_reading import read_journal
from harness.run.subset import thin

NAMES = ("good", "map", "traces")


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    return toys.bench(tmp_path / "bench")


def run(bench: Path, output: Path, attributors: Sequence[str] = NAMES, **settings: Any) -> Ended:
    return evaluate(toys.registry(), attributors, **{"bench": bench, "output": output, **settings})


def rows(folder: Path, **want: Any) -> list[dict[str, Any]]:
    return [r for r in read_journal(folder)[1] if all(r[name] == value for name, value in want.items())]


def test_aliases_and_models_asked_for(bench: Path, tmp_path: Path) -> None:
    toys.bench(bench, ("toy_1b", "black-box"))
    run(bench, tmp_path / "out", ("answers-only",), models=["toy"])
    assert {row["model"] for row in rows(tmp_path / "out")} == {"toy"}
    with pytest.raises(HarnessError, match="no records of the model 'no-weights'"):
        run(bench, tmp_path / "x", models=["no-weights"])
    toys.bench(bench, ("toy_1b", "toy"))
    with pytest.raises(HarnessError, match="two direct records of sample 0"):
        run(bench, tmp_path / "x")


def test_user_errors(bench: Path, tmp_path: Path) -> None:
    cases: list[tuple[str, dict[str, Any]]] = [
        ("No attributor is named 'god'; did you mean 'good'", {"attributors": ["god"]}),
        ("Say which method to rate by --attributor NAME; installed: answers-only, bad", {"attributors": []}),
        ("The setting 'limit' cannot be -1: input should be greater than or equal to 0", {"limit": -1}),
        ("option for 'traces'", {"attributors": ["good"], "options": ["traces.x=1"]}),
        ("no mode was given", {"modes": []}),
    ]
    for message, settings in cases:
        with pytest.raises(HarnessError, match=message):
            run(bench, tmp_path / "out", **settings)
    with pytest.raises(HarnessError, match="No installed source ships a benchmark"):
        evaluate(toys.registry(), ["good"], output=tmp_path / "out")
    toys.write_records(bench, [toys.record(99)])
    with pytest.raises(HarnessError, match="no sample 99"):
        run(bench, tmp_path / "out")
    toys.write_records(bench, [])
    with pytest.raises(HarnessError, match="no records in the mode direct or reasoning"):
        run(bench, tmp_path / "out")
    toys.write_records(bench, [toys.record(0, dataset="tiy")])
    with pytest.raises(HarnessError, match="No source is named 'tiy'"):
        run(bench, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_source_that_fails_is_named(bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops")

    for method, message in (("samples", "'toy' failed"), ("__init__", "'toy' cannot be set up")):
        monkeypatch.setattr(ToySource, method, fail)
        with pytest.raises(HarnessError, match=f"The source {message}: ZeroDivisionError: oops"):
            run(bench, tmp_path / "out")


def test_the_shipped_benchmark_is_the_default(bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToySource, "bench", bench)
    result = evaluate(toys.registry(), ["good"], output=tmp_path / "out", console=Console(file=io.StringIO()))
    assert result.finished == 8


@pytest.mark.parametrize(
    ("sizes", "limit", "takes"),
    [
        ((10, 10, 10, 10), 8, [2, 2, 2, 2]),
        ((1, 10, 10), 9, [1, 4, 4]),
        ((3, 3), 100, [3, 3]),
        ((5, 5), 1, [0, 1]),
    ],
)
def test_a_limit_is_spread_evenly(sizes: tuple[int, ...], limit: int, takes: list[int]) -> None:
    groups: Any = {name: [f"{name}{i}" for i in range(size)] for name, size in zip("abcd", sizes, strict=False)}
    thinned = thin(groups, limit)
    assert [len(rows) for rows in thinned.values()] == takes and list(thinned) == list(groups)
    for name, kept in thinned.items():
        assert len(set(kept)) == len(kept) and kept == sorted(kept) and set(kept) <= set(groups[name])
    if takes == [2, 2, 2, 2]:
        assert thinned["a"] == ["a0", "a8"]  # type: ignore[index, comparison-overlap]


def test_a_subset_is_announced(bench: Path, tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=200)
    assert run(bench, tmp_path / "out", limit=4, console=console).finished == 12
    assert "A subset: 4 of 8 records" in console.file.getvalue()  # type: ignore[attr-defined]
    counts = Counter(row["mode"] for row in rows(tmp_path / "out", attributor="good"))
    assert counts == {"direct": 2, "reasoning": 2}


def test_a_mode_without_a_file_is_left_out_and_announced(bench: Path, tmp_path: Path) -> None:
    (bench / "reasoning.json").unlink()
    console = Console(file=io.StringIO(), width=200)
    assert run(bench, tmp_path / "out", ("good",), console=console).total == 4
    assert "no reasoning.json: that mode is left out" in console.file.getvalue()  # type: ignore[attr-defined]
    header = read_journal(tmp_path / "out")[0]
    assert list(header["planned"]) == list(header["bench"]) == ["direct"]
