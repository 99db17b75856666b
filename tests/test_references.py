"""``harness references build``: which images it takes, the masks it draws, what it refuses; MedFocus on the pool."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import data_trees as trees
import numpy as np
import pytest
import toys
from PIL import Image
from small_vision import save_sam

import harness.cli.main
from harness.bench.records import Record, write_records
from harness.errors import HarnessError
from harness.imaging.frame import Box, Letterbox
from harness.imaging.read import letterbox
from harness.reading.image import read_image
from harness.registry import Registry
from harness.testing.region import RegionModel, make_case
from leaderboard.board import make_board
from plugins.attributors import medfocus
from plugins.attributors.medfocus.candidates import candidates
from plugins.attributors.medfocus.concepts import CONCEPTS
from plugins.attributors.medfocus.medfocus import MedFocus
from plugins.attributors.medfocus.medfocus_consensus import MedFocusConsensus
from plugins.attributors.medfocus.references import DEFAULT_POOL, Pool, load_pool
from plugins.sources import imagenome

ROOT = Path(__file__).parents[1]
PLACE = Letterbox(200, 260)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three normal images and one that is not, and a wide terminal."""
    monkeypatch.setenv("COLUMNS", "200")
    trees.write_references(tmp_path / "data")
    return tmp_path / "data"


def build(data: Path, *arguments: Any, count: int = 3) -> Pool:
    """The pool of a command that succeeds."""
    output = data.parent / "pool.npz"
    assert harness.cli.main.main(command(data, "--output", output, "--count", count, *arguments)) == 0
    return load_pool(output)


def command(data: Path, *arguments: Any) -> list[str]:
    return ["references", "build", "--data-root", str(data), *map(str, arguments)]


