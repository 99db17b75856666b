"""The cache on disk, and MedFocus's boxes in it: the same results with and without, whatever is in the folder."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from harness.cli import main as cli
from harness.evaluating import loop
from harness.imaging.frame import FRAME_SIDE, Box
from harness.registry import Registry
from harness.run.cache import JsonCache, digest_of, path_of, shared
from harness.run.settings import RunSettings
from plugins.attributors.medfocus import kept_boxes as kept
from plugins.attributors.medfocus.concept_hiding import ConceptHiding
from plugins.attributors.medfocus.located import Located
from plugins.attributors.medfocus.medfocus import MedFocus
from plugins.attributors.medfocus.medfocus_consensus import MedFocusConsensus

KEY = digest_of("a thing")
CONTENT = Box(24, 0, 200, 224)


def never() -> None:
    pytest.fail("made twice")


def test_what_is_kept_is_not_made_again(tmp_path: Path) -> None:
    value = {"b": [0.1, 1e-17, 5], "a": None}
    assert JsonCache(tmp_path).get(KEY, lambda: value) is value
    found = JsonCache(tmp_path).get(KEY, never)
    assert found == value and list(found) == ["b", "a"]
    assert [path.name for path in tmp_path.rglob("*.*")] == [f"{KEY}.json"]
    assert JsonCache(None).get(KEY, lambda: 7) == 7


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[:-9],
        lambda data: data.replace(b"0.25", b"0.75"),
        lambda data: b"[]",
        lambda data: b"\xff\0",
        lambda data: b"[" * 100_000,
    ],
)
def test_what_is_broken_is_made_anew(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    JsonCache(tmp_path).get(KEY, lambda: [0.25])
    path = path_of(tmp_path, KEY, "json")
    path.write_bytes(spoil(path.read_bytes()))
    assert JsonCache(tmp_path).get(KEY, lambda: [0.5]) == [0.5]
    assert JsonCache(tmp_path).get(KEY, never) == [0.5]


def test_a_file_under_a_wrong_name_is_made_anew(tmp_path: Path) -> None:
    cache, other = JsonCache(tmp_path), digest_of("another")
    cache.get(KEY, lambda: 1)
    path_of(tmp_path, other, "json").parent.mkdir()
    path_of(tmp_path, KEY, "json").rename(path_of(tmp_path, other, "json"))
    assert cache.get(other, lambda: 2) == 2


def test_a_place_that_cannot_be_written_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert JsonCache(tmp_path / "file").get(KEY, lambda: 1) == 1


def opened_to_others(path: Path) -> None:
    path.chmod(path.stat().st_mode | 0o022)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no owners here")
@pytest.mark.parametrize("what", ["folder", "part", "file"])
def test_what_others_may_write_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    folder = tmp_path / "cache"
    path = path_of(folder, KEY, "json")
    JsonCache(folder).get(KEY, lambda: 1)
    opened = {"folder": folder, "part": path.parent, "file": path}[what]
    opened_to_others(opened)
    assert JsonCache(folder).get(KEY, lambda: 2) == 2 and JsonCache(folder).get(digest_of("more"), lambda: 3) == 3
    assert caplog.messages == [
        f"What {folder} holds is not used but computed anew, as others may write to {opened}; "
        f"`chmod -R go-w {folder}` forbids it."
    ]
    opened.chmod(opened.stat().st_mode & ~0o022)
    assert JsonCache(folder).get(KEY, never) == 2  # the forged file was replaced


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no owners here")
def test_what_is_anothers_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    JsonCache(tmp_path).get(KEY, lambda: 1)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    assert [JsonCache(tmp_path).get(KEY, lambda: 2) for _ in range(3)] == [2, 2, 2]
    (said,) = caplog.messages
    assert f"{tmp_path} belongs to another user; give a folder of your own by --cache" in said


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no owners here")
def test_what_is_kept_is_the_users_alone_whatever_the_umask(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = os.umask(0)
    try:
        JsonCache(tmp_path / "a" / "b").get(KEY, lambda: 1)
    finally:
        os.umask(before)
    assert JsonCache(tmp_path / "a" / "b").get(KEY, never) == 1 and not caplog.messages
    assert all(not path.stat().st_mode & 0o077 for path in (tmp_path / "a").rglob("*"))


def test_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("off", "OFF"):
        monkeypatch.setenv("HARNESS_CACHE", value)
        assert shared().folder is None
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    assert shared().folder == tmp_path
    monkeypatch.delenv("HARNESS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert shared().folder == tmp_path / "medground-harness"


def write_many(folder: Path) -> None:
    for _ in range(40):
        for number in range(8):
            found = JsonCache(folder).get(digest_of(number), lambda number=number: [number] * 200)  # type: ignore[misc]
            assert found == [number] * 200
            path_of(folder, digest_of(number), "json").unlink(missing_ok=True)


def test_several_may_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_many, args=(tmp_path,)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert not list(tmp_path.rglob("*.part"))


@pytest.fixture
def image() -> np.ndarray:
    noise = np.random.default_rng(0).integers(40, 200, (FRAME_SIDE, FRAME_SIDE, 1), dtype=np.uint8)
    return np.repeat(noise, 3, axis=2)


def test_medfocus_finds_its_boxes_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: np.ndarray
) -> None:
    plain = MedFocus().boxes(image, CONTENT)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    made = MedFocus().boxes(image, CONTENT)
    monkeypatch.setattr(MedFocus, "_locate", lambda *_: never())
    found = MedFocus(MedFocus.Options(tau=0.5, composites="none", baseline="mean")).boxes(image, CONTENT)
    assert repr(plain) == repr(made) == repr(found)  # every digit, and the order of the concepts
    # It holds boxes and digests, and nothing of the image.
    (path,) = tmp_path.rglob("*.json")
    assert set(json.loads(path.read_text())["value"]["boxes"]) == set(plain) and len(path.read_bytes()) < 4096


def test_medfocus_keeps_apart_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: np.ndarray
) -> None:
    asked: list[int] = []

    def locate(self: ConceptHiding, image: np.ndarray, content: Box) -> Located:
        asked.append(1)
        return Located({"left lung": Box(0, 0, 1, 1)})

    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    monkeypatch.setattr(ConceptHiding, "_locate", locate)
    other_pool = tmp_path / "pool.npz"
    other_pool.write_bytes(b"other")
    dark = image // 2
    cases = [
        (MedFocus(), image, CONTENT),
        (MedFocus(), dark, CONTENT),
        (MedFocus(), image, Box(24, 0, 199, 224)),
        (MedFocusConsensus(), image, CONTENT),
        (MedFocus(MedFocus.Options(choice="debiased")), image, CONTENT),
        (MedFocus(MedFocus.Options(epsilon=0.06)), image, CONTENT),
        (MedFocus(MedFocus.Options(pool=other_pool)), image, CONTENT),
    ]
    for number, (method, frame, content) in enumerate(cases, 1):
        for again in (method, type(method)(method.options)):
            again.boxes(frame, content)
            assert len(asked) == number
    monkeypatch.setattr(kept, "_code", lambda: "changed")
    MedFocus().boxes(image, CONTENT)
    assert len(asked) == len(cases) + 1


def test_a_run_gives_the_same_bytes_with_and_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journals = []
    for name, cache in (("off", "off"), ("empty", str(tmp_path / "cache")), ("full", str(tmp_path / "cache"))):
        monkeypatch.setenv("HARNESS_CACHE", cache)
        settings = RunSettings(
            attributors=["medfocus"], models=["phantom-gemma3"], modes=["direct"], limit=1, output=tmp_path / name
        )
        loop.run(Registry.discover(), settings, Console(file=io.StringIO()))
        journals.append((tmp_path / name / "journal.jsonl").read_bytes())
    assert journals[0] == journals[1] == journals[2]
    assert list((tmp_path / "cache").rglob("*.json"))


def test_the_command_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", "off")
    words = ["eval", "--attributor", "no-such", "--cache", str(tmp_path)]
    assert cli.main(words) == 2
    assert shared().folder == tmp_path
