"""The clinical sources: the release's order, what is missing, and no path out of the data root."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import data_trees as trees
import numpy as np
import pytest
from clinical_sources import QUICK, WRITERS, gold, padchest, refusal, said, vindr
from data_trees import BRIGHT, gold_row
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harness.contracts.source import Sample
from harness.errors import HarnessError
from harness.imaging.frame import Box
from plugins.sources.files import FileSource
from plugins.sources.padchest_gr import PadChestGR
from plugins.sources.vindr_cxr import VinDrCXR


@pytest.mark.parametrize("cls", WRITERS)
def test_the_order_is_the_releases_and_boxes_are_native(cls: type[FileSource], tmp_path: Path) -> None:
    expected = WRITERS[cls](tmp_path)
    source = cls(data_root=tmp_path)
    assert said(source) == expected == said(source)  # a second walk is like the first
    assert source.notes() == []
    for sample in source.samples():
        image = source.image(sample)
        assert image.shape[0] != image.shape[1] and sample.question("direct").count(sample.attribute) == 1
        for box in sample.boxes:
            x0, y0, x1, y1 = map(int, box)
            inside = image[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2]
            assert abs(int(inside.mean()) - BRIGHT) <= 2
            assert image[y0:y1, :15].mean() < BRIGHT / 2  # no box begins further left


@pytest.mark.parametrize("cls", WRITERS)
def test_both_names_find_a_source(cls: type[FileSource]) -> None:
    from harness.registry import Registry

    registry = Registry.discover()
    assert {registry.find("source", name) for name in (cls.name, cls.name.replace("_", "-"))} == {cls}
    assert all(file.url.startswith("https://") and file.origin and file.holds for file in cls.data)


def test_plugins_show_says_what_a_source_needs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import harness.cli.main

    monkeypatch.setenv("COLUMNS", "150")
    assert harness.cli.main.main(["plugins", "show", "vindr-cxr"]) == 0
    assert "vindr-cxr/1.0.0/annotations/annotations_test.csv: annotations" in capsys.readouterr().out


def test_gold_rows_in_any_order_are_grouped_as_pandas_does(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    draw = random.Random(0)
    keys = ["patient_id", "study_id", "image_id", "label_name", "categoryID"]
    rows = [
        gold_row(
            draw.choice([10000032, 9999, 19999999]),
            draw.choice([5, 40, 300]),
            draw.choice(["ab-1", "AB-1", "b-2"]),
            draw.choice(["lung opacity", "Lung opacity", "édema", "lung", "", "NA"]),
            [number, 0, number + 5, 9],
            relation=draw.choice([1, 1, 0]),
            categoryID=draw.choice(["disease", "anatomicalfinding", "nlp"]),
        )
        for number in range(300)
    ]
    source = gold(tmp_path, *rows)

    frame = pandas.read_csv(tmp_path / trees.GOLD, sep="\t")
    frame = frame[(frame.relation == 1) & frame.categoryID.isin(["anatomicalfinding", "disease"])]
    by_pandas = [
        (*key, [box[:-1] for box in group.coord_original])
        for key, group in frame.groupby(keys)
    ]  # fmt: skip
    by_hand: dict[tuple[Any, ...], list[str]] = {}
    for row in (dict(zip(trees.GOLD_COLUMNS, row, strict=True)) for row in rows):
        if row["relation"] == "1" and row["categoryID"] != "nlp" and row["label_name"] not in ("", "NA"):
            key = (int(row["patient_id"]), int(row["study_id"]), *(row[name] for name in keys[2:]))
            by_hand.setdefault(key, []).append(row["coord_original"][:-1])
    assert by_pandas == [(*key, by_hand[key]) for key in sorted(by_hand)]

    wanted = [
        (
            f"{trees.MIMIC}/p{str(patient)[:2]}/p{patient}/s{study}/{image.removesuffix('.dcm')}.jpg",
            label,
            [tuple(json.loads(box + "]")) for box in boxes],
        )
        for patient, study, image, label, _, boxes in by_pandas
    ]
    assert said(source) == wanted and len(wanted) > 40
    (note,) = source.notes()
    assert note.startswith("imagenome: rows without an id or label, passed over: ")


def test_vindr_rows_in_any_order_are_grouped_as_pandas_does(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    draw = random.Random(1)
    rows = []
    for _ in range(300):
        name = draw.choice(["No finding", "Nodule/Mass", "Other lesion", "ILD", "Lung, opacity", "NA", ""])
        x, y = draw.uniform(0, 99), draw.choice([1.5, 2.5, 7])
        rows.append((draw.choice(["e1", "07", "7", "a"]), name, x, y, x + 8, y + 9))
    source = vindr(tmp_path, *rows)
    frame = pandas.read_csv(tmp_path / trees.VINDR, dtype={"image_id": str})
    frame = frame[frame.class_name != "No finding"]
    wanted = [
        (
            f"{trees.VINDR_IMAGES}/{image}.dicom",
            name,
            [tuple(float(round(edge)) for edge in row[2:]) for row in group.itertuples(index=False)],
        )
        for (image, name), group in frame.groupby(["image_id", "class_name"])
    ]
    assert said(source) == wanted and len(wanted) == 16
    assert len(source.notes()) == 1


# --- PadChest-GR: what the numbers depend on


def test_only_the_first_2000_studies_count(tmp_path: Path) -> None:
    trees.write_padchest_gr(tmp_path)
    found = trees.finding(["nodule"], [[0, 0, 1, 0.5]])
    source = padchest(tmp_path, [trees.study(i, trees.PADCHEST_C, [found]) for i in range(2003)])
    source_samples = said(source)
    assert len(source_samples) == 2000
    assert source_samples[0][2] == [(0, 0, 180, 75)]


def test_a_broken_image_takes_its_study_out_and_is_reported(tmp_path: Path) -> None:
    expected = trees.write_padchest_gr(tmp_path)
    path = tmp_path / trees.PADCHEST_IMAGES / trees.PADCHEST_A
    whole = path.read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"not a picture"):
        path.write_bytes(broken)
        source = PadChestGR(data_root=tmp_path)
        assert said(source) == expected[2:]
        assert list(source.unreadable) == [path]
        (note,) = source.notes()
        assert "samples are left out: 1." in note and str(path) in note
    path.write_bytes(whole)
    assert said(source) == expected and source.notes() == []


def test_a_missing_image_keeps_all_numbers(tmp_path: Path) -> None:
    expected = trees.write_padchest_gr(tmp_path)
    path = tmp_path / trees.PADCHEST_IMAGES / trees.PADCHEST_A
    path.unlink()
    source = PadChestGR(data_root=tmp_path)
    assert said(source) == [(image, name, []) for image, name, _ in expected[:2]] + expected[2:]
    assert source.notes() == []
    with pytest.raises(HarnessError, match=f"{path.name} cannot be read: No such file"):
        source.image(next(source.samples()))
    path.symlink_to(tmp_path / "gone.png")
    assert len(said(source)) == 3


def test_a_walk_that_is_left_early_ends_at_once(tmp_path: Path) -> None:
    trees.write_padchest_gr(tmp_path)
    walk = PadChestGR(data_root=tmp_path).samples()
    assert next(walk).index == 0
    walk.close()


# --- paths


@QUICK
@given(parts=st.lists(st.sampled_from(["..", ".", "a", "", "/", "\\", "C:", "\0", "é"]), max_size=6))
def test_no_image_outside_of_the_root_is_read(tmp_path: Path, parts: list[str]) -> None:
    source = VinDrCXR(data_root=tmp_path)
    sample = Sample(source.name, 0, "/".join(parts), "x", (Box(0, 0, 1, 1),))
    try:
        path = source.image_path(sample)
    except HarnessError as error:
        assert "not under the data root" in str(error)
    else:
        assert path.resolve().is_relative_to(tmp_path.resolve())
        assert ".." not in parts and "\\" not in parts


def test_data_sets_may_be_linked_into_the_root(tmp_path: Path) -> None:
    expected = trees.write_vindr_cxr(tmp_path / "disk")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "vindr-cxr").symlink_to(tmp_path / "disk" / "vindr-cxr")
    source = VinDrCXR(data_root=tmp_path / "root")
    assert said(source) == expected
    assert source.image(next(source.samples())).shape == (220, 300, 3)


@pytest.mark.parametrize("cls", WRITERS)
def test_what_is_missing_is_said_with_where_to_get_it(cls: type[FileSource], tmp_path: Path) -> None:
    assert "give it by --data-root" in refusal(cls())
    assert "is no folder" in refusal(cls(data_root=tmp_path / "gone"))
    text = refusal(cls(data_root=tmp_path))
    assert str(tmp_path / cls.data[0].path) in text and cls.data[0].url in text
    (tmp_path / cls.data[0].path).mkdir(parents=True)
    assert "cannot be read: Is a directory" in refusal(cls(data_root=tmp_path))


def test_images_of_every_kind_read_alike(tmp_path: Path) -> None:
    """MONOCHROME1, MONOCHROME2 under a window and 16-bit PNG all show the noise that was put in."""
    trees.write_vindr_cxr(tmp_path)
    trees.write_padchest_gr(tmp_path)
    vindr_source, padchest_source = VinDrCXR(data_root=tmp_path), PadChestGR(data_root=tmp_path)
    c, _, a, _ = vindr_source.samples()
    mass, aorta, other = (100, 60, 181, 140), (120, 30, 170, 80), (40, 150, 80, 190)
    np.testing.assert_array_equal(
        vindr_source.image(a)[..., 0], trees.picture(300, 220, [mass, aorta, other], 3)
    )
    shown = trees.picture(300, 220, [(90, 120, 230, 190), (40, 130, 90, 200)], 5).astype(int)
    assert np.abs(vindr_source.image(c)[..., 1] - shown).max() <= 1
    last = list(padchest_source.samples())[-1]
    with Image.open(tmp_path / last.image) as file:
        assert file.mode == "I;16"
    expected = trees.picture(180, 150, [(18, 120, 82, 143)], 8)
    np.testing.assert_array_equal(padchest_source.image(last)[..., 2], expected)
