"""NIH ChestX-ray14, MS-CXR, CheXlocalize and COCO folders: order, boxes, masks, and what is left out by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import data_trees as trees
import free_trees as free
import numpy as np
import pytest
from clinical_sources import QUICK, left_out, refusal, said, spoil
from data_trees import BRIGHT
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harness.errors import HarnessError
from harness.registry import Registry
from harness.testing.sources import run_source_checks
from plugins.sources.chexlocalize import CheXlocalize, CheXlocalizeVal
from plugins.sources.coco import CocoFolder
from plugins.sources.files import FileSource
from plugins.sources.ms_cxr import MSCXR
from plugins.sources.nih_chestxray14 import NIHChestXray14

WRITERS: dict[type[FileSource], Callable[[Path], list[trees.Expected]]] = {
    NIHChestXray14: free.write_nih,
    MSCXR: free.write_ms_cxr,
    CheXlocalize: free.write_chexlocalize,
    CheXlocalizeVal: lambda root: free.write_chexlocalize(root, "val"),
    CocoFolder: free.write_coco,
}


@pytest.mark.parametrize("cls", WRITERS)
def test_order_boxes_and_images(cls: type[FileSource], tmp_path: Path) -> None:
    expected = WRITERS[cls](tmp_path)
    source = cls(data_root=tmp_path)
    assert said(source) == expected == said(source)
    assert source.notes() == [] and all(result.fault is None for result in run_source_checks(cls(data_root=tmp_path)))
    for sample in source.samples():
        image = source.image(sample)
        for box in sample.boxes:
            x0, y0, x1, y1 = (round(edge) for edge in box)
            assert abs(int(image[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2].mean()) - BRIGHT) <= 2


@pytest.mark.parametrize("cls", WRITERS)
def test_what_a_source_says_of_itself(cls: type[FileSource]) -> None:
    registry = Registry.discover()
    assert {registry.find("source", name) for name in (cls.name, *cls.aliases)} == {cls}
    assert not cls.redistributable and cls.annotates == "finding" and len(cls.licence) > 20
    assert all(file.url.startswith("https://") and file.origin and file.holds for file in cls.data)
    assert "give it by --data-root" in refusal(cls())


@pytest.mark.parametrize("cls", WRITERS)
def test_missing_annotations_are_named_with_where_to_get_them(cls: type[FileSource], tmp_path: Path) -> None:
    text = refusal(cls(data_root=tmp_path))
    assert str(tmp_path / cls.data[0].path) in text and cls.data[0].url in text


@QUICK
@given(content=st.binary(max_size=200), cls=st.sampled_from(list(WRITERS)), keep=st.integers(0, 2000))
def test_no_file_whatever_ends_in_another_error(
    tmp_path: Path, content: bytes, cls: type[FileSource], keep: int
) -> None:
    root = tmp_path / cls.name
    path = spoil(cls, WRITERS[cls], root, keep, content)
    source = cls(data_root=root)
    try:
        for sample in source.samples():
            assert sample.image and sample.attribute and all(box.area > 0 for box in sample.boxes)
    except HarnessError as error:
        assert str(path) in str(error)


# --- tables


@pytest.mark.parametrize(
    ("row", "message", "numbered"),
    [
        (("a.png", "Mass", 1, 2, 0, 4), "'Bbox [x,y,w,h]' should be left, top, width and height", True),
        (("a.png", "Mass", 1, 2, "wide", 4), "the field 'w' should be a number, it is 'wide'", True),
        (("../a.png", "Mass", 1, 2, 3, 4), "'Image Index' should name a file", True),
        (("a.png", "", 1, 2, 3, 4), "it names no image or no finding", False),
        (("a.png", "Mass", 1), "the field 'y' is missing", True),
    ],
)
def test_an_odd_row_of_nih_is_left_out(tmp_path: Path, row: tuple[Any, ...], message: str, numbered: bool) -> None:
    good = ("zz.png", "Nodule", 1, 2, 3, 4, "", "", "")
    trees.write_table(tmp_path / free.NIH, free.NIH_COLUMNS, [row, good], ",")
    text, found = left_out(NIHChestXray14(data_root=tmp_path))
    assert message in text and f"{free.NIH}, line 2: " in text
    assert [len(boxes) for _, _, boxes in found] == ([0, 1] if numbered else [1])


@pytest.mark.parametrize("folder", ["images_003/images", "images_012"])
def test_nih_images_may_lie_as_mirrors_have_them(tmp_path: Path, folder: str) -> None:
    expected = free.write_nih(tmp_path)
    home = tmp_path / "nih-chestxray14"
    (home / folder).parent.mkdir(exist_ok=True)
    (home / "images").rename(home / folder)
    source = NIHChestXray14(data_root=tmp_path)
    assert said(source) == expected
    assert all(source.image(sample).shape == (260, 200, 3) for sample in source.samples())


@pytest.mark.parametrize(
    "path", ["files/../../etc/passwd.jpg", "/files/p10/p1/s1/a.jpg", "files/p10/p1/s1/a/../b.jpg", ""]
)
def test_a_path_of_ms_cxr_leads_to_its_images_only(tmp_path: Path, path: str) -> None:
    good = "files/p10/p1/s1/b.jpg"
    rows = [("Edema", "x", file, 9, 9, 1, 2, 3, 4, name, "test") for name, file in (("a", path), ("b", good))]
    trees.write_table(tmp_path / free.MSCXR, free.MSCXR_COLUMNS, rows, ",")
    text, found = left_out(MSCXR(data_root=tmp_path))
    assert "the field 'path' should be files/pNN" in text
    assert [sample[1:] for sample in found] == [("Edema", []), ("Edema", [(1, 2, 4, 6)])]


# --- segmentations


def test_the_segmentation_is_the_true_mask(tmp_path: Path) -> None:
    free.write_chexlocalize(tmp_path)
    source = CheXlocalize(data_root=tmp_path)
    opacity, effusion, _ = source.samples()
    expected = free.painted([(20, 200, 60, 240), (140, 190, 190, 240)])
    np.testing.assert_array_equal(source.mask(effusion), expected)
    np.testing.assert_array_equal(CheXlocalize(data_root=tmp_path).mask(effusion), expected)  # not walked yet
    mask = source.mask(opacity)
    assert mask is not None and mask.dtype == bool and mask.shape == source.image(opacity).shape[:2]


@pytest.mark.parametrize(
    ("key", "value", "message", "numbered"),
    [
        ("patient1_study1_view1_frontal", {"Edema": {"size": [3, 3], "counts": "4"}}, "'Edema.counts' is", True),
        ("patient1_study1_view1_frontal", [], "should be an object, it is []", False),
        ("../patient1", {"Edema": {"size": [3, 3], "counts": "414"}}, "should be patientN_studyN", True),
    ],
)
def test_an_odd_entry_of_chexlocalize_is_left_out(
    tmp_path: Path, key: str, value: Any, message: str, numbered: bool
) -> None:
    free.write_chexlocalize(tmp_path)
    path = tmp_path / free.CHEXLOCALIZE
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    text, found = left_out(CheXlocalize(data_root=tmp_path))
    assert message in text and free.CHEXLOCALIZE in text
    assert [len(boxes) for _, _, boxes in found] == ([0] if numbered else []) + [1, 2, 1]


def test_an_image_of_another_size_is_refused_by_name(tmp_path: Path) -> None:
    free.write_chexlocalize(tmp_path)
    free.write_coco(tmp_path)
    free.save(tmp_path / "chexlocalize/CheXpert/test/patient64741/study1/view1_frontal.jpg", [], size=(100, 130))
    source: FileSource = CheXlocalize(data_root=tmp_path)
    with pytest.raises(HarnessError, match=r"frontal\.jpg is 100 x 130 pixels, and the field 'size' .* 200 x 260"):
        source.image(next(source.samples()))
    # Annotated upright, stored on its side.
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(trees.picture(260, 200, [])).save(tmp_path / "coco/images/a.jpg", exif=exif)
    source = CocoFolder(data_root=tmp_path)
    with pytest.raises(HarnessError, match=r"a\.jpg is 260 x 200 pixels as stored, .* say 200 x 260.*upright"):
        source.image(next(source.samples()))


# --- COCO


def test_coco_masks_are_of_all_segmentations_or_none(tmp_path: Path) -> None:
    free.write_coco(tmp_path)
    source = CocoFolder(data_root=tmp_path)
    both, nodules, crowd = source.samples()
    np.testing.assert_array_equal(source.mask(both), free.painted([(20, 200, 60, 240), (150, 200, 190, 240)]))
    assert source.mask(nodules) is None  # one of the two has no segmentation
    np.testing.assert_array_equal(source.mask(crowd), free.painted([(100, 150, 180, 240)]))


def test_coco_numbers_do_not_hang_on_the_order_of_the_file(tmp_path: Path) -> None:
    expected = free.write_coco(tmp_path)
    held = free.coco_file()
    for field in ("images", "annotations", "categories"):
        held[field].reverse()
    (tmp_path / free.COCO).write_text(json.dumps(held))
    found = said(CocoFolder(data_root=tmp_path))
    assert [(a, b, sorted(c)) for a, b, c in found] == [(a, b, sorted(c)) for a, b, c in expected]


@pytest.mark.parametrize(
    ("field", "entry", "message", "numbers"),
    [
        ("annotations", 3, "annotations[5]: should be an object, it is 3", [2, 2, 1]),
        ("annotations", {"image_id": 2, "category_id": 3}, "annotations[5]: the field 'bbox' is missing", [0, 2, 2, 1]),
        ("annotations", {"image_id": 2, "category_id": 3, "bbox": [1, 2, -3, 4]}, "should be left, top", [0, 2, 2, 1]),
        ("annotations", {"image_id": 2, "category_id": 99, "bbox": [1, 2, 3, 4]}, "no category has that id", [2, 2, 1]),
        ("annotations", {"image_id": 99, "category_id": 3, "bbox": [1, 2, 3, 4]}, "no image has that id", [2, 2, 1]),
        ("annotations", {"image_id": "2", "category_id": 3}, "'image_id' should be a whole number", [2, 2, 1]),
        ("categories", {"id": 4, "name": ""}, "categories[2]: the field 'name' should be a text", [2, 2, 1]),
        ("images", {"file_name": "x.png"}, "images[3]: the field 'id' should be a whole number", [2, 2, 1]),
    ],
)
def test_an_odd_entry_of_coco_is_left_out(
    tmp_path: Path, field: str, entry: Any, message: str, numbers: list[int]
) -> None:
    held = free.coco_file()
    held[field].append(entry)
    (tmp_path / free.COCO).parent.mkdir()
    (tmp_path / free.COCO).write_text(json.dumps(held))
    text, found = left_out(CocoFolder(data_root=tmp_path))
    assert message in text and f"{free.COCO}, {field}[" in text
    assert [len(boxes) for _, _, boxes in found] == numbers


@pytest.mark.parametrize("name", ["../a.jpg", "/a.jpg", "a\\b.jpg", "", None, "b/../../a.jpg", "C:/a.jpg"])
def test_a_coco_image_lies_in_its_folder(tmp_path: Path, name: Any) -> None:
    held = free.coco_file()
    held["images"][1]["file_name"] = name
    (tmp_path / free.COCO).parent.mkdir()
    (tmp_path / free.COCO).write_text(json.dumps(held))
    source = CocoFolder(data_root=tmp_path)
    text, found = left_out(source)
    assert "images[1]: the field 'file_name' should name a file" in text
    assert [len(boxes) for _, _, boxes in found] == [0, 2, 1]
    with pytest.raises(HarnessError, match="has no truth: "):
        source.image(next(source.samples()))


@pytest.mark.parametrize(
    "held", [[], {}, {"images": [], "annotations": []}, {"images": {}, "annotations": [], "categories": []}]
)
def test_what_is_no_coco_file(tmp_path: Path, held: Any) -> None:
    (tmp_path / free.COCO).parent.mkdir()
    (tmp_path / free.COCO).write_text(json.dumps(held))
    text = refusal(CocoFolder(data_root=tmp_path))
    assert "should be an object with lists of images, annotations and categories" in text and "export it" in text


def test_names_are_cleaned_and_bounded(tmp_path: Path) -> None:
    held = free.coco_file()
    held["categories"][1]["name"] = "no\x1b[31mdule\u202e " + "x" * 900
    (tmp_path / free.COCO).parent.mkdir()
    (tmp_path / free.COCO).write_text(json.dumps(held))
    name = said(CocoFolder(data_root=tmp_path))[1][1]
    assert name.startswith("no [31mdule x") and len(name) <= 200
