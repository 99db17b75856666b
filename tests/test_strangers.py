"""Somebody else's folder: what is no plain file in it is refused or passed over at once, too many boxes are said."""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from pathlib import Path
from typing import ClassVar

import pytest
import toys
from evaluating import toy_run
from rows import read_lines, write_lines
from toys import registry

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.errors import HarnessError
from harness.hookspecs import hookimpl
from harness.sanity.report import read_report
from leaderboard.board import make_board
from leaderboard.render.html import page
from leaderboard.verify import verify


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("honest")
    bench = toys.bench(folder / "bench", indices=(0, 1))
    toy_run(folder / "out", ["good", "map"], bench=bench, keep_maps=True, gallery=2)
    return folder


def put(path: Path, what: str, other: Path) -> None:
    """Something that is no plain file, in a file's place."""
    path.unlink(missing_ok=True)
    if what == "pipe":
        os.mkfifo(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    else:
        path.symlink_to(other)


@pytest.mark.parametrize("what", ["link", "pipe", "device"])
def test_what_is_no_plain_file(honest: Path, tmp_path: Path, what: str) -> None:
    out = Path(shutil.copytree(honest / "out", tmp_path / "out"))
    for path in (out / "timings.jsonl", *(out / "gallery").iterdir()):
        put(path, what, honest / "out" / path.relative_to(out))
    board = make_board([out])
    assert "data:image" not in page.render(board) and board.rankings[0].scores[0].seconds is None
    for path in (out / "maps").iterdir():
        put(path, what, honest / "out" / path.relative_to(out))
    found = verify(out, registry(), honest / "bench")
    assert any("cannot be read" in one for one in found.sentences) == (what == "link")  # the others are no kept maps
    put(out / "rescored-iou.jsonl", what, honest / "out" / "journal.jsonl")
    with pytest.raises(HarnessError, match=r"rescored-iou\.jsonl cannot be read: it is (a link|no plain file)"):
        make_board([out])
    put(out / "sanity.json", what, honest / "out" / "journal.jsonl")
    with pytest.raises(HarnessError, match=r"sanity\.json cannot be read: it is (a link|no plain file)"):
        read_report(out / "sanity.json")


def test_more_boxes_than_anybody_draws(honest: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(honest / "out", tmp_path / "out"))
    lines = read_lines(out)
    lines[1]["boxes"] = [[0.0, 0.0, 1.0, 1.0]] * 1001
    write_lines(out, lines)
    with pytest.raises(HarnessError, match=r"line 2 \(the field 'boxes' is .* at most 1000 items"):
        make_board([out])


def test_a_small_file_that_holds_much(honest: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(honest / "out", tmp_path / "out"))
    path = next(iter((out / "maps").iterdir()))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("map.npy", bytes(17 << 20))
    assert path.stat().st_size < 1 << 20
    sentences = verify(out, registry(), honest / "bench").sentences
    assert any("cannot be read (ValueError: it holds more than 16777216 bytes)" in one for one in sentences), sentences


def test_a_shard_that_is_a_link(honest: Path, tmp_path: Path) -> None:
    (tmp_path / "shard-1-of-2").symlink_to(honest / "out")
    with pytest.raises(HarnessError, match="shard-1-of-2 is a link; give the folder that it leads to"):
        make_board([tmp_path])


def test_a_number_that_no_array_holds(honest: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(honest / "out", tmp_path / "out"))
    lines = read_lines(out)
    lines[1]["index"] = 10**30
    write_lines(out, lines)
    with pytest.raises(HarnessError, match=r"/out has too large a number \(.*\); leave it out"):
        make_board([out])


class Many(Attributor):
    """Marks more than a row holds."""

    name: ClassVar[str] = "many"

    def attribute(self, case: Case) -> Attribution:
        return Attribution(boxes=[toys.REGION] * 1001)


@hookimpl
def attributors() -> list[type[Attributor]]:
    return [Many]


def test_a_method_that_marks_too_much_fails_alone(tmp_path: Path) -> None:
    bench = toys.bench(tmp_path / "bench", indices=(0,))
    ended = toy_run(tmp_path / "out", ["many"], sys.modules[__name__], bench=bench)
    assert ended.failed == ended.total == 2
    assert "it returned 1001 boxes, and a result holds at most 1000" in read_lines(tmp_path / "out")[1]["error"]
