"""The journal: durable lines, repair, resumption, one writer."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.run.journal import Journal
from harness.run.journal_reading import differences, read_journal

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
    assert header == {"format": 5, **HEADER, "modes": ["direct", "reasoning"]}
    assert rows == [row(0), row(1), row(2)]


def test_timings_lie_apart(tmp_path: Path) -> None:
    with Journal(tmp_path, HEADER) as journal:
        journal.commit()
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
        assert not (folder / "timings.jsonl").exists()


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
        assert (tmp_path / "journal.jsonl").read_bytes() == before  # nothing is discarded before there is a result
        journal.commit()
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
    assert not (tmp_path / "journal.jsonl").exists()  # not a journal that holds nothing but its header


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(HarnessError, match=f"cannot be written to {folder}"):
            Journal(folder, HEADER)


def test_what_is_no_journal_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with pytest.raises(HarnessError, match="no journal in"):
        read_journal(tmp_path)
    for content in (b"", b"{}\n", b"[1]\n{}\n"):
        path.write_bytes(content)
        with pytest.raises(HarnessError, match="is no journal of harness eval: it has no header"):
            read_journal(tmp_path)
    path.write_bytes(b'{"format": 1}\n')
    with pytest.raises(HarnessError, match="is of format 1, and this version of the harness reads format 5"):
        read_journal(tmp_path)


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("content", [b"my notes\n", b"{}\n", b"[1]\n", b"notes without an end", b"\x89PNG\r\n\x1a\n\0"])
def test_a_file_that_is_no_journal_is_never_touched(tmp_path: Path, content: bytes, fresh: bool) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)
    with pytest.raises(HarnessError, match="no journal of harness eval, and is left as it is; give another --output"):
        Journal(tmp_path, HEADER, fresh)
    assert path.read_bytes() == content


def test_every_flipped_bit_is_found_and_mended(tmp_path: Path) -> None:
    """Nothing but the damaged lines is lost, they lie beside the journal, and doing them again gives the same bytes."""
    whole = write(tmp_path / "whole", 4)
    folder, rng = tmp_path / "flipped", random.Random(0)
    end_of_header = whole.index(b"\n")
    for bit in rng.sample(range(8 * (end_of_header + 1), 8 * len(whole)), 150):
        folder.mkdir()
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        (folder / "journal.jsonl").write_bytes(data)
        if bit // 8 < len(whole) - 1:  # the last line's end is a tear
            with pytest.raises(HarnessError, match="is damaged at line"):
                read_journal(folder)
        with Journal(folder, HEADER) as journal:
            assert len(journal.rows) >= 2 and all(found == row(key[1]) for key, found in journal.rows.items())
            if bit // 8 < len(whole) - 1:
                (told,) = journal.remarks
                assert "was damaged" in told and "journal-damaged.jsonl" in told
                assert (folder / "journal-damaged.jsonl").read_bytes().strip() in bytes(data)
            for index in range(4):
                if ("toy", index, "m", "direct", "a") not in journal.rows:
                    journal.add(row(index))
        assert sorted((folder / "journal.jsonl").read_bytes().split(b"\n")) == sorted(whole.split(b"\n"))
        shutil.rmtree(folder)


def test_a_damaged_header_is_taken_from_its_copy(tmp_path: Path) -> None:
    whole = write(tmp_path, 2)
    data = whole.replace(b'"seed": 0', b'"seed": 1', 1)
    (tmp_path / "journal.jsonl").write_bytes(data)
    with Journal(tmp_path, HEADER) as journal:
        assert len(journal.rows) == 2 and "line 1" in journal.remarks[0]
    assert (tmp_path / "journal.jsonl").read_bytes() == whole
    assert (tmp_path / "journal-damaged.jsonl").read_bytes() == data.splitlines(keepends=True)[0]


def test_a_header_that_is_gone_is_taken_from_its_copy(tmp_path: Path) -> None:
    whole = write(tmp_path, 2)
    (tmp_path / "journal.jsonl").write_bytes(whole.split(b"\n", 1)[1])
    with pytest.raises(HarnessError, match="has lost its header; the same `harness eval` again takes it from its copy"):
        read_journal(tmp_path)
    with Journal(tmp_path, HEADER) as journal:
        assert len(journal.rows) == 2 and "had lost its header" in journal.remarks[0]
    assert (tmp_path / "journal.jsonl").read_bytes() == whole
    # Rows without a header or its copy are nobody's.
    (tmp_path / "journal.jsonl").write_bytes(whole.split(b"\n", 1)[1])
    (tmp_path / "journal-header.jsonl").unlink()
    with pytest.raises(HarnessError, match="is no journal of harness eval, and is left as it is"):
        Journal(tmp_path, HEADER)


def test_a_tail_of_several_broken_lines_is_set_aside(tmp_path: Path) -> None:
    whole = write(tmp_path, 3).splitlines(keepends=True)
    bad = [b"\xff" * 40 + b"\n", b"nonsense\n", b'{"source": "to']
    (tmp_path / "journal.jsonl").write_bytes(b"".join(whole[:3] + bad))
    with Journal(tmp_path, HEADER) as journal:
        assert [key[1] for key in journal.rows] == [0, 1]
        (told,) = journal.remarks
        assert "2 lines, the first of them line 4," in told
    assert (tmp_path / "journal.jsonl").read_bytes() == b"".join(whole[:3])
    assert (tmp_path / "journal-damaged.jsonl").read_bytes() == b"".join(bad[:2])


def test_a_damaged_header_is_said_and_kept(tmp_path: Path) -> None:
    data = write(tmp_path, 2).replace(b'"seed": 0', b'"seed": 1', 1)
    (tmp_path / "journal.jsonl").write_bytes(data)
    (tmp_path / "journal-header.jsonl").unlink()
    for start in (lambda: read_journal(tmp_path), lambda: Journal(tmp_path, HEADER)):
        with pytest.raises(HarnessError, match=r"The header of the journal .* is damaged"):
            start()
    assert (tmp_path / "journal.jsonl").read_bytes() == data


@pytest.mark.parametrize("what", ["link", "pipe", "device", "folder"])
def test_only_plain_files_are_read(tmp_path: Path, what: str) -> None:
    path, other = tmp_path / "journal.jsonl", tmp_path / "other"
    write(other, 1)
    if what == "link":
        path.symlink_to(other / "journal.jsonl")
    elif what == "device":
        path.symlink_to("/dev/zero")
    elif what == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    for start in (lambda: read_journal(tmp_path), lambda: Journal(tmp_path, HEADER)):
        with pytest.raises(HarnessError, match=r"cannot be (read|written)"):
            start()


def test_a_new_header_takes_the_place_of_the_old_one_with_the_first_result(tmp_path: Path) -> None:
    before = write(tmp_path, 3)
    other = {"seed": 1}

    def keep(found: dict[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        assert found["seed"] == 0 and len(rows) == 3
        return rows[1:]

    with Journal(tmp_path, other, keep=keep) as journal:
        assert (tmp_path / "journal.jsonl").read_bytes() == before
        with pytest.raises(HarnessError, match="Another run writes"):
            Journal(tmp_path, other)
        journal.add(row(7))
        with pytest.raises(HarnessError, match="Another run writes"):  # the new file is locked too
            Journal(tmp_path, other)
    header, rows = read_journal(tmp_path)
    assert header == {"format": 5, "seed": 1} and rows == [row(1), row(2), row(7)]
    assert (tmp_path / "journal-replaced.jsonl").read_bytes() == before.splitlines(keepends=True)[1]
    assert not list(tmp_path.glob(".*.part"))
