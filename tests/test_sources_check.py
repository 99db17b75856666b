"""``harness sources check``: what it counts, what it says is missing, and its exit statuses."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import data_trees as trees
import free_trees as free
import numpy as np
import pytest

import harness.cli.main
from harness.contracts.source import DataPath, Sample, Source
from harness.hookspecs import hookimpl
from harness.registry import Registry

ROOT = Path(__file__).parents[1]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All three trees, and a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    for variable in ("TRANSFORMERS_VERBOSITY", "TOKENIZERS_PARALLELISM"):
        monkeypatch.setenv(variable, os.environ.get(variable, ""))
    for write in (trees.write_imagenome, trees.write_vindr_cxr, trees.write_padchest_gr):
        write(tmp_path / "data")
    return tmp_path / "data"


def check(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, dict[str, list[str]]]:
    """The exit status, the output, and the table's cells by source."""
    status = harness.cli.main.main(["sources", "check", *map(str, arguments)])
    out = capsys.readouterr().out
    table = [line.split() for line in out.split("\n\n")[0].splitlines()[1:]]
    return status, out, {cells[0]: cells[1:] for cells in table}


def test_complete_data_sets(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, cells = check(capsys, "--data-root", data)
    assert status == 0
    assert cells == {
        "imagenome": ["5", "3", "0", "–", "complete"],
        "padchest_gr": ["3", "2", "0", "–", "complete"],
        "vindr_cxr": ["4", "2", "0", "–", "complete"],
    }
    assert len(out.split("\n\n")[0].splitlines()) == 4 and max(map(len, out.splitlines())) <= 80
    assert check(capsys, "--data-root", data, "--images")[2]["vindr_cxr"] == ["4", "2", "0", "0", "complete"]


def test_how_large_boxes_are_where_they_lie_and_what_that_is_worth(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = check(capsys, "--data-root", data)
    vindr = next(part for part in out.split("\n\n") if part.startswith("vindr_cxr: boxes about each finding"))
    assert "imagenome: boxes about each region" in out
    rows = {" ".join(line.split()[:-8]): line.split()[-8:] for line in vindr.splitlines() if "±" in line}
    # 140 x 70 of 300 x 220 pixels, its middle at 160, 155; alone of its kind, it is guessed from all others.
    assert rows["Cardiomegaly"][:6] == ["1", "14.8", "(14.8-14.8)", "53", "±0", "70"]
    assert rows["all"][0] == "4" and 0 < float(rows["all"][-1]) < 60
    assert " ".join(out.split()).count("prior IoU: what the best constant box") == 1
    shutil.rmtree(data / trees.VINDR_IMAGES)
    _, out, _ = check(capsys, "--data-root", data, "--source", "vindr_cxr")
    assert "boxes about" not in out  # of images that are not there nobody knows the size


def test_sources_of_which_nothing_is_there_are_named_and_not_counted(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    free.write_coco(data)
    assert harness.cli.main.main(["sources", "check", "--data-root", str(data)]) == 0
    said = capsys.readouterr()
    assert "coco" in said.out and "nih" not in said.out
    # MIMIC-CXR's images are there, but they are ImaGenome's too.
    assert "Nothing is there of chexlocalize, chexlocalize-val, ms-cxr, nih-chestxray14;" in " ".join(said.err.split())
    status, out, cells = check(capsys, "--data-root", data, "--source", "nih-chestxray14")
    assert status == 1 and "nihcc.app.box.com" in out and cells.keys() == {"nih-chestxray14"}


def test_rows_that_cannot_be_read_are_named(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = data / trees.VINDR
    path.write_text(path.read_text().replace("100.4", "wide"))
    status, out, cells = check(capsys, "--data-root", data, "--source", "vindr_cxr", "--images")
    assert status == 1 and cells["vindr_cxr"] == ["4", "2", "0", "0", "incomplete"]
    text = " ".join(out.split())
    assert "left out: 1." in text and "line 2: the field 'x_min' should be a number, it is 'wide'" in text
    assert "1 samples are not in it" in text


def test_what_is_missing_and_where_to_get_it(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(data / trees.MIMIC / "p19")
    (data / trees.VINDR).unlink()
    shutil.rmtree(data / trees.PADCHEST_IMAGES)
    status, out, cells = check(capsys, "--data-root", data)
    lines = [line.strip() for line in out.splitlines()]
    assert status == 1
    assert cells["imagenome"] == ["5", "3", "1", "–", "incomplete"]
    assert cells["padchest_gr"] == ["3", "2", "2", "–", "incomplete"]
    assert cells["vindr_cxr"] == ["–", "–", "–", "–", "incomplete"]
    for line in (
        "1 of 3 images missing, the first:",
        f"{trees.MIMIC}/p19/p19999999/s50000001/{trees.MIMIC_B}.jpg",
        "https://physionet.org/content/mimic-cxr-jpg/2.1.0/",
        trees.VINDR,
        "annotations missing; get them from PhysioNet (credentialed access):",
        "https://physionet.org/content/vindr-cxr/1.0.0/",
        "https://bimcv.cipf.es/bimcv-projects/padchest-gr/",
    ):
        assert lines.count(line) == 1, line
    assert "chest-imagenome" not in out  # that is there
    assert check(capsys, "--data-root", data, "--source", "padchest-gr")[2].keys() == {"padchest_gr"}


def test_unreadable_images_are_found_when_asked_for(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = data / trees.VINDR_IMAGES / f"{trees.VINDR_A}.dicom"
    image.write_bytes(image.read_bytes()[:-100])
    arguments = ["--data-root", data, "--source", "vindr-cxr"]
    assert check(capsys, *arguments)[0] == 0
    status, out, cells = check(capsys, *arguments, "--images")
    assert (status, cells["vindr_cxr"]) == (1, ["4", "2", "0", "1", "incomplete"])
    assert "1 of 2 images unreadable, the first: " in out and "a.dicom" not in cells
    # PadChest-GR's are always read, because its numbers depend on them.
    (data / trees.PADCHEST_IMAGES / trees.PADCHEST_A).write_bytes(b"\x89PNG")
    status, out, cells = check(capsys, "--data-root", data, "--source", "padchest_gr")
    assert (status, cells["padchest_gr"]) == (1, ["1", "2", "0", "1", "incomplete"])
    assert out.count("left out: 1.") == 1 and "unreadable, the first" not in out


def test_malformed_annotations_leave_the_others_alone(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / trees.GOLD).write_text("")
    status, out, cells = check(capsys, "--data-root", data, "--source", "imagenome", "--source", "vindr_cxr")
    assert status == 1 and cells["imagenome"][0] == "–" and cells["vindr_cxr"][-1] == "complete"
    assert "is empty, download it again." in " ".join(out.split())
    shutil.rmtree(data / trees.MIMIC)
    _, out, _ = check(capsys, "--data-root", data, "--source", "imagenome")
    assert "is empty" in out and "images (JPEG) missing" in out


def test_what_is_refused(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert harness.cli.main.main(["sources", "check", "--data-root", str(data), "--source", "vindr"]) == 2
    assert "did you mean 'vindr_cxr'?" in capsys.readouterr().err
    assert harness.cli.main.main(["sources", "check", "--data-root", str(data / "gone")]) == 2
    assert "is no folder" in capsys.readouterr().err
    assert harness.cli.main.main(["sources"]) == 2
    assert "check" in capsys.readouterr().err
    assert harness.cli.main.main(["sources", "check"]) == 2
    assert "--data-root" in capsys.readouterr().err


class Third(Source):
    """A third party's source: one image that is a file, one that is not, and a fault."""

    name: ClassVar[str] = "third"
    data: ClassVar[tuple[DataPath, ...]] = (DataPath("third", "images", "a [friend]", "https://example.org"),)

    def samples(self) -> Iterator[Sample]:
        assert self.data_root is not None
        yield Sample("third", 0, "third/a.png", "x", ())
        yield Sample("third", 1, "nowhere", "x", ())
        if (self.data_root / "fault").exists():
            raise RuntimeError("broke [here]")

    def image(self, sample: Sample) -> np.ndarray:
        raise AssertionError("read without being asked to")

    def image_path(self, sample: Sample) -> Path | None:
        assert self.data_root is not None
        return self.data_root / sample.image if sample.index == 0 else None


class ThirdPlugin:
    @hookimpl
    def sources(self) -> list[type[Source]]:
        return [Third]


def test_a_third_partys_source_is_checked_alike(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry([ThirdPlugin()])
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls: registry))
    status, out, cells = check(capsys, "--data-root", data)
    assert (status, cells) == (1, {"third": ["2", "1", "1", "–", "incomplete"]})
    assert "get them from a [friend]:" in out and "1 of 1 images missing" in out
    (data / "fault").touch()
    status, out, cells = check(capsys, "--data-root", data)
    assert status == 1 and cells["third"][0] == "–" and "RuntimeError: broke [here]" in out


def test_neither_torch_nor_pandas_is_imported(data: Path) -> None:
    code = (
        "import sys, harness.cli.main\n"
        "status = harness.cli.main.main(sys.argv[1:])\n"
        "heavy = {'torch', 'transformers', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "sources", "check", "--data-root", str(data), "--images"],  # and boxes fitted
        capture_output=True, text=True, cwd=ROOT, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "complete" in done.stdout
