"""Annotations that are malformed: each fault is named by file, line and field, and none ends in another error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import data_trees as trees
import numpy as np
import pytest
from clinical_sources import QUICK, WRITERS, gold, left_out, padchest, refusal, said, spoil, vindr
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
def test_a_malformed_gold_row_is_left_out_by_name(tmp_path: Path, change: dict[str, str], message: str) -> None:
    """The sample that it is of keeps its number, where the row says of which it is."""
    rows = [gold_row(1, 2, "a", "lung opacity", [1, 2, 3, 4]), gold_row(7, 2, "c", "mass", [1, 2, 3, 4])]
    source = gold(tmp_path, rows[0], gold_row(1, 2, "b", "nodule", [1, 2, 3, 4], **change), rows[1])
    text, found = left_out(source)
    assert text.startswith(f"{tmp_path / trees.GOLD}, line 3: the field ") and message in text and len(text) < 400
    others = [("lung opacity", [(1, 2, 3, 4)]), ("mass", [(1, 2, 3, 4)])]
    if "relation" not in change:
        place = next(k for k, sample in enumerate(found) if not sample[2])
        # Ids that are no numbers come last; an image's name is sorted as text whatever it is.
        assert place == (2 if "patient_id" in change else 0 if found[0][1] == "nodule" else 1)
        assert found.pop(place)[1:] == ("nodule", [])
    assert [sample[1:] for sample in found] == others


def test_a_truth_with_a_hole_in_it_is_none(tmp_path: Path) -> None:
    rows = [gold_row(1, 2, "a", "mass", box) for box in ([1, 2, 3, 4], "[1, 2]", [5, 6, 7, 8])]
    source = gold(tmp_path, *rows)
    _, found = left_out(source)
    assert found == [(f"{trees.MIMIC}/p1/p1/s2/a.jpg", "mass", [])]
    (sample,) = source.samples()
    assert source.image_path(sample) is None
    with pytest.raises(HarnessError, match=r"has no truth: .*line 3: the field 'coord_original'"):
        source.image(sample)


def test_many_odd_rows_are_counted_and_some_are_named(tmp_path: Path) -> None:
    rows = [(f"{k:02d}", "ILD", 1, 2, "x" if k % 2 else 3, 4) for k in range(80)]
    source = vindr(tmp_path, *rows)
    found = said(source)
    assert [bool(boxes) for _, _, boxes in found] == [k % 2 == 0 for k in range(80)]
    (note,) = source.notes()
    assert "left out: 40." in note and "The others: line 5; line 7; " in note and "; and 27 more." in note
    source.annotations.write_text("image_id,class_name,x_min,y_min,x_max,y_max\na,ILD,1,2,3,4\n")
    assert len(said(source)) == 1 and source.notes() == []  # a walk forgets those before it


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
def test_a_malformed_vindr_row_is_left_out_by_name(tmp_path: Path, text: str) -> None:
    rows = [("a", "No finding", "", "", "", ""), ("b", "ILD", 1, 2, text, 4), ("c", "ILD", 1, 2, 3, 4)]
    message, found = left_out(vindr(tmp_path, *rows))
    assert [sample[1:] for sample in found] == [("ILD", []), ("ILD", [(1, 2, 3, 4)])]
    assert message.startswith(f"{tmp_path / trees.VINDR}, line 3: the field 'x_max' should be a number, it is ")


@pytest.mark.parametrize("image", ["../e1", "/etc/passwd", "..", "a/b"])
def test_a_vindr_image_is_a_name_and_no_path(tmp_path: Path, image: str) -> None:
    source = vindr(tmp_path, (image, "ILD", 1, 2, 3, 4))
    message, found = left_out(source)
    assert found == [("line 2", "ILD", [])]
    with pytest.raises(HarnessError, match="should name a file"):
        source.image(next(source.samples()))
    assert f"{trees.VINDR}, line 2: the field 'image_id' should name a file" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"image_id,class_name,x_min,y_min,x_max\na,b,1,2,3\n", "line 1: it names no column 'y_max', but"),
        (b"image_id,class_name,x_min,y_min,x_max,y_max,x_min\n", "line 1: it names several columns 'x_min'"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "line 1: it names no column 'image_id'"),
        (b"<!DOCTYPE html>\n<html>\n", "it names no column 'image_id', but '<!DOCTYPE html>'"),
    ],
)
def test_a_table_that_is_none_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    source = vindr(tmp_path)
    source.annotations.write_bytes(content)
    text = refusal(source)
    assert message in text and trees.VINDR in text and "download" in text and len(text) < 500


@pytest.mark.parametrize(
    ("line", "message", "numbered"),
    [
        (b"a,ILD,1,2", "line 3: the field 'x_max' is missing", True),
        (b"a,ILD,1,2,3,4,5", "line 3: it has 7 fields", True),
        (b"a,\xff,1,2,3,4", "line 3: it holds bytes that are no UTF-8", True),
        (b"a," + b"x" * 200_000 + b",1,2,3,4", "line 3: it is no line of a text table (field larger", False),
        (b",ILD,1,2,3,4,5", "line 3: it has 7 fields", False),
    ],
)
def test_an_odd_line_stops_nothing(tmp_path: Path, line: bytes, message: str, numbered: bool) -> None:
    source = vindr(tmp_path)
    good = b"image_id,class_name,x_min,y_min,x_max,y_max\n0,ILD,1,2,3,4\n%s\nb,ILD,1,2,3,4\n"
    source.annotations.write_bytes(good % line)
    text, found = left_out(source)
    assert message in text and len(text) < 400
    assert [bool(boxes) for _, _, boxes in found] == [True, *[False] * numbered, True]
    assert all(name.isprintable() and name for sample in found for name in sample[:2])


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
def test_a_malformed_finding_is_left_out_by_name(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    trees.write_padchest_gr(tmp_path)
    studies = [trees.study(1, trees.PADCHEST_A, [GOOD]), trees.study(2, trees.PADCHEST_A, [GOOD, GOOD | change, GOOD])]
    text, found = left_out(padchest(tmp_path, studies))
    assert text.startswith(f"{tmp_path / trees.PADCHEST}, study 2, finding 2: the field ") and message in text
    # It has a number where it would have been a sample: it says that it is abnormal, and has boxes.
    numbered = [True] if (GOOD | change)["abnormal"] and (GOOD | change)["boxes"] else []
    assert [bool(boxes) for _, _, boxes in found] == [True, True, *[False for _ in numbered], True]
    assert all(attribute for _, attribute, _ in found)
    lacking = {key: value for key, value in GOOD.items() if key not in change}
    text, _ = left_out(padchest(tmp_path, [trees.study(1, trees.PADCHEST_A, [lacking])]))
    assert f"the field {next(iter(change))!r} is missing" in text


def test_a_study_whose_image_has_no_name_keeps_its_numbers(tmp_path: Path) -> None:
    trees.write_padchest_gr(tmp_path)
    studies = [trees.study(1, "../a.png", [GOOD, GOOD]), "no study", trees.study(2, trees.PADCHEST_A, [GOOD])]
    source = padchest(tmp_path, studies)
    found = said(source)
    assert [(attribute, len(boxes)) for _, attribute, boxes in found] == [("nodule", 0), ("nodule", 0), ("nodule", 1)]
    (note,) = source.notes()
    assert "left out: 3." in note and "study 1" in note and "study 2" in note and ".." not in found[0][0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is no JSON"), ("[", "is no JSON"), ("[" * 200_000, "is no JSON"), ("{}", "a list of studies"),
        ("[]", "a list of studies"),
    ],
)  # fmt: skip
def test_a_list_of_studies_that_is_none_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / trees.PADCHEST).write_text(content)
    text = refusal(PadChestGR(data_root=tmp_path))
    assert message in text and trees.PADCHEST in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[3]", "study 1: should be an object, it is 3"),
        ('[{"ImageID": "a.png"}]', "study 1: the field 'findings' is missing"),
        ('[{"ImageID": "a.png", "findings": [7]}]', "study 1, finding 1: should be an object"),
        ('[{"ImageID": "../a.png", "findings": []}]', "'ImageID' should name a file and no path"),
        ('[{"ImageID": "/a.png", "findings": []}]', "'ImageID' should name a file and no path"),
        ('[{"ImageID": 3, "findings": []}]', "'ImageID' should be text, it is 3"),
    ],
)
def test_a_study_that_is_none_is_left_out_by_name(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / trees.PADCHEST).write_text(content)
    text, found = left_out(PadChestGR(data_root=tmp_path))
    assert message in text and trees.PADCHEST in text and found == []


@QUICK
@given(content=st.binary(max_size=300), cls=st.sampled_from(list(WRITERS)), keep=st.integers(0, 400))
def test_no_file_whatever_ends_in_another_error(
    tmp_path: Path, content: bytes, cls: type[FileSource], keep: int
) -> None:
    root = tmp_path / cls.name
    path = spoil(cls, WRITERS[cls], root, keep, content)
    try:
        source = cls(data_root=root)
        for sample in source.samples():
            assert (sample.image.strip() and sample.attribute.strip()) or not source.left_out
            assert all(np.isfinite(box).all() and box.area > 0 for box in sample.boxes)
    except HarnessError as error:
        assert str(path) in str(error)
