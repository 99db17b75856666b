"""What a row says about its image and the map's peak, and the pictures that a run keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toys
from evaluating import toy_run
from PIL import Image
from rows import read_lines

from harness.contracts.observer import file_id
from harness.imaging.frame import Box
from harness.imaging.overlap import union_area
from harness.imaging.saliency import peak
from harness.run.row import KEY
from leaderboard.render.gallery_observer import FOLDER


def run(folder: Path, names: list[str], **changes: Any) -> list[dict[str, Any]]:
    bench = toys.bench(folder / "bench", models=changes.pop("models", ("toy",)))
    toy_run(folder / "out", names, bench=bench, **changes)
    return read_lines(folder / "out")[1:]


def test_the_peak_of_a_pixel_a_cell_and_a_tie() -> None:
    saliency = np.zeros((20, 20))
    saliency[3, 5] = 1
    assert peak(saliency) == (5.5, 3.5)
    saliency[8:12, 4:8] = 1  # a larger part of the same heat: its centre, which favours no side
    assert peak(saliency) == (6.0, 10.0)
    saliency[8:12, 14:18] = 1  # as large: the first, and not the empty middle between both
    assert peak(saliency) == (6.0, 10.0)
    assert peak(saliency * -3 + 7) is not None and peak(np.full((9, 9), 4.0)) is None
    saliency[0, 0] = 99  # in the padding
    assert peak(saliency, Box(2, 2, 20, 20)) == (6.0, 10.0)


def test_the_peak_of_a_mirrored_map_is_the_mirrored_peak() -> None:
    saliency = np.random.default_rng(0).integers(0, 4, (16, 16)).astype(float)
    saliency[4:7, 2:9] = 5
    (x, y), mirrored = peak(saliency) or (0, 0), peak(saliency[:, ::-1])
    assert mirrored == (16 - x, y)


def test_the_area_of_a_union() -> None:
    assert union_area([Box(0, 0, 2, 2), Box(1, 1, 3, 3), Box(1, 1, 2, 2)]) == 7
    assert union_area([]) == 0 and union_area([Box(1, 1, 1, 5)]) == 0


def test_rows_have_the_image_its_size_and_the_peak(tmp_path: Path) -> None:
    rows = run(tmp_path, ["good", "map"])
    ids = {row["index"]: row["image"] for row in rows}
    assert len(set(ids.values())) == len(ids) == 4 and all(len(one) == 16 for one in ids.values())
    for row in rows:
        assert row["image"] == ids[row["index"]]
        if row["index"] == toys.UNREADABLE:
            assert row["size"] is None and row["peak"] is None
            continue
        assert row["size"] == [toys.WIDTH, toys.HEIGHT]
        if row["attributor"] == "good":
            assert row["peak"] is None
        else:
            x, y = row["peak"]
            assert toys.EVIDENCE.x0 <= x < toys.EVIDENCE.x1 and toys.EVIDENCE.y0 <= y < toys.EVIDENCE.y1


@pytest.mark.parametrize("how", ["flat", "raise", "shape"])
def test_no_peak_without_a_usable_map(tmp_path: Path, how: str) -> None:
    rows = run(tmp_path, ["bad"], options=[f"bad.how={how}"], limit=1)
    assert rows[0]["peak"] is None and rows[0]["size"] == [toys.WIDTH, toys.HEIGHT]
    assert rows[0]["status"] == ("ok" if how == "flat" else "failed")


def test_a_gallery_leaves_the_journal_as_it_is(tmp_path: Path) -> None:
    bench = toys.bench(tmp_path / "bench", models=("toy", "black-box"))
    for name, count in (("with", 4), ("without", 0)):
        toy_run(tmp_path / name, ["good", "map"], bench=bench, gallery=count)
    assert (tmp_path / "with" / "journal.jsonl").read_bytes() == (
        tmp_path / "without" / "journal.jsonl"
    ).read_bytes()
    assert not (tmp_path / "without" / FOLDER).exists()


def test_the_pictures_of_a_gallery(tmp_path: Path) -> None:
    rows = run(tmp_path, ["good", "map"], gallery=2, modes=["direct", "reasoning"])
    folder = tmp_path / "out" / FOLDER
    chosen = [row for row in rows if (folder / f"{file_id(*(row[k] for k in KEY[:4]))}.json").exists()]
    assert {(row["mode"], row["attributor"]) for row in chosen} == {
        (mode, name) for mode in ("direct", "reasoning") for name in ("good", "map")
    }
    for row in chosen:
        record = folder / file_id(*(row[k] for k in KEY[:4]))
        about = json.loads(record.with_suffix(".json").read_text())
        assert "".join(about["tokens"]) == row["answer"]
        assert Image.open(record.with_suffix(".png")).size == (224, 224)
        saliency = folder / f"{file_id(*(row[k] for k in KEY))}.png"
        assert saliency.exists() == (row["attributor"] == "map")
        if saliency.exists():
            grey = np.asarray(Image.open(saliency))
            x0, _, x1, _ = map(int, toys.PLACE.content)
            assert grey.dtype == np.uint8 and grey.max() == 255
            assert not grey[:, :x0].any() and not grey[:, x1:].any()  # the padding


def test_fresh_discards_an_old_gallery(tmp_path: Path) -> None:
    run(tmp_path, ["map"], gallery=2)
    assert any((tmp_path / "out" / FOLDER).iterdir())
    run(tmp_path, ["map"], fresh=True)
    assert not any((tmp_path / "out" / FOLDER).iterdir())
