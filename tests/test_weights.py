"""The identity of weights: what changes it, what it is kept with, and who is refused for it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import toys
from evaluating import evaluate
from rich.console import Console

from harness.errors import HarnessError
from harness.registry import Registry
from harness.run import weights
from harness.run.journal_reading import read_journal
from harness.run.weights import identities, identity
from leaderboard.board import make_board
from leaderboard.render.markdown import render
from plugins import checkpoint
from plugins.attributors.medfocus.medfocus import MedFocus
from plugins.attributors.medfocus.references import DEFAULT_POOL
from plugins.models.gemma3 import Gemma3_4B, PhantomGemma3

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_a_folder_is_what_its_files_hold_and_are_called(tmp_path: Path) -> None:
    folder, other = tmp_path / "a", tmp_path / "b"
    for place in (folder, other):
        place.mkdir()
        (place / "model.safetensors").write_bytes(b"weights")
        (place / "config.json").write_bytes(b"{}")
    before = identity(folder)
    assert before == identity(other) and str(before).startswith("sha256:") and len(str(before)) == 71
    (folder / ".git").write_bytes(b"hidden")
    (folder / "runs").mkdir()
    assert identity(folder) == before
    (folder / "model.safetensors").write_bytes(b"Weights")
    assert identity(folder) != before
    (other / "config.json").rename(other / "konfig.json")
    assert identity(other) != before
    assert identity(tmp_path / "none") is None
    assert set(identities([folder, other, tmp_path / "x" / "a"])) == {"a", "b", "a'"}


def test_a_hub_snapshot_is_its_commit(tmp_path: Path) -> None:
    folder = tmp_path / "models--google--gemma-3-4b-it" / "snapshots" / COMMIT / "unet"
    folder.mkdir(parents=True)
    assert identities([folder]) == {"google/gemma-3-4b-it": f"commit:{COMMIT}"}
    assert str(identity(tmp_path / "snapshots" / COMMIT[1:])) == "None"


def test_a_large_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "_LARGE", 4)
    hashed: list[Path] = []
    whole = weights._hash_blocks

    def counting(path: Path) -> str:
        hashed.append(path)
        return whole(path)

    monkeypatch.setattr(weights, "_hash_blocks", counting)
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    first = identity(path)
    assert identity(path) == first and len(hashed) == 1
    times = path.stat()
    path.write_bytes(b"Weights")  # of the same size and, below, of the same age
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert identity(path) != first and len(hashed) == 2


def test_hashing_loads_no_framework() -> None:
    code = (
        "import sys; from plugins.models.gemma3 import PhantomGemma3; from harness.run.weights import identities\n"
        "print(identities(PhantomGemma3().files()), {'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "phantom_gemma3" in done.stdout and done.stdout.strip().endswith("set()")


def test_what_the_plugins_compute_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [path.name for path in PhantomGemma3().files()] == ["phantom_gemma3"]
    assert MedFocus().files() == [DEFAULT_POOL]
    medsam = tmp_path / "medsam.pth"
    assert MedFocus(MedFocus.Options(medsam=medsam)).files() == [DEFAULT_POOL, medsam]
    assert MedFocus(MedFocus.Options(medsam=medsam, refine="none")).files() == [DEFAULT_POOL]
    asked = []

    def download(repository: str, file: str) -> str:
        asked.append((repository, file))
        if file != "config.json":
            raise FileNotFoundError(file)
        return str(tmp_path / "models--google--gemma-3-4b-it" / "snapshots" / COMMIT / file)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    checkpoint._snapshot.cache_clear()
    assert identities(Gemma3_4B().files()) == {"google/gemma-3-4b-it": f"commit:{COMMIT}"}
    assert checkpoint.pinned("google/gemma-3-4b-it", "unet") == {"revision": COMMIT}
    assert asked == [("google/gemma-3-4b-it", "config.json"), ("google/gemma-3-4b-it", "unet/config.json")]
    checkpoint._snapshot.cache_clear()


def test_a_hub_checkpoint_that_cannot_be_had_has_no_identity() -> None:
    checkpoint._snapshot.cache_clear()
    assert checkpoint.checkpoint_files("no-such-owner-here/model") == [] and not checkpoint.pinned("owner/none")


class Weighed(toys.Map):
    """A method with a file of its own."""

    name = "weighed"
    path: Path

    def files(self) -> Sequence[Path]:
        return [self.path]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bench, and a model and a method whose weights are files."""
    toys.bench(tmp_path / "bench", indices=(0, 1))
    for name in ("model.bin", "method.bin"):
        (tmp_path / name).write_bytes(b"weights")
    monkeypatch.setattr(toys.ToyModel, "files", lambda self: [tmp_path / "model.bin"])
    monkeypatch.setattr(Weighed, "path", tmp_path / "method.bin", raising=False)
    monkeypatch.setattr(toys, "attributors", toys.hookimpl(lambda: [toys.Good, Weighed]))
    return tmp_path


def run(world: Path, output: str, *names: str, **settings: Any) -> Path:
    evaluate(
        Registry(toys.world()), names or ("good", "weighed"), bench=world / "bench", output=world / output,
        console=Console(file=io.StringIO()), **settings,
    )  # fmt: skip
    return world / output


@pytest.mark.parametrize("what", ["model", "method"])
def test_a_run_does_not_go_on_with_other_weights(world: Path, what: str) -> None:
    out = run(world, "out")
    plugins = read_journal(out)[0]["plugins"]
    assert plugins["model"]["toy"]["weights"].keys() == {"model.bin"}
    assert plugins["attributor"]["weighed"]["weights"].keys() == {"method.bin"}
    assert plugins["attributor"]["good"]["weights"] == plugins["source"]["toy"]["weights"] == {}
    run(world, "out")
    (world / f"{what}.bin").write_bytes(b"trained anew")
    name = {"model": "model 'toy'", "method": "attributor 'weighed'"}[what]
    with pytest.raises(HarnessError, match=f"the weights of the {name} are not those.*{what}.bin.*--fresh"):
        run(world, "out")
    run(world, "out", fresh=True)


def test_a_board_does_not_mix_weights_and_shows_them(world: Path) -> None:
    first = run(world, "first", "good")
    (world / "model.bin").write_bytes(b"trained anew")
    second = run(world, "second", "weighed")
    with pytest.raises(HarnessError, match=r"cannot be compared \(model\.toy\.weights: "):
        make_board([first, second])
    board = make_board([second])
    for name, file in (("toy", "model.bin"), ("weighed", "method.bin")):
        assert f"| weights of {name} | {file} {identity(world / file)} |" in render(board).replace("\\", "")


def test_a_plugin_that_cannot_say_its_files_is_named(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toys.ToyModel, "files", lambda self: 1 / 0)
    with pytest.raises(HarnessError, match="'toy' cannot say whether all that it needs is there: ZeroDivisionError"):
        run(world, "out")
