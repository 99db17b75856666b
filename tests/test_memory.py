"""Peak memory: measured anew for each result, kept beside the journal, shown where it was measured on a GPU."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import toys
from evaluating import evaluate
from rich.console import Console

from harness.contracts.attributor import Attribution
from harness.contracts.case import Case
from harness.run import memory
from leaderboard.board import make_board
from leaderboard.render.html import page
from leaderboard.render.markdown import render


class Cuda:
    """Two GPUs, of which the second has more in use each time, as torch tells of them."""

    def __init__(self) -> None:
        self.resets: list[int] = []

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return False

    def device_count(self) -> int:
        return 2

    def reset_peak_memory_stats(self, device: int) -> None:
        self.resets.append(device)

    def max_memory_allocated(self, device: int) -> int:
        return device * 10**8 * len(self.resets)


def run(folder: Path) -> list[dict[str, object]]:
    """What the timings say of the results."""
    toys.bench(folder / "bench", indices=(0, 1))
    evaluate(
        toys.registry(), ["good", "map"], modes=["direct"], bench=folder / "bench", output=folder / "out",
        console=Console(file=io.StringIO()),
    )  # fmt: skip
    lines = [json.loads(line) for line in (folder / "out" / "timings.jsonl").read_text().splitlines()]
    return [line for line in lines if line["stage"] == "attribute"]


def test_the_gpu_with_the_most_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = Cuda()
    torch = SimpleNamespace(cuda=cuda, __version__="0", default_generator=SimpleNamespace(manual_seed=lambda seed: 0))
    cuda.manual_seed_all = lambda seed: None  # type: ignore[attr-defined]
    cuda.get_device_name = lambda: "two"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    timed = run(tmp_path)
    assert [line["gpu_bytes"] for line in timed] == [k * 2 * 10**8 for k in (1, 2, 3, 4)]
    assert cuda.resets == [0, 1] * 4 and b"bytes" not in (tmp_path / "out" / "journal.jsonl").read_bytes()
    board = make_board([tmp_path / "out"])
    assert {score.attributor: score.gpu_bytes for score in board.tables[0].scores} == {"good": 6e8, "map": 8e8}
    text = render(board)
    assert "GPU GB" in page.render(board)
    assert "| GPU GB |" in text and "| 0.6 |" in text and "| 0.8 |" in text


def test_without_a_gpu_there_is_no_figure(tmp_path: Path) -> None:
    assert {line["gpu_bytes"] for line in run(tmp_path)} == {None}
    assert "GPU GB" not in render(make_board([tmp_path / "out"]))


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the resident peak")
def test_the_resident_peak_is_that_of_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def big(self: toys.Map, case: Case) -> Attribution:
        ones = np.ones(150 << 20, np.uint8)
        return Attribution(boxes=[toys.REGION], token_scores=[float(ones[0])])

    monkeypatch.setattr(toys.Map, "attribute", big)
    timed = run(tmp_path)
    sizes: dict[object, list[int]] = {"good": [], "map": []}
    for line in timed:
        sizes[line["attributor"]].append(int(str(line["host_bytes"])))
    assert min(sizes["map"]) - max(sizes["good"]) > 100 << 20  # the next small result does not inherit it


def test_where_the_peak_cannot_be_reset_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_CLEAR", tmp_path / "none" / "such")
    memory.reset_peaks()
    assert memory.peaks()["host_bytes"] is None
