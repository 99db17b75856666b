"""The release format: read strictly, written deterministically."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from toys import record

from harness.bench.records import Record, bench_hash, read_records, write_records
from harness.errors import HarnessError

RELEASED = {
    "direct.json": {
        "model": "qwen2_5_vl_3b", "dataset": "imagenome", "index": 7, "answer": "yes",
        "prediction_direct": "Yes", "prediction_edited_direct": "No",
        "prediction_edited_kept_direct": "Yes.", "prediction_edited_kept_normal_direct": "yes",
    },
    "reasoning.json": {
        "model": "gemma3_4b", "dataset": "padchest_gr", "index": 0, "answer": "yes",
        "prediction_cot": "Opaque\n so yes", "prediction_edited_cot": "no",
        "prediction_edited_kept_cot": "Yes é", "prediction_edited_kept_normal_cot": "Yes",
    },
}  # fmt: skip


def release(folder: Path) -> Path:
    for name, row in RELEASED.items():
        (folder / name).write_text(json.dumps([row]))
    return folder


def test_reads_the_release(tmp_path: Path) -> None:
    records = read_records(release(tmp_path))
    assert records["direct"] == [
        Record("qwen2_5_vl_3b", "imagenome", 7, "yes", "direct", "Yes", "No", "Yes.", "yes")
    ]
    assert records["reasoning"][0].prediction == "Opaque\n so yes"
    assert records["reasoning"][0].mode == "reasoning"


def test_what_is_written_reads_as_it_was(tmp_path: Path) -> None:
    records = read_records(release(tmp_path))
    write_records(tmp_path / "again", [*records["reasoning"], *records["direct"]])
    assert read_records(tmp_path / "again") == records
    for name, row in RELEASED.items():
        assert json.loads((tmp_path / "again" / name).read_text()) == [row]
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == ["direct.json", "reasoning.json"]


def test_bytes_and_hash_are_repeatable(tmp_path: Path) -> None:
    records = [record(i, mode) for i in range(5) for mode in ("direct", "reasoning")]  # type: ignore[arg-type]
    write_records(tmp_path / "a", records)
    write_records(tmp_path / "b", records)
    write_records(tmp_path / "c", records[2:])
    hashes = [bench_hash(tmp_path / name, "direct") for name in "abc"]
    assert hashes[0] == hashes[1] != hashes[2]
    assert (tmp_path / "a" / "reasoning.json").read_bytes() == (
        tmp_path / "b" / "reasoning.json"
    ).read_bytes()


def test_one_mode_alone(tmp_path: Path) -> None:
    (release(tmp_path) / "reasoning.json").unlink()
    assert list(read_records(tmp_path, ["direct"])) == ["direct"]
    assert list(read_records(tmp_path)) == ["direct"]
    with pytest.raises(HarnessError, match=r"holds no reasoning\.json"):
        read_records(tmp_path, ["reasoning"])
    (tmp_path / "direct.json").unlink()
    with pytest.raises(HarnessError, match=r"neither direct\.json nor reasoning\.json"):
        read_records(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"index": None}, "record 2: the field 'index' should be a whole number, it is null"),
        ({"index": True}, "it is true or false"),
        ({"index": 1.0}, "it is a number with a fraction"),
        ({"index": -1}, "'index' should be 0 or more"),
        ({"prediction_direct": 3}, "'prediction_direct' should be text"),
        ({"model": ["x"]}, "'model' should be text, it is a list"),
        ({"index": 7}, "are record 1's already"),
    ],
)
def test_bad_records_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    rows = [RELEASED["direct.json"], RELEASED["direct.json"] | {"index": 8} | change]
    (tmp_path / "direct.json").write_text(json.dumps(rows))
    with pytest.raises(HarnessError, match=message) as caught:
        read_records(tmp_path, ["direct"])
    assert "direct.json, record 2" in str(caught.value)


@pytest.mark.parametrize("field", list(RELEASED["direct.json"]))
def test_missing_fields_are_named(tmp_path: Path, field: str) -> None:
    row = {name: value for name, value in RELEASED["direct.json"].items() if name != field}
    (tmp_path / "direct.json").write_text(json.dumps([row]))
    with pytest.raises(HarnessError, match=f"record 1: the field '{field}' is missing"):
        read_records(tmp_path, ["direct"])


@pytest.mark.parametrize("content", [b"", b"[1", b"\xff\xfe", b"[" * 200_000, b"{}", b"[3]", b"null"])
def test_files_that_hold_no_records_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "direct.json").write_bytes(content)
    with pytest.raises(HarnessError, match=r"direct\.json"):
        read_records(tmp_path, ["direct"])


def test_missing_folder_and_unwritable_folder(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="does not exist"):
        read_records(tmp_path / "nothing")
    (tmp_path / "file").write_text("")
    with pytest.raises(HarnessError, match="cannot be written"):
        write_records(tmp_path / "file" / "bench", [])
