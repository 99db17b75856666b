"""Somebody else's folder: what is no plain file in it is refused or passed over at once, too many boxes are said."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import toys
from evaluating import toy_run
from rows import read_lines, write_lines
from toys import registry

from harness.errors import HarnessError
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
