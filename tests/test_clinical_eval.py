"""Released records on the clinical sources, from files to scores: ``harness eval --bench DIR --data-root DIR``."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import data_trees as trees
import numpy as np
import pytest
import toys

import harness.cli.main
from harness.bench.records import Record, write_records
from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability
from harness.hookspecs import hookimpl
from harness.imaging.frame import Box
from harness.registry import Registry
from harness.run.journal_reading import read_journal
from plugins.sources import imagenome, padchest_gr, vindr_cxr

COUNTS = {"imagenome": 5, "padchest_gr": 3, "vindr_cxr": 4}


class Bright(Attributor):
    """The one box around all that is bright, in the frame."""

    name: ClassVar[str] = "bright"
    needs: ClassVar[frozenset[Capability]] = frozenset()

    def attribute(self, case: Case) -> Attribution:
        rows, columns = np.nonzero(case.image[..., 0] > 190)
        return Attribution(boxes=[Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)])


class Plugin:
    @hookimpl
    def attributors(self) -> list[type[Attributor]]:
        return [Bright]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """All three trees and records of all their samples, under the release's names."""
    registry = Registry(toys.world(imagenome, vindr_cxr, padchest_gr, Plugin()))
    assert not registry.broken
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls: registry))
    monkeypatch.setenv("COLUMNS", "200")
    data = tmp_path / "data"
    trees.write_imagenome(data)
    trees.write_vindr_cxr(data)
    trees.write_padchest_gr(data)
    texts = ("Yes.", "No.", "Yes.", "Yes.")
    records = [
        Record("toy_1b", dataset, index, "Yes", "direct", *texts)
        for dataset, count in COUNTS.items()
        for index in range(count)
    ]
    write_records(tmp_path / "bench", records)
    return SimpleNamespace(data=data, bench=tmp_path / "bench", out=tmp_path / "out")


def evaluate(world: SimpleNamespace) -> tuple[int, dict[tuple[str, int], dict[str, Any]]]:
    """The exit status, and the journal's rows by source and index."""
    status = harness.cli.main.main(
        ["eval", "--attributor", "bright", "--mode", "direct", "--fresh", "--bench", str(world.bench),
         "--data-root", str(world.data), "--output", str(world.out)]
    )  # fmt: skip
    rows = read_journal(world.out)[1] if (world.out / "journal.jsonl").exists() else []
    return status, {(row["source"], row["index"]): row for row in rows}


def test_scores_are_in_the_native_frame_of_every_kind_of_image(world: SimpleNamespace) -> None:
    status, rows = evaluate(world)
    assert status == 0 and len(rows) == sum(COUNTS.values())
    assert {row["status"] for row in rows.values()} == {"ok"}
    # One finding alone on its image: JPEG of 200 x 260, 16-bit PNG of 180 x 150.
    for place, truth in ((("imagenome", 0), [20, 180, 70, 250]), (("padchest_gr", 2), [18, 120, 82, 143])):
        assert rows[place]["truth"] == [truth]
        np.testing.assert_allclose(rows[place]["boxes"], [truth], atol=1.5)
        assert rows[place]["metrics"]["iou"] > 0.9
    # DICOM of 300 x 220, shrunk by a third, MONOCHROME1 and under a window: around all of the findings.
    np.testing.assert_allclose(rows["vindr_cxr", 3]["boxes"], [[40, 30, 181, 190]], atol=2)
    np.testing.assert_allclose(rows["vindr_cxr", 1]["boxes"], [[40, 120, 230, 200]], atol=2)
    assert rows["vindr_cxr", 3]["truth"] == [[100, 60, 181, 140], [40, 150, 80, 190]]
    assert rows["vindr_cxr", 3]["attribute"] == "Nodule/Mass"


def test_images_that_cannot_be_read_fail_by_name_and_count(
    world: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = world.data / trees.VINDR_IMAGES / f"{trees.VINDR_C}.dicom"
    broken.write_bytes(broken.read_bytes()[:-2000])
    gone = next(world.data.glob(f"{trees.MIMIC}/p19/p19999999/s50000001/*.jpg"))
    gone.unlink()
    (world.data / trees.PADCHEST_IMAGES / trees.PADCHEST_A).unlink()
    status, rows = evaluate(world)
    failed = {place for place, row in rows.items() if row["status"] == "failed"}
    assert status == 1 and len(rows) == sum(COUNTS.values())
    assert failed == {
        ("vindr_cxr", 0), ("vindr_cxr", 1), ("imagenome", 4), ("padchest_gr", 0), ("padchest_gr", 1)
    }  # fmt: skip
    assert all(rows[place]["metrics"]["iou"] == 0 and rows[place]["boxes"] == [] for place in failed)
    for place, file in ((("vindr_cxr", 1), broken.name), (("imagenome", 4), gone.name)):
        assert file in rows[place]["error"]
    # The sample after the missing image is still itself.
    assert rows["padchest_gr", 2]["attribute"] == "costophrenic angle blunting"
    assert "5 rows failed" in capsys.readouterr().err


def test_a_broken_padchest_image_is_reported_before_it_shifts_anything(
    world: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    (world.data / trees.PADCHEST_IMAGES / trees.PADCHEST_A).write_bytes(b"no picture")
    status, rows = evaluate(world)
    assert (status, rows) == (2, {})
    assert "'padchest_gr' has no sample 1 (2 are missing)" in capsys.readouterr().err
    record = Record("toy", "padchest_gr", 0, "Yes", "direct", "Yes", "No", "Yes", "Yes")
    write_records(world.bench, [record])
    status, rows = evaluate(world)
    assert status == 0 and rows["padchest_gr", 0]["attribute"] == "costophrenic angle blunting"
    err = capsys.readouterr().err
    assert "padchest_gr: broken images, whose samples are left out: 1." in err and trees.PADCHEST_A in err


def test_without_a_data_root_the_run_is_refused(
    world: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["eval", "--attributor", "bright", "--bench", str(world.bench), "--output", str(world.out)]
    assert harness.cli.main.main(arguments) == 2
    assert "give it by --data-root" in capsys.readouterr().err
    assert not world.out.exists()
