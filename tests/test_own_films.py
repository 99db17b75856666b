"""``harness references build --films`` and ``show``: what anybody annotated becomes a pool, or one clear sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import harness.cli.main
from harness.errors import HarnessError
from harness.imaging.frame import Box, Letterbox
from plugins.attributors.medfocus.concepts import CONCEPTS
from plugins.attributors.medfocus.own_films import pool_of_films
from plugins.attributors.medfocus.references import load_pool

WIDTH, HEIGHT = 100, 140
LUNG, HEART = Box(55, 20, 90, 110), Box(40, 60, 80, 100)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Two films; the first has masks in a folder of its name."""
    root = tmp_path / "films"
    (root / "a").mkdir(parents=True)
    for name in "ab":
        Image.fromarray(np.random.default_rng(ord(name)).integers(0, 255, (HEIGHT, WIDTH), np.uint8)).save(
            root / f"{name}.png"
        )
    Image.fromarray(np.uint8(255) * filled(LUNG)).save(root / "a" / "left_lung.png")
    np.save(root / "a" / "Cardiac Silhouette.npy", filled(HEART))
    return root


def filled(box: Box) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = 1
    return mask


def assert_box(mask: np.ndarray, box: Box) -> None:
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    found = Box(cols[0], rows[0], cols[-1] + 1, rows[-1] + 1)
    np.testing.assert_allclose(found, Letterbox(WIDTH, HEIGHT).to_frame(box), atol=1)


def labelme(label: str = "left lung", **other: Any) -> str:
    shape = {"label": label, "points": [[55, 20], [90, 110]], "shape_type": "rectangle", **other}
    return json.dumps({"shapes": [shape], "imageWidth": WIDTH, "imageHeight": HEIGHT})


def coco(**other: Any) -> str:
    heart = {"image_id": 7, "category_id": 2, "bbox": [40, 60, 40, 40]}
    lung = {"image_id": 7, "category_id": 1, "segmentation": [[55, 20, 90, 20, 90, 110, 55, 110]]} | other
    categories = [{"id": 1, "name": "left lung"}, {"id": 2, "name": "cardiac silhouette"}]
    images = [{"id": 7, "file_name": "b.png", "width": WIDTH, "height": HEIGHT}]
    return json.dumps({"images": images, "categories": categories, "annotations": [heart, lung]})


def test_masks_shapes_and_coco_say_the_same(films: Path, tmp_path: Path) -> None:
    pool = pool_of_films(films)
    assert len(pool.images) == 1 and pool.origin == "1 film of the folder films"
    (films / "b.json").write_text(labelme())
    assert len(pool_of_films(films, count=1).images) == 1
    both = pool_of_films(films)
    (tmp_path / "coco.json").write_text(coco())
    third = pool_of_films(films, tmp_path / "coco.json")
    lung, heart = CONCEPTS.index("left lung"), CONCEPTS.index("cardiac silhouette")
    for mask in (both.masks[0, lung], both.masks[1, lung], third.masks[0, lung]):
        assert_box(mask, LUNG)
    for mask in (both.masks[0, heart], third.masks[0, heart]):
        assert_box(mask, HEART)
    assert not both.masks[1, heart].any()
    np.testing.assert_array_equal(both.images[1], third.images[0])


def test_the_commands(films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pool, picture = tmp_path / "own.npz", tmp_path / "own.png"
    assert harness.cli.main.main(["references", "build", "--films", str(films), "--output", str(pool)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "1 film of the folder films" in out and "No film has right lung" in out and "references show" in out
    assert len(load_pool(pool).images) == 1
    assert harness.cli.main.main(["references", "show", str(pool), "--output", str(picture)]) == 0
    assert Image.open(picture).size[0] == 224
    for arguments, message in (
        (["build", "--films", str(films / "none")], "is no folder"),
        (["build", "--films", str(films), "--medsam", "x"], "leave it out"),
        (["build", "--data-root", str(films), "--annotations", "x.json"], "give it by --films"),
        (["show", str(pool), "--output", "a.gif"], "The picture is a PNG"),
        (["show", str(tmp_path / "gone.npz")], "does not exist"),
    ):
        assert harness.cli.main.main(["references", *arguments]) == 2
        assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"b.json are no JSON: .*; export"),
        ("[]", "should hold an object"),
        ("{}", "the field 'shapes' should be a list"),
        (labelme(shape_type="circle"), r"shapes\[0\]: shape_type is 'circle'; draw"),
        (labelme(points=[[1, "x"]]), r"the field 'points' should be at least 2 points"),
        (labelme(points=[[1, float("nan")], [2, 3]]), "the field 'points'"),
        (json.dumps({"shapes": [{}]}), "the field 'label' should be text"),
        (json.dumps({"shapes": [], "imageWidth": 5, "imageHeight": 5}), "5 x 5 pixels, but .*b.png has 100 x 140"),
    ],
)
def test_broken_labelme_files_are_named(films: Path, text: str, message: str) -> None:
    (films / "b.json").write_text(text)
    with pytest.raises(HarnessError, match=message):
        pool_of_films(films)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (coco(image_id=9), r"annotations\[1\]: the field 'image_id' names nothing"),
        (coco(category_id=9), r"annotations\[1\]: the field 'category_id' names nothing"),
        (coco(segmentation={"counts": "abc"}), "run-length coded; export polygons"),
        (coco(segmentation=[[1, 2, 3]]), "the field 'segmentation'"),
        (coco(segmentation=[], bbox=[1, 2]), "the field 'bbox' should be"),
    ],
)
def test_broken_coco_files_are_named(films: Path, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "coco.json").write_text(text)
    with pytest.raises(HarnessError, match=message):
        pool_of_films(films, tmp_path / "coco.json")


def test_masks_that_cannot_be_used_are_named(films: Path) -> None:
    np.save(films / "a" / "left lung.npy", np.zeros((3, 4)))
    with pytest.raises(HarnessError, match=r"has 4 x 3 pixels, but the film .*a.png has 100 x 140"):
        pool_of_films(films)
    np.save(films / "a" / "left lung.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(HarnessError, match="cannot be read"):
        pool_of_films(films)
    (films / "a" / "left lung.npy").rename(films / "a" / "spleen.npy")
    with pytest.raises(HarnessError, match="no concept's name; rename it to one of: cardiac"):
        pool_of_films(films)
    with pytest.raises(HarnessError, match=r"No film in .* has a concept"):
        pool_of_films(films / "a")
