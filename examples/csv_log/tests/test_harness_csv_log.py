import csv
import io
from pathlib import Path
from typing import Any

import harness_csv_log
from rich.console import Console

from harness import Registry


def row(index: int, iou: float | None) -> dict[str, Any]:
    return {
        "source": "toy", "index": index, "model": "m", "mode": "direct", "attributor": "a",
        "status": "ok" if iou is not None else "not_applicable", "metrics": {} if iou is None else {"iou": iou},
    }  # fmt: skip


def test_a_line_for_each_row_and_a_resumed_run_goes_on(tmp_path: Path) -> None:
    registry, console = Registry([harness_csv_log]), Console(file=io.StringIO(), width=200)
    registry.run_started(tmp_path, {}, 0, console)
    registry.sample_scored(tmp_path, row(0, 0.2), console)
    registry.sample_scored(tmp_path, row(1, 0.4), console)
    registry.run_started(tmp_path, {}, 2, console)
    registry.sample_scored(tmp_path, row(2, None), console)
    registry.run_finished(tmp_path, console)
    lines = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert [line["mean_iou"] for line in lines] == ["0.2", "0.3", ""]
    assert [line["status"] for line in lines] == ["ok", "ok", "not_applicable"]
    assert "Logged to" in console.file.getvalue() and not registry.broken
    registry.run_started(tmp_path, {}, 0, console)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 1
