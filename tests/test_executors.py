"""Whoever does the work, the journal is the same bytes; and a worker that dies takes little with it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import toys
from evaluating import evaluate

from harness.contracts.attributor import Attribution
from harness.contracts.case import Case
from harness.contracts.plugin import NoOptions
from harness.errors import HarnessError
from harness.evaluating.loop import Ended
from harness.hookspecs import hookimpl
from harness.run.journal_reading import read_journal
from plugins.executors import ray as ray_plugin
from plugins.executors.ray import _size

NAMES = ("map", "good", "traces", "bad", "mortal")


class Mortal(toys.Good):
    """Kills its process at one sample, as often as its option says."""

    name = "mortal"

    class Options(NoOptions):
        """When."""

        folder: Path = Path("nowhere")
        lives: int = 0

    options: Options  # type: ignore[assignment]

    def attribute(self, case: Case) -> Attribution:
        deaths = len(list(self.options.folder.glob("death-*")))
        if deaths < self.options.lives and case.seed == self.seed:
            (self.options.folder / f"death-{deaths}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().attribute(case)

    seed = 1672619863  # of sample 2, direct


@hookimpl
def attributors() -> list[type[toys.Attributor]]:
    return [Mortal]


def run(folder: Path, output: str, **settings: Any) -> Ended:
    registry = toys.registry(sys.modules[__name__], ray_plugin)
    return evaluate(
        registry, settings.pop("attributors", NAMES), bench=folder / "bench", output=folder / output, **settings
    )


def journal(folder: Path, output: str) -> bytes:
    return (folder / output / "journal.jsonl").read_bytes()


def test_the_local_executor_is_one_worker(tmp_path: Path) -> None:
    toys.bench(tmp_path / "bench", indices=(0,))
    assert run(tmp_path, "out", workers=1, attributors=["good"]).finished == 2
    with pytest.raises(HarnessError, match="give another by --executor NAME"):
        run(tmp_path, "other", workers=2, attributors=["good"])


def test_a_worker_has_a_gpu_where_there_are_any() -> None:
    assert [_size(*asked) for asked in ((None, 0), (3, 0), (None, 4), (2, 4))] == [(1, 0), (3, 0), (4, 1), (2, 1)]
    with pytest.raises(HarnessError, match="4 GPUs for 5 workers; give --workers 4"):
        _size(5, 4)


def test_ray_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toys.bench(tmp_path / "bench", indices=(0,))
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(HarnessError, match=r"pip install 'medground-harness\[ray\]'"):
        run(tmp_path, "out", executor="ray", attributors=["good"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bench and the journal of the local run."""
    folder = tmp_path_factory.mktemp("executors")
    toys.bench(folder / "bench", ("toy", "black-box"), range(6))
    run(folder, "local", gallery=8, keep_maps=True)
    return folder


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """Ray on this machine, started once for all tests."""
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'medground-harness[ray]'")
    path = str(Path(__file__).parent)  # where the workers find the toys
    ray.init(
        num_cpus=2, log_to_driver=False, logging_level="error", include_dashboard=False,
        runtime_env={"env_vars": {"PYTHONPATH": path}},
    )  # fmt: skip
    yield ray
    ray.shutdown()


def test_ray_gives_the_local_bytes(folder: Path, ray: Any) -> None:
    output = "ray"
    result = run(folder, output, executor="ray", workers=2, gallery=8, keep_maps=True)
    assert journal(folder, output) == journal(folder, "local")
    assert result.finished == result.total == 120 and not toys.ToyModel.loads  # not in this process
    for kept in ("gallery", "maps"):
        local, remote = ((folder / name / kept).iterdir() for name in ("local", output))
        files = {path.name: path.read_bytes() for path in local}
        assert files == {path.name: path.read_bytes() for path in remote} and files
    assert (folder / output / "timings.jsonl").read_text().count('"load"') == 2  # each loads a model once


def test_a_ray_run_goes_on_where_it_or_a_local_one_stopped(folder: Path, ray: Any) -> None:
    whole = journal(folder, "local")
    (folder / "resumed").mkdir()
    (folder / "resumed" / "journal.jsonl").write_bytes(whole[: len(whole) // 2])
    for _ in range(2):  # the second time there is nothing left to do
        run(folder, "resumed", executor="ray")
        assert journal(folder, "resumed") == whole


@pytest.mark.parametrize("lives", [1, 2])
def test_a_worker_that_dies_is_replaced_and_its_sample_tried_once_more(folder: Path, ray: Any, lives: int) -> None:
    place = folder / f"lives-{lives}"
    place.mkdir()
    options = [f"mortal.folder={place}", f"mortal.lives={lives}"]
    run(folder, f"mortal-{lives}", executor="ray", workers=1, options=options)
    assert len(list(place.glob("death-*"))) == lives
    failed = {}
    _, rows = read_journal(folder / f"mortal-{lives}")
    _, right = read_journal(folder / "local")
    for row, local in zip(rows, right, strict=True):
        if row != local:
            failed[row["index"], row["model"], row["mode"], row["attributor"]] = row["error"]
    if lives == 1:
        assert not failed
    else:
        assert {key[:2] for key in failed} == {(2, "toy")} and len(failed) == 10
        assert set(failed.values()) == {"The worker process died on this sample, 2 times; its memory may have run out."}


def test_what_a_worker_cannot_load_ends_the_run_in_its_words(folder: Path, ray: Any, tmp_path: Path) -> None:
    toys.bench(tmp_path / "bench", ("toy", "no-weights"), range(2))
    with pytest.raises(HarnessError, match=r"^The model 'no-weights' cannot be loaded: OSError: no such checkpoint"):
        run(tmp_path, "out", executor="ray", workers=1, attributors=["good"])
    assert len(read_journal(tmp_path / "out")[1]) == 4


def test_a_worker_on_another_machine_is_refused(folder: Path, ray: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.run.provenance._device", lambda: "a GPU that the workers lack")
    monkeypatch.setattr(toys.ToyModel, "files", lambda self: [folder / "bench" / "direct.json"])
    with pytest.raises(HarnessError, match="A worker's machine is not like this one") as caught:
        run(folder, "other", executor="ray", workers=1)
    assert 'device: "a GPU that the workers lack", now "cpu"' in str(caught.value)
    assert 'weights.toy.direct.json: "sha256:' in str(caught.value)
