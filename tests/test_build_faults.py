"""``harness build`` when something goes wrong: one sample fails alone, or the build ends and keeps what it has."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_build import files, quick, report, rows, run
from toys import ToyEditor, ToyModel, ToySource

from harness.building import dataset
from harness.contracts.source import Sample
from harness.errors import HarnessError

__all__ = ["quick"]  # a fixture that all tests use


@pytest.mark.parametrize("fault", [RuntimeError("no\nidea"), SystemExit(3)])
def test_a_model_that_fails_once_fails_one_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    answer = ToyModel.answer

    def fail(self: ToyModel, image: np.ndarray, question: str) -> str:
        if "nodule" in question:
            raise fault
        return answer(self, image, question)

    monkeypatch.setattr(ToyModel, "answer", fail)
    built = run(tmp_path, modes=["direct"])
    assert (built.survived, built.failed) == (2, 3)  # samples 0 and 2; 1 and 5 by the model, 3 has no image
    assert [row["error"] for row in rows(tmp_path) if row["index"] == 1] == [
        f"{type(fault).__name__}: {' '.join(str(fault).split())}"
    ]


@pytest.mark.parametrize("said", [None, "\ud800", 3])
def test_what_is_no_text_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Any) -> None:
    monkeypatch.setattr(ToyModel, "answer", lambda *_: said)
    assert run(tmp_path).survived == 0
    assert {row["status"] for row in rows(tmp_path)} == {"failed"}


def test_an_editor_that_fails_fails_its_samples_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit, calls = ToyEditor.edit, Counter[int]()

    def fail(self: ToyEditor, image: np.ndarray, *args: Any) -> np.ndarray:
        sample: Sample = args[-1]
        if sample.index == 2 and args[2] == "background":
            calls[sample.index] += 1
            raise RuntimeError("no noise")
        return edit(self, image, *args)

    monkeypatch.setattr(ToyEditor, "edit", fail)
    assert run(tmp_path, models=["toy", "black-box"], modes=["direct"]).survived == 4
    # Two background edits, tried once although two models ask for them.
    assert calls[2] == 2
    failed = [row for row in rows(tmp_path) if row["index"] == 2 and row["status"] == "failed"]
    assert len(failed) == 4 and {row["error"] for row in failed} == {"RuntimeError: no noise"}
    assert report(tmp_path)["filter"][0]["failed"] == 2


def test_an_editor_that_changes_the_size_is_not_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyEditor, "edit", lambda self, image, *_: image[1:])
    assert run(tmp_path, modes=["direct"]).survived == 0
    assert not list(tmp_path.rglob("*.png"))
    assert "the editor 'toy' made uint8 (399, 200, 3)" in (tmp_path / "report.md").read_text().replace("\\", "")


class OutOfMemoryError(RuntimeError):
    """Called as torch's."""


@pytest.mark.parametrize("where", ["answer", "edit"])
@pytest.mark.parametrize("error", [MemoryError(), OutOfMemoryError("CUDA out of memory")])
def test_no_memory_ends_the_build_and_keeps_what_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, error: Exception
) -> None:
    run(tmp_path / "whole")
    target: Any = ToyModel if where == "answer" else ToyEditor
    work, calls = getattr(target, where), []

    def fail(*args: Any) -> Any:
        calls.append(where)
        if len(calls) == 6:
            raise error
        return work(*args)

    with monkeypatch.context() as patch:
        patch.setattr(target, where, fail)
        with pytest.raises(HarnessError, match="Out of memory"):
            run(tmp_path / "stopped")
    assert rows(tmp_path / "stopped") and not files(tmp_path / "stopped")
    run(tmp_path / "stopped")
    assert files(tmp_path / "stopped") == files(tmp_path / "whole")


def test_ctrl_c_ends_the_build_and_keeps_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, calls = ToyModel.answer, []

    def stop(self: ToyModel, image: np.ndarray, question: str) -> str:
        calls.append(question)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return answer(self, image, question)

    with monkeypatch.context() as patch:
        patch.setattr(ToyModel, "answer", stop)
        assert run(tmp_path).interrupted
    assert len([row for row in rows(tmp_path) if row["status"] == "ok"]) == 4
    assert not run(tmp_path).interrupted


def test_a_full_disk_ends_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes, private: bool) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("harness.building.edits.write_whole", full)
        with pytest.raises(HarnessError, match=r"edits cannot be written.*No space left"):
            run(tmp_path)
    assert len(rows(tmp_path)) == 12  # the originals
    assert not list(tmp_path.rglob("*.part")) and run(tmp_path).survived == 6


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        ("did you mean 'toy'", {"sources": ["toyy"]}),
        ("did you mean 'toy'", {"editor": "toyy"}),
        ("prefers no editor; say which by --editor NAME; installed: toy", {"editor": None}),
        ("--model NAME; installed: black-box, no-weights, toy", {"models": []}),
        ("no such checkpoint", {"models": ["no-weights"]}),
        ("needs no data", {"sources": []}),
        ("no mode", {"modes": []}),
        ("takes no part", {"options": ["map.blur=3"]}),
        ("A build has no variants, .* give 'toy', not 'toy@dark'", {"models": ["toy@dark"]}),
        ("There is no setting 'cache'; there are models, sources", {"cache": "x"}),
    ],
)
def test_what_the_user_can_put_right(tmp_path: Path, message: str, changes: dict[str, Any]) -> None:
    with pytest.raises(HarnessError, match=message):
        run(tmp_path / "out", **changes)
    assert not files(tmp_path / "out")


@pytest.mark.parametrize("library", ["datasets", "pyarrow"])
def test_a_missing_library_is_said_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(dataset, "find_spec", lambda name: None if name == library else find(name))
    with pytest.raises(HarnessError, match=f"written by {library}, which is not installed; `pip install "):
        run(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_model_whose_library_is_missing_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(self: ToyModel) -> None:
        raise ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn")

    monkeypatch.setattr(ToyModel, "load", load)
    with pytest.raises(HarnessError, match="'toy' cannot be loaded: it needs torch, which is not installed; `pip"):
        run(tmp_path)


def test_weights_that_are_missing_end_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: ToyEditor) -> None:
        raise HarnessError("The editor's weights are not there.")

    monkeypatch.setattr(ToyEditor, "load", load)
    with pytest.raises(HarnessError, match="weights are not there"):
        run(tmp_path)
    assert all(row["version"] == "prediction" for row in rows(tmp_path))


def test_the_sources_of_a_data_root_are_those_it_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToySource, "editor", "toy")
    assert run(tmp_path / "a", sources=[], editor=None, data_root=tmp_path, modes=["direct"]).survived == 3

    def refuse(self: ToySource) -> Any:
        raise HarnessError("No annotations are there.")

    monkeypatch.setattr(ToySource, "samples", refuse)
    with pytest.raises(HarnessError, match=r"serves none of the installed sources\. toy: No annotations"):
        run(tmp_path / "b", sources=[], data_root=tmp_path)


def test_samples_must_be_numbered_as_promised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = list(ToySource().samples())
    for wrong in ([samples[1]], [samples[0], samples[0]], []):
        monkeypatch.setattr(ToySource, "samples", lambda self, wrong=wrong: iter(wrong))
        with pytest.raises(HarnessError, match=r"contract|no samples"):
            run(tmp_path)