def change(path: Path, old: str, new: str, times: int = -1) -> None:
    """Change a table's text, which must hold ``old``."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, times))


def name(k: int) -> str:
    return f"{k:08x}-0d1e2f3a-0d1e2f3a-4b5c6d7e-00000000"


def extent(mask: np.ndarray) -> Box:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return Box(columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)


def test_from_the_tables_to_an_explanation(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pool = build(data)
    out = capsys.readouterr().out
    assert "3 normal images of Chest ImaGenome 1.0.0 (gold standard), masks: its boxes." in out
    assert f"-o medfocus.pool={data.parent / 'pool.npz'}" in out and "do not share the file" in out
    assert "passed over" not in out
    paths = sorted(data.glob(f"{trees.MIMIC}/p10/*/*/*.jpg"))
    for k, path in enumerate(paths[:3]):
        np.testing.assert_array_equal(pool.images[k], letterbox(read_image(path))[0][..., 0])
        for concept, (x0, y0, x1, y1) in trees.CHEST.items():
            if concept in CONCEPTS:
                found = extent(pool.masks[k, CONCEPTS.index(concept)])
                np.testing.assert_allclose(found, PLACE.to_frame(Box(x0, y0 + k, x1, y1 + k)), atol=0.5 + 1e-9)
    method = MedFocusConsensus(MedFocusConsensus.Options(pool=data.parent / "pool.npz"))
    method.load()
    image = letterbox(read_image(paths[3]))[0]
    heart = PLACE.to_frame(Box(80, 133, 150, 203))
    result = method.attribute(make_case(RegionModel(heart), image, "yes", PLACE.content))
    assert result.concept == "cardiac silhouette" and result.concept_boxes is not None
    np.testing.assert_allclose(result.concept_boxes["cardiac silhouette"], heart, atol=8)


def test_the_mediastinum_is_its_parts_unless_it_has_a_box(data: Path) -> None:
    whole, upper, heart = (
        CONCEPTS.index(part) for part in ("mediastinum", "upper mediastinum", "cardiac silhouette")
    )
    masks = build(data).masks
    np.testing.assert_array_equal(masks[:, whole], masks[:, upper] | masks[:, heart])
    with (data / trees.REGIONS).open("a") as file:
        file.write(",".join(f'"{cell}"' for cell in trees.region_row(name(1), "mediastinum", [70, 30, 160, 210])))
    masks = build(data).masks
    np.testing.assert_allclose(extent(masks[1, whole]), PLACE.to_frame(Box(70, 30, 160, 210)), atol=0.5 + 1e-9)
    np.testing.assert_array_equal(masks[0, whole], masks[0, upper] | masks[0, heart])


def test_who_is_normal_and_in_which_order(data: Path) -> None:
    def order() -> list[int]:
        return [int(candidate.image.name[:8], 16) for candidate in candidates(data)]

    assert order() == [0, 1, 2]
    rows = (data / trees.GOLD).read_text()
    tube = trees.gold_row(10000100, 50000000, name(0), "endotracheal tube", "", categoryID="tubesandlines")
    (data / trees.GOLD).write_text(rows + "\t".join(tube).replace('"mild"', "mild") + "\n")
    assert order() == [1, 2, 0]
    change(data / trees.GOLD, "endotracheal tube\ttubesandlines", "abnormal\tnlp")
    assert order() == [1, 2]
    change(data / trees.GOLD, "\t1\tabnormal", "\t0\tabnormal")
    assert order() == [0, 1, 2]


def test_the_same_data_give_the_same_bytes_in_any_order_of_rows(data: Path) -> None:
    build(data, count=2)
    first = (data.parent / "pool.npz").read_bytes()
    for table in (trees.GOLD, trees.REGIONS):
        header, *rows = (data / table).read_text().splitlines(keepends=True)
        (data / table).write_text(header + "".join(reversed(rows)))
    build(data, count=2)
    assert (data.parent / "pool.npz").read_bytes() == first


def test_too_few_are_counted_and_explained(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(data / trees.REGIONS, f"{name(0)}.dcm,0.0,0.0,0.0,0.0,0.0,0.0,left clavicle", "x.dcm,0,0,0,0,0,0,svc")
    output = data.parent / "pool.npz"
    assert harness.cli.main.main(command(data, "--output", output)) == 2
    out, err = capsys.readouterr()
    assert f"{name(0)}.jpg: no box of left clavicle" in out and not output.exists()
    assert "Of 16 references 2 were found: normal images 3, of these with all 11 concepts 2" in err
    assert "What the others lack: left clavicle (1). --count 2 takes those that were found." in err
    assert len(build(data, count=2).images) == 2


def test_a_box_without_area_or_coordinates_is_none(data: Path) -> None:
    change(data / trees.REGIONS, str(trees.CHEST["left clavicle"]), "[0, 0, 0, 0]")
    change(data / trees.REGIONS, f'"{trees.CHEST["right hilar structures"]}"', "")
    lacks = [candidate.lacks for candidate in candidates(data)]
    assert lacks == [["left clavicle", "right hilar structures"], [], []]
    change(data / trees.REGIONS, "cardiac silhouette", "heart")
    assert candidates(data)[1].lacks == ["cardiac silhouette", "mediastinum"]


def test_images_that_cannot_be_used_are_passed_over(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trees.write_references(data, 5)
    paths = sorted(data.glob(f"{trees.MIMIC}/p10/*/*/*.jpg"))
    paths[0].write_bytes(paths[0].read_bytes()[:-200])
    paths[1].unlink()
    Image.fromarray(np.full((180, 200), 90, np.uint8)).save(paths[2])  # the angles lie below it
    pool = build(data, count=2)
    out = capsys.readouterr().out
    assert "Normal images that were passed over: 3." in out
    assert "is broken" in out and "No such file" in out
    assert "no pixel of left costophrenic angle, right costophrenic angle" in out
    np.testing.assert_array_equal(pool.images[0], letterbox(read_image(paths[3]))[0][..., 0])


FAULTS: dict[str, Callable[[Path], None]] = {
    r"line 2: the field 'relation' should be a number": lambda data: change(
        data / trees.GOLD, "\t1\tnormal", "\tyes\tnormal", 1
    ),
    r"line 2: the field 'patient_id' should be a whole number": lambda data: change(
        data / trees.GOLD, "10000103\t", "p1\t", 1
    ),
    r"line 2: the field 'image_id' should name a file and no path": lambda data: change(
        data / trees.GOLD, name(3), "../../../../secret", 1
    ),
    r"csv, line 2: the field 'image_id' should name a file and no path": lambda data: change(
        data / trees.REGIONS, name(3), "/etc/passwd", 1
    ),
    r"csv, line 2: the field 'coord_original' should be a list of four": lambda data: change(
        data / trees.REGIONS, "[80, 133, 150, 203]", "[__import__('os')]", 1
    ),
    r"csv, line 1: it names no column 'bbox_name'": lambda data: change(
        data / trees.REGIONS, "bbox_name", "region", 1
    ),
    r"csv does not exist; get it from PhysioNet": lambda data: (data / trees.REGIONS).unlink(),
    r"coordinates.txt does not exist; get it": lambda data: (data / trees.GOLD).unlink(),
}


@pytest.mark.parametrize("message", FAULTS)
def test_faults_in_the_tables_are_named(data: Path, message: str) -> None:
    FAULTS[message](data)
    with pytest.raises(HarnessError, match=message):
        candidates(data)


def test_medsam_draws_the_masks(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    save_sam(data.parent / "sam")
    boxes, outlines = build(data), build(data, "--medsam", data.parent / "sam")
    assert "drawn by MedSAM" in outlines.origin and "drawn by MedSAM" in capsys.readouterr().out
    np.testing.assert_array_equal(outlines.images, boxes.images)
    assert outlines.masks.any((2, 3)).all() and (outlines.masks != boxes.masks).any()
    assert harness.cli.main.main(command(data, "--medsam", data / "none.pth")) == 2
    assert "none.pth does not exist" in capsys.readouterr().err


def test_what_is_refused_before_anything_is_read(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        (["--data-root", str(data / "gone")], "is no folder"),
        (["--data-root", str(data), "--output", "pool.png"], "an .npz file"),
        (["--data-root", str(data), "--output", str(data / "gone" / "pool.npz")], "does not exist"),
    ):
        assert harness.cli.main.main(["references", "build", *arguments]) == 2
        assert message in capsys.readouterr().err
    assert harness.cli.main.main(["references"]) == 2
    assert "build" in capsys.readouterr().err


def test_the_command_is_light() -> None:
    code = (
        "import sys; from plugins.attributors.medfocus.command import add_parser\n"
        "assert not {'numpy', 'torch', 'PIL'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr


def test_medfocus_tells_whose_anatomy_it_uses(data: Path) -> None:
    build(data)
    real = MedFocus(MedFocus.Options(pool=data.parent / "pool.npz"))
    assert "3 normal images of Chest ImaGenome" in " ".join(real.notes(["imagenome"]))
    shipped = MedFocus(MedFocus.Options())
    assert shipped.options.pool == DEFAULT_POOL and shipped.notes(["phantom"]) == []
    for sources in (["imagenome"], ["imagenome", "phantom"], []):
        (note,) = shipped.notes(sources)
        assert "16 normal phantoms" in note and "harness references build" in note
    with pytest.raises(HarnessError, match="does not exist"):
        MedFocus(MedFocus.Options(pool=data / "gone.npz")).load()


def test_a_board_of_real_images_says_that_phantoms_were_the_references(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(toys.world(imagenome, medfocus))
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls: registry))
    build(data)
    trees.write_imagenome(data)
    write_records(data.parent / "bench", [Record("toy_1b", "imagenome", 0, "Yes", "direct", "Yes", "No", "Yes", "Yes")])
    notes = []
    for pool in (DEFAULT_POOL, data.parent / "pool.npz"):
        out = data.parent / pool.stem
        status = harness.cli.main.main(
            ["eval", "--attributor", "medfocus", "-o", f"medfocus.pool={pool}", "--output", str(out),
             "--bench", str(data.parent / "bench"), "--data-root", str(data)]
        )  # fmt: skip
        assert status == 0
        notes += make_board([out]).notes
    assert "16 normal phantoms" in notes[0] and "3 normal images of Chest ImaGenome" in notes[1]
