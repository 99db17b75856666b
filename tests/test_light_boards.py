"""Boards need neither torch nor its like."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import toys
from evaluating import toy_run

NAMES = ["good", "map", "answers-only"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the toys that measures a metric which asks the model, and keeps maps and pictures."""
    folder = tmp_path_factory.mktemp("any")
    toys.bench(folder / "bench", indices=(0, 1, 2, 4, 5))
    settings: dict[str, Any] = {"bench": folder / "bench", "keep_maps": True, "gallery": 4}
    toy_run(folder / "out", NAMES, metrics=["deletion"], **settings)
    return folder


HEAVY = ("torch", "torchvision", "transformers", "datasets", "matplotlib", "ot", "segment_anything", "safetensors")


BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError("blocked: " + name, name=name)
sys.meta_path.insert(0, Blocked())
from harness.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def light(folder: Path) -> Iterator[Any]:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        script = BLOCKED.replace("{names}", repr(set(HEAVY)))
        return subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, timeout=120)

    yield run


def test_boards_need_nothing_heavy(folder: Path, tmp_path: Path, light: Any) -> None:
    out, bench, target = str(folder / "out"), str(folder / "bench"), tmp_path / "to"
    shown = light("leaderboard", out, "--rank-by", "deletion", "--output", str(tmp_path / "board.html"))
    assert shown.returncode == 0 and "Deletion" in shown.stdout, shown.stderr
    checked = light("leaderboard", "verify", out, "--bench", bench)
    assert checked.returncode == 3 and "its 30 results are what it claims" in checked.stdout, checked
    published = light("leaderboard", "publish", out, "--bench", bench, "--to", str(target))
    assert published.returncode == 0 and len(list(target.iterdir())) == 4, published
