"""``maps-from-files``: which file is a record's map, what a file may hold, and what a broken one costs."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toys
from PIL import Image
from rich.console import Console

from harness.contracts.attributor import Attribution
from harness.contracts.case import Case, RecordKey
from harness.errors import HarnessError
from harness.evaluating.loop import Ended
from harness.evaluating.loop import run as evaluate
from harness.imaging.frame import FRAME_SIDE, Box, Letterbox
from harness.imaging.overlap import overlap
from harness.registry import Registry
from harness.run.journal_reading import read_journal
from harness.run.settings import RunSettings
from harness.testing import RegionModel
from plugins import metrics
from plugins.attributors import maps_from_files
from plugins.attributors.maps_from_files import MapsFromFiles
from plugins.executors import local

RECORD = RecordKey("vindr_cxr", 7, "gemma3-4b", "direct")
SHAPE = (FRAME_SIDE, FRAME_SIDE)


def write(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".npz":
        np.savez_compressed(path, values)
    else:
        Image.fromarray(values).save(path)


def method(folder: Path) -> MapsFromFiles:
    made = MapsFromFiles(MapsFromFiles.Options(folder=folder))
    made.load()
    return made


def explain(folder: Path, record: RecordKey | None = RECORD) -> Attribution:
    image = np.zeros((*SHAPE, 3), np.uint8)
    return method(folder).attribute(Case(RegionModel(), image, "Is it?", "yes", Box(0, 0, *SHAPE), record=record))


def ramp(dtype: type = np.float64, most: float = 1.0) -> np.ndarray:
    return (np.linspace(0, most, FRAME_SIDE * FRAME_SIDE).reshape(SHAPE)).astype(dtype)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, np.uint8, np.bool_])
def test_numpys_files_give_their_values(tmp_path: Path, suffix: str, dtype: type) -> None:
    values = ramp(dtype, 200)
    write(tmp_path / f"vindr_cxr/7{suffix}", values)
    saliency = explain(tmp_path).saliency
    assert saliency is not None and saliency.dtype == np.float64
    np.testing.assert_array_equal(saliency, values.astype(np.float64))


@pytest.mark.parametrize(("dtype", "most"), [(np.uint8, 255), (np.uint16, 65535)])
def test_grey_pngs_of_8_and_16_bits_give_their_values(tmp_path: Path, dtype: type, most: int) -> None:
    values = ramp(dtype, most)
    write(tmp_path / "vindr_cxr/7.png", values)
    saliency = explain(tmp_path).saliency
    np.testing.assert_array_equal(saliency, values)
    assert len(np.unique(values)) > (255 if most == 255 else 40000)  # all the bits were there to be lost


def test_the_most_specific_file_counts(tmp_path: Path) -> None:
    places = [f"{place}{suffix}" for place in ("vindr_cxr/7", "vindr_cxr/direct/7", "vindr_cxr/gemma3-4b/direct/7")
              for suffix in (".png", ".npz", ".npy")]  # fmt: skip
    for rank, place in enumerate(places, 1):
        write(tmp_path / place, np.full(SHAPE, rank, np.uint8))
        saliency = explain(tmp_path).saliency
        assert saliency is not None and saliency[0, 0] == rank, place


def test_another_records_map_is_not_taken(tmp_path: Path) -> None:
    for place in ("vindr_cxr/8", "vindr_cxr/reasoning/7", "padchest_gr/7", "vindr_cxr/other/direct/7", "vindr_cxr/07"):
        write(tmp_path / f"{place}.npy", ramp())
    with pytest.raises(HarnessError, match=r"There is no map for this record: no .*vindr_cxr/gemma3-4b/direct/7 \("):
        explain(tmp_path)


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (np.zeros((8, 8)), r"float64 \[8, 8\]"),
        (np.zeros((FRAME_SIDE, FRAME_SIDE, 3)), r"float64 \[224, 224, 3\]"),
        (np.zeros(FRAME_SIDE * FRAME_SIDE), r"float64 \[50176\]"),
        (np.zeros((0, FRAME_SIDE)), r"float64 \[0, 224\]"),
        (np.full(SHAPE, "a"), r"<U1 \[224, 224\]"),
        (np.zeros(SHAPE, complex), r"complex128 \[224, 224\]"),
    ],
)
def test_what_is_no_map_of_the_frame_is_refused_and_not_resized(tmp_path: Path, values: np.ndarray, form: str) -> None:
    write(tmp_path / "vindr_cxr/7.npy", values)
    with pytest.raises(HarnessError, match=rf"7\.npy is {form}; it must hold numbers \[224, 224\]"):
        explain(tmp_path)


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def png(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, format="PNG")
    return buffer.getvalue()


def pickled() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}, 1], object), allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("7.npz", npz(a=ramp(), b=ramp()), "2 arrays, not one"),
        ("7.npz", npz(), "0 arrays, not one"),
        ("7.npz", b"PK\x03\x04 torn", "cannot be read"),
        ("7.npz", npz(a=ramp())[:-9], "cannot be read"),
        ("7.npy", b"", "cannot be read"),
        ("7.npy", pickled(), "cannot be read"),
        ("7.png", png(np.zeros((*SHAPE, 3), np.uint8)), "RGB, not grey"),
        ("7.png", png(ramp(np.uint8, 255))[:400], "cannot be read"),
        ("7.png", b"no picture", "cannot be read"),
    ],
)
def test_a_file_that_holds_no_map_is_named(tmp_path: Path, name: str, data: bytes, why: str) -> None:
    (tmp_path / "vindr_cxr").mkdir()
    (tmp_path / "vindr_cxr" / name).write_bytes(data)
    with pytest.raises(HarnessError, match=why) as caught:
        explain(tmp_path)
    assert str(tmp_path / "vindr_cxr" / name) in str(caught.value)


@pytest.mark.parametrize("part", ["../up", "a/b", "a\\b", "..", ".", ""])
@pytest.mark.parametrize("field", ["source", "model"])
def test_names_of_records_do_not_lead_out_of_the_folder(tmp_path: Path, field: str, part: str) -> None:
    write(tmp_path / "up" / "7.npy", ramp())
    write(tmp_path / "maps" / "a" / "b" / "7.npy", ramp())
    with pytest.raises(HarnessError, match="is no name of a folder"):
        explain(tmp_path / "maps", RECORD._replace(**{field: part}))


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"finds no folder .*give one by -o maps-from-files\.folder=DIR"):
        method(tmp_path / "nowhere")
    with pytest.raises(HarnessError, match="the records of a benchmark; there is none here"):
        explain(tmp_path, record=None)


# --- in a run


def rate(tmp_path: Path, output: str, indices: range = range(3)) -> Ended:
    """A run over records 0, 1, 2 of the toy source, in both modes."""
    registry = Registry([toys, maps_from_files, local, metrics])
    settings = RunSettings(
        attributors=["maps-from-files"], bench=toys.bench(tmp_path / "bench", indices=indices),
        options=[f"maps-from-files.folder={tmp_path / 'maps'}"], output=tmp_path / output,
    )  # fmt: skip
    return evaluate(registry, settings, Console(file=io.StringIO()))


def hot(box: Box) -> np.ndarray:
    values = np.zeros(SHAPE)
    values[round(box.y0) : round(box.y1), round(box.x0) : round(box.x1)] = 1
    return values


def test_maps_are_ranked_as_a_methods_own_and_a_missing_one_fails_its_record_alone(tmp_path: Path) -> None:
    write(tmp_path / "maps/toy/0.npy", hot(toys.REGION))
    write(tmp_path / "maps/toy/direct/1.png", (hot(toys.REGION) * 255).astype(np.uint8))
    write(tmp_path / "maps/toy/toy/reasoning/2.npz", hot(Box(0, 200, 40, 224)))
    ended = rate(tmp_path, "out")
    assert (ended.finished, ended.failed, ended.not_applicable) == (6, 2, 0)
    rows = {(row["index"], row["mode"]): row for row in read_journal(tmp_path / "out")[1]}
    for key in ((0, "direct"), (0, "reasoning"), (1, "direct")):
        assert rows[key]["status"] == "ok" and rows[key]["metrics"]["iou"] > 0.999
    assert rows[2, "reasoning"]["status"] == "ok" and rows[2, "reasoning"]["metrics"]["iou"] == 0
    for key in ((1, "reasoning"), (2, "direct")):
        assert rows[key]["status"] == "failed" and rows[key]["metrics"]["iou"] == 0
        assert "There is no map for this record" in rows[key]["error"]
    assert all(row["forward"] == row["backward"] == 0 for row in rows.values())


def test_a_run_with_other_maps_is_another_run(tmp_path: Path) -> None:
    """A changed file changes the weights in the header: results are neither resumed nor compared."""

    def weights(output: str) -> dict[str, str]:
        rate(tmp_path, output, range(1))
        found = read_journal(tmp_path / output)[0]["plugins"]["attributor"]["maps-from-files"]["weights"]
        return dict(found)

    write(tmp_path / "maps/toy/0.npy", hot(toys.REGION))
    write(tmp_path / "maps/toy/direct/0.npy", hot(toys.REGION))
    (tmp_path / "maps/toy/notes.txt").write_text("no map")
    (tmp_path / "maps/empty").mkdir()
    first = weights("first")
    assert set(first) == {"toy", "direct"} and all(value.startswith("sha256:") for value in first.values())
    assert weights("again") == first
    write(tmp_path / "maps/toy/direct/0.npy", hot(toys.ELSEWHERE))
    second = weights("second")
    assert second["direct"] != first["direct"] and second["toy"] == first["toy"]
    with pytest.raises(HarnessError, match="weights"):
        rate(tmp_path, "first", range(1))


# --- docs/maps.md


@pytest.mark.parametrize(("height", "width"), [(300, 300), (400, 200), (90, 360)])
def test_the_pages_function_puts_a_map_of_the_image_where_the_image_lies(
    tmp_path: Path, height: int, width: int
) -> None:
    page = (Path(__file__).parents[1] / "docs" / "maps.md").read_text()
    scope: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], scope)
    values = np.random.default_rng(0).random((height, width))
    values[height // 4 : height // 2, width // 4 : width // 2] += 9
    write(tmp_path / "vindr_cxr/7.npy", scope["to_frame"](values))
    place = Letterbox(width, height)
    saliency = explain(tmp_path).saliency
    assert saliency is not None
    rows, columns = np.nonzero(saliency > 5)
    found = place.to_native(Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    assert overlap([found], [Box(width // 4, height // 4, width // 2, height // 2)]).iou > 0.93
