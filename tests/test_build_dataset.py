"""A built folder as a Hugging Face data set: it opens offline and says what the records say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_build
from toys import EVIDENCE, WRONG_BOX, ToyEditor, ToySource

import harness.building.dataset
from harness.bench.records import Record, read_records
from harness.building.causal import GATES, counterfactuals
from harness.building.dataset import COLUMNS
from harness.contracts.mode import MODES
from harness.errors import HarnessError


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the images in it, written in several batches."""
    folder = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(harness.building.dataset, "BATCH", 4)
        test_build.run(folder, models=["toy", "black-box"], images=True, controls=True)
    return folder


def load(folder: Path, cache: Path) -> Any:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    return datasets.load_dataset(str(folder), cache_dir=str(cache))


def test_it_gives_the_records_back(built: Path, tmp_path: Path) -> None:
    found = load(built, tmp_path)
    records = read_records(built)
    names = ("model", "index", "answer", "mode", *(gate.text for gate in GATES))
    assert set(found) == set(MODES)
    for mode in MODES:
        rows = [row for row in found[mode].remove_columns(list(COLUMNS.values())) if row["dropped"] is None]
        assert records[mode] == [
            Record(dataset=row["source"], **{name: row[name] for name in names}) for row in rows
        ]
        assert {row["mode"] for row in found[mode].remove_columns(list(COLUMNS.values()))} == {mode}


def test_rows_say_what_became_of_each_sample(built: Path, tmp_path: Path) -> None:
    rows = {(row["model"], row["index"]): row for row in load(built, tmp_path)["direct"]}
    assert len(rows) == 12
    kept, unread, wrong = rows["toy", 0], rows["toy", 3], rows["toy", WRONG_BOX]
    assert kept["question"] == "Is there evidence of toy mass in the image? " + (
        "Answer directly with yes or no without any explanation."
    )
    assert kept["boxes"] == [list(EVIDENCE)] and kept["attribute"] == "toy mass" and kept["error"] is None
    assert kept["path"] == "toy:0" and (built / "work" / "edits" / kept["path_edited"]).is_file()
    assert kept["flips_under"] == ["identity"] and wrong["flips_under"] is None
    assert unread["dropped"] == "failed" and unread["error"] == "The image toy:3 is broken."
    assert wrong["dropped"] == GATES[1].reason and wrong["prediction_edited"] == "yes"
    assert rows["toy", 4]["dropped"] == GATES[0].reason and rows["toy", 4]["prediction_edited"] == ""


def test_embedded_images_are_what_the_models_saw(built: Path, tmp_path: Path) -> None:
    for row in load(built, tmp_path)["reasoning"]:
        if row["dropped"] is not None:
            assert all(row[column] is None for column in COLUMNS.values())
            continue
        (sample,) = (s for s in ToySource().samples() if s.index == row["index"])
        image = ToySource().image(sample)
        for column, wanted in zip(
            COLUMNS.values(), (image, *counterfactuals(ToyEditor(), image, sample)), strict=True
        ):
            assert (np.asarray(row[column].convert("RGB")) == wanted).all()


def test_by_default_it_holds_no_images(tmp_path: Path) -> None:
    test_build.run(tmp_path / "bench", modes=["direct"])
    found = load(tmp_path / "bench", tmp_path / "cache")
    assert list(found) == ["direct"]
    assert type(found["direct"].features["image"]).__name__ == "Image"
    assert all(row[column] is None for row in found["direct"] for column in COLUMNS.values())
    text = (tmp_path / "bench" / "README.md").read_text()
    assert "The images are not embedded" in text and "split: reasoning" not in text


def test_the_card_says_what_must_not_be_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToySource, "licence", "Toy Credentialed Licence 1.5")
    test_build.run(tmp_path / "closed", modes=["direct"], images=True)
    text = (tmp_path / "closed" / "README.md").read_text()
    assert "| toy | **no** | Toy Credentialed Licence 1.5 |" in text
    assert "Do not publish this folder" in text and "the embedded images, the edited ones too" in text
    monkeypatch.setattr(ToySource, "redistributable", True)
    test_build.run(tmp_path / "open", modes=["direct"])
    text = (tmp_path / "open" / "README.md").read_text()
    assert "| toy | yes |" in text and "Do not publish" not in text


def test_an_image_that_has_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test_build.run(tmp_path, modes=["direct"])

    def gone(*_: Any) -> np.ndarray:
        raise HarnessError("The image is gone.")

    monkeypatch.setattr(ToySource, "image", gone)
    before = (tmp_path / "direct.parquet").read_bytes()
    with pytest.raises(HarnessError, match="sample 0 of 'toy' cannot be read again: The image is gone"):
        test_build.run(tmp_path, modes=["direct"], images=True)
    assert (tmp_path / "direct.parquet").read_bytes() == before and not list(tmp_path.glob(".*"))
