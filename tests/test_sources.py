"""The clinical sources: the release's order, annotations read strictly, and no path out of the data root."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import data_trees as trees
import numpy as np
import pytest
from data_trees import BRIGHT, gold_row
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from harness.contracts.source import Sample
from harness.errors import HarnessError
from harness.imaging.frame import Box
from plugins.sources.files import FileSource
from plugins.sources.imagenome import ImaGenome
from plugins.sources.padchest_gr import PadChestGR
from plugins.sources.vindr_cxr import VinDrCXR

WRITERS: dict[type[FileSource], Callable[[Path], list[trees.Expected]]] = {
    ImaGenome: trees.write_imagenome,
    VinDrCXR: trees.write_vindr_cxr,
    PadChestGR: trees.write_padchest_gr,
}
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def said(source: FileSource) -> list[tuple[Any, ...]]:
    """What a source yields, as data_trees puts it down; the indices are checked."""
    samples = list(source.samples())
    assert [sample.index for sample in samples] == list(range(len(samples)))
    assert {sample.source for sample in samples} <= {source.name}
    return [(sample.image, sample.attribute, [tuple(box) for box in sample.boxes]) for sample in samples]


def refusal(source: FileSource) -> str:
    """The one sentence or two that a source refuses its annotations with."""
    with pytest.raises(HarnessError) as raised:
        list(source.samples())
    return str(raised.value)


def gold(root: Path, *rows: list[str], columns: tuple[str, ...] = trees.GOLD_COLUMNS) -> ImaGenome:
    trees.write_table(root / trees.GOLD, columns, rows, "\t")
    return ImaGenome(data_root=root)


def vindr(root: Path, *rows: tuple[Any, ...]) -> VinDrCXR:
    trees.write_table(root / trees.VINDR, trees.VINDR_COLUMNS, rows, ",")
    return VinDrCXR(data_root=root)


def padchest(root: Path, studies: Any) -> PadChestGR:
    (root / trees.PADCHEST).write_text(json.dumps(studies))
    return PadChestGR(data_root=root)


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


# --- malformed annotations


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
