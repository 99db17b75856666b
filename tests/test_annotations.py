"""Annotations that are malformed: each fault is named by file, line and field, and none ends in another error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import data_trees as trees
import numpy as np
import pytest
from clinical_sources import QUICK, WRITERS, gold, padchest, refusal, said, vindr
from data_trees import gold_row
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from plugins.sources.files import FileSource
from plugins.sources.padchest_gr import PadChestGR


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coord_original": "[1, 2, 3]"}, "'coord_original' should be a list of four numbers, it is [1, 2, 3]"),
        ({"coord_original": "[1, 2, 3, True]"}, "'coord_original' should be"),
        ({"coord_original": "[1, 2, 3, 1e999]"}, "'coord_original' should be"),
        ({"coord_original": "__import__('os').getcwd()"}, "should be a list of four numbers, it is \"__import__"),
        ({"coord_original": "[" * 300}, "'coord_original' should be"),
        ({"coord_original": "[1, 2, 3, " + "9" * 100_000 + "]"}, "..."),
        ({"coord_original": ""}, "'coord_original' should be"),
        ({"patient_id": "../../etc"}, "'patient_id' should be a whole number, it is '../../etc'"),
        ({"patient_id": "١٠"}, "'patient_id' should be a whole number"),
        ({"study_id": "5e7"}, "'study_id' should be a whole number"),
        ({"image_id": "../x.dcm"}, "'image_id' should name a file and no path, it is '../x.dcm'"),
        ({"image_id": "..\\x.dcm"}, "'image_id' should name a file and no path"),
        ({"image_id": ".."}, "'image_id' should name a file"),
        ({"image_id": "a\x01b"}, "'image_id' should name a file"),
        ({"relation": "yes"}, "'relation' should be a number, it is 'yes'"),
    ],
)
def test_a_malformed_gold_row_is_named(tmp_path: Path, change: dict[str, str], message: str) -> None:
    good = gold_row(1, 2, "a", "lung opacity", [1, 2, 3, 4])
    text = refusal(gold(tmp_path, good, gold_row(1, 2, "a", "lung opacity", [1, 2, 3, 4], **change)))
    assert text.startswith(f"{tmp_path / trees.GOLD}, line 3: the field ") and message in text
    assert text.endswith("download it again.") and len(text) < 400


def test_rows_that_are_not_in_use_may_hold_anything(tmp_path: Path) -> None:
    junk = {"coord_original": "", "image_id": "../x"}
    rows = [
        gold_row("x", "", "a", "lung opacity", "", relation=0, **junk),
        gold_row("x", "", "a", "lung opacity", "", relation="", **junk),
        gold_row("x", "", "a", "lung opacity", "", categoryID="nlp", **junk),
    ]
    assert said(gold(tmp_path, *rows)) == []


def test_boxes_that_cover_nothing_are_left_out(tmp_path: Path) -> None:
    rows = [gold_row(1, 2, "a", "mass", box) for box in ([9, 2, 3, 4], (1, 2, 3, 4), [5, 5, 5, 9])]
    assert said(gold(tmp_path, *rows)) == [(f"{trees.MIMIC}/p1/p1/s2/a.jpg", "mass", [(1, 2, 3, 4)])]


@pytest.mark.parametrize("text", ["nan", "", "1_0", "0x1", "inf", "1e999", "1,5", "١"])
def test_a_malformed_vindr_row_is_named(tmp_path: Path, text: str) -> None:
    message = refusal(vindr(tmp_path, ("a", "No finding", "", "", "", ""), ("a", "ILD", 1, 2, text, 4)))
    assert message.startswith(f"{tmp_path / trees.VINDR}, line 3: the field 'x_max' should be a number, it is ")


@pytest.mark.parametrize("image", ["../e1", "/etc/passwd", "..", "a/b"])
def test_a_vindr_image_is_a_name_and_no_path(tmp_path: Path, image: str) -> None:
    message = refusal(vindr(tmp_path, (image, "ILD", 1, 2, 3, 4)))
    assert f"{trees.VINDR}, line 2: the field 'image_id' should name a file" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"image_id,class_name,x_min,y_min,x_max\na,b,1,2,3\n", "line 1: it names no column 'y_max', but"),
        (b"image_id,class_name,x_min,y_min,x_max,y_max,x_min\n", "line 1: it names several columns 'x_min'"),
        (b"image_id,class_name,x_min,y_min,x_max,y_max\na,ILD,1,2\n", "line 2: the field 'x_max' is missing"),
        (b"image_id,class_name,x_min,y_min,x_max,y_max\na,ILD,1,2,3,4,5\n", "line 2: it has 7 fields"),
        (b"image_id,class_name,x_min,y_min,x_max,y_max\na,\xff,1,2,3,4\n", "this is no text table"),
        (b"image_id,class_name,x_min,y_min,x_max,y_max\na," + b"x" * 200_000 + b",1,2,3,4\n", "field limit"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "this is no text table"),
        (b"<!DOCTYPE html>\n<html>\n", "it names no column 'image_id', but '<!DOCTYPE html>'"),
    ],
)
def test_a_table_that_is_none_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    source = vindr(tmp_path)
    source.annotations.write_bytes(content)
    text = refusal(source)
    assert message in text and trees.VINDR in text and "download" in text and len(text) < 500


@pytest.mark.parametrize("cls", WRITERS)
def test_a_byte_order_mark_and_other_line_ends_change_nothing(cls: type[FileSource], tmp_path: Path) -> None:
    expected = WRITERS[cls](tmp_path)
    path = tmp_path / cls.data[0].path
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n\r\n")
    assert said(cls(data_root=tmp_path)) == expected


GOOD = {"abnormal": True, "boxes": [[0, 0, 1, 1]], "extra_boxes": [], "labels": ["nodule"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"abnormal": 1}, "'abnormal' should be true or false, it is 1"),
        ({"abnormal": None}, "'abnormal' should be true or false"),
        ({"boxes": None}, "'boxes' should be a list"),
        ({"boxes": [[0, 0, 1]]}, "'boxes' should be a list of four numbers, it is [0, 0, 1]"),
        ({"boxes": [["0", 0, 1, 1]]}, "'boxes' should be a list of four numbers"),
        ({"extra_boxes": [[0, 0, float("nan"), 1]]}, "'extra_boxes' should be a list of four numbers"),
        ({"extra_boxes": [[0, 0, 10**400, 1]]}, "'extra_boxes' should be a list of four numbers"),
        ({"boxes": [[0, 0, 512, 512]]}, "'boxes' should hold shares of the image's size, 0 to 1"),
        ({"labels": "nodule"}, "'labels' should be a list, it is 'nodule'"),
        ({"labels": ["nodule", None]}, "'labels' should be a list of texts, one is None"),
    ],
)
def test_a_malformed_finding_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    trees.write_padchest_gr(tmp_path)
    studies = [trees.study(1, trees.PADCHEST_A, [GOOD]), trees.study(2, trees.PADCHEST_A, [GOOD, GOOD | change])]
    text = refusal(padchest(tmp_path, studies))
    assert text.startswith(f"{tmp_path / trees.PADCHEST}, study 2, finding 2: the field ") and message in text
    lacking = {key: value for key, value in GOOD.items() if key not in change}
    text = refusal(padchest(tmp_path, [trees.study(1, trees.PADCHEST_A, [lacking])]))
    assert f"the field {next(iter(change))!r} is missing" in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is no JSON"), ("[", "is no JSON"), ("[" * 200_000, "is no JSON"), ("{}", "a list of studies"),
        ("[]", "a list of studies"), ("[3]", "study 1: should be an object, it is 3"),
        ('[{"ImageID": "a.png"}]', "study 1: the field 'findings' is missing"),
        ('[{"ImageID": "a.png", "findings": [7]}]', "study 1, finding 1: should be an object"),
        ('[{"ImageID": "../a.png", "findings": []}]', "'ImageID' should name a file and no path"),
        ('[{"ImageID": "/a.png", "findings": []}]', "'ImageID' should name a file and no path"),
        ('[{"ImageID": 3, "findings": []}]', "'ImageID' should be text, it is 3"),
    ],
)  # fmt: skip
def test_a_list_of_studies_that_is_none_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / trees.PADCHEST).write_text(content)
    text = refusal(PadChestGR(data_root=tmp_path))
    assert message in text and trees.PADCHEST in text


@QUICK
@given(content=st.binary(max_size=300), cls=st.sampled_from(list(WRITERS)), keep=st.integers(0, 400))
def test_no_file_whatever_ends_in_another_error(
    tmp_path: Path, content: bytes, cls: type[FileSource], keep: int
) -> None:
    root = tmp_path / cls.name
    if not root.exists():
        WRITERS[cls](root)
        (root / "good").write_bytes((root / cls.data[0].path).read_bytes())
    path = root / cls.data[0].path
    path.write_bytes((root / "good").read_bytes()[:keep] + content)
    try:
        for sample in cls(data_root=root).samples():
            assert all(np.isfinite(box).all() and box.area > 0 for box in sample.boxes)
    except HarnessError as error:
        assert str(path) in str(error)
