"""The journal: durable lines, repair, resumption, one writer."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.run.journal import Journal, differences, read_journal

HEADER = {"seed": 0, "plugins": {"a": {"version": "1"}}, "modes": ("direct", "reasoning")}


def row(index: int, **fields: Any) -> dict[str, Any]:
    key = {"source": "toy", "index": index, "model": "m", "mode": "direct", "attributor": "a"}
    return {**key, "status": "ok", "iou": index / 7, **fields}


def write(folder: Path, count: int) -> bytes:
    with Journal(folder, HEADER) as journal:
        for index in range(count):
            journal.add(row(index))
    return (folder / "journal.jsonl").read_bytes()


def test_what_is_written_reads_as_it_was(tmp_path: Path) -> None:
    write(tmp_path / "new" / "folder", 3)
    header, rows = read_journal(tmp_path / "new" / "folder")
    assert header == {"format": 4, **HEADER, "modes": ["direct", "reasoning"]}
    assert rows == [row(0), row(1), row(2)]


def test_timings_lie_apart(tmp_path: Path) -> None:
    with Journal(tmp_path, HEADER) as journal:
        journal.time("load", 1.23456, model="m")
    assert json.loads((tmp_path / "timings.jsonl").read_text()) == {
        "stage": "load", "model": "m", "seconds": 1.2346
    }  # fmt: skip
    assert read_journal(tmp_path)[1] == []


def test_goes_on_after_any_tear(tmp_path: Path) -> None:
    """Cut the file anywhere: what is whole is kept, and finishing gives the bytes of an unbroken run."""
    whole = write(tmp_path / "whole", 3)
    folder = tmp_path / "torn"
    folder.mkdir()
    ends = [k for k, byte in enumerate(whole) if byte == ord("\n")]
    for cut in sorted({*range(0, len(whole), 23), *ends, *(end + 1 for end in ends)} - {len(whole)}):
        (folder / "journal.jsonl").write_bytes(whole[:cut])
        (folder / "timings.jsonl").write_bytes(b'{"stage": "lo')
        with Journal(folder, HEADER) as journal:
            assert len(journal.rows) == max(0, whole[:cut].count(b"\n") - 1)
            for index in range(3):
                if ("toy", index, "m", "direct", "a") not in journal.rows:
                    journal.add(row(index))
        assert (folder / "journal.jsonl").read_bytes() == whole
        assert (folder / "timings.jsonl").read_bytes() == b""


def test_a_last_line_of_zeros_is_cut_off(tmp_path: Path) -> None:
    whole = write(tmp_path, 2)
    (tmp_path / "journal.jsonl").write_bytes(whole + b"\0" * 40 + b"\n")
    assert len(read_journal(tmp_path)[1]) == 2
    assert write(tmp_path, 0) == whole


def test_a_kill_loses_no_finished_row(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; sys.path.insert(0, 'tests')\n"
        "from test_journal import HEADER, Journal, row\n"
        "journal = Journal(Path(sys.argv[1]), HEADER)\n"
        "for i in range(4): journal.add(row(i))\n"
        "os.write(journal._journal, b'{\"source\"')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    with Journal(tmp_path, HEADER) as journal:
        assert [key[1] for key in journal.rows] == [0, 1, 2, 3]


def test_another_header_is_refused_and_named(tmp_path: Path) -> None:
    before = write(tmp_path, 1)
    other = {"seed": 1, "plugins": {"a": {"version": "2"}, "b": {}}, "modes": ["direct", "reasoning"]}
    with pytest.raises(HarnessError) as caught:
        Journal(tmp_path, other)
    message = str(caught.value)
    assert "seed: 0, now 1" in message and 'plugins.a.version: "1", now "2"' in message
    assert "plugins.b: null, now {}" in message and "modes" not in message
    assert "--fresh" in message and "--output" in message
    assert (tmp_path / "journal.jsonl").read_bytes() == before
    with Journal(tmp_path, other, fresh=True) as journal:
        assert not journal.rows
    assert read_journal(tmp_path)[0]["seed"] == 1


def test_differences() -> None:
    assert differences({"a": 1, "b": [1]}, {"a": 1, "b": [1]}) == []
    assert differences({"a": {"x": 1}}, {"a": 2}) == ['a: {"x": 1}, now 2']
    assert len(differences({"a": "x" * 900}, {"a": ""})[0]) < 100


def test_two_writers_are_one_too_many(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    with Journal(tmp_path, HEADER) as journal:
        journal.add(row(0))
        for fresh in (False, True):
            with pytest.raises(HarnessError, match="Another run writes to"):
                Journal(tmp_path, HEADER, fresh)
        journal.add(row(1))
    assert len(read_journal(tmp_path)[1]) == 2
    Journal(tmp_path, HEADER).close()


def test_a_full_disk_keeps_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path, HEADER)
    journal.add(row(0))
    before = (tmp_path / "journal.jsonl").read_bytes()
    write, calls = os.write, []

    def full(file: int, data: bytes) -> int:
        calls.append(data)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data[:10])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(HarnessError, match=r"cannot be written.*No space left"):
        journal.add(row(1))
    monkeypatch.undo()
    assert (tmp_path / "journal.jsonl").read_bytes() == before
    journal.add(row(1))
    journal.close()
    assert len(read_journal(tmp_path)[1]) == 2


def test_nan_is_never_written(tmp_path: Path) -> None:
    with Journal(tmp_path, HEADER) as journal:
        with pytest.raises(ValueError, match="JSON"):
            journal.add(row(0, iou=float("nan")))
        assert not journal.rows
    assert read_journal(tmp_path)[1] == []


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(HarnessError, match=f"cannot be written to {folder}"):
            Journal(folder, HEADER)


def test_what_is_no_journal_is_named(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="no journal in"):
        read_journal(tmp_path)
    for content in (b"", b"{}\n", b"[1]\n{}\n"):
        (tmp_path / "journal.jsonl").write_bytes(content)
        with pytest.raises(HarnessError, match="has no header; give --fresh"):
            read_journal(tmp_path)
    (tmp_path / "journal.jsonl").write_bytes(b'{"format": 1}\n')
    with pytest.raises(HarnessError, match="is of format 1, and this version of the harness reads format 4"):
        read_journal(tmp_path)
    whole = write(tmp_path / "x", 3).split(b"\n")
    for line in (b"nonsense", b"{}", b"3"):
        (tmp_path / "journal.jsonl").write_bytes(b"\n".join([*whole[:2], line, *whole[3:]]))
        with pytest.raises(HarnessError, match="broken at line 3"):
            read_journal(tmp_path)
