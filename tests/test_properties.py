"""What holds whatever comes: of journals, of merged runs, of what verify says, and of frames."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
import rows as made
import toys
from evaluating import toy_run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toys import registry

from harness.imaging.frame import FRAME_SIDE, Box, Letterbox
from harness.run.journal import Journal
from harness.run.journal_lines import decode, encode
from harness.run.journal_reading import read_journal
from leaderboard.board import make_board
from leaderboard.verify import verify

KEY = {"source": "s", "model": "m", "mode": "direct", "attributor": "a", "status": "ok"}
numbers = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
leaves = numbers | st.text()
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
lines = st.dictionaries(st.text().filter(lambda name: name not in {*KEY, "index", "crc"}), values, max_size=4)
quick = settings(
    deadline=None, max_examples=25, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
results = st.tuples(st.integers(0, 9), st.sampled_from("ab"), st.floats(0, 1))


# -- journals -------------------------------------------------------------------------------------------------------
@quick
@given(lines)
def test_a_line_says_what_was_written(line: dict[str, Any]) -> None:
    data = encode({"a": 1, **line})
    assert data.count(b"\n") == 1 and data.isascii() and decode(data[:-1]) == {"a": 1, **line}


@quick
@given(lines, st.data())
def test_no_line_with_another_byte_is_taken(line: dict[str, Any], data: st.DataObject) -> None:
    whole = encode({"a": 1, **line})[:-1]
    place = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[place]))
    assert decode(whole[:place] + bytes([other]) + whole[place + 1 :]) is None


@quick
@given(st.lists(lines, max_size=4), st.data())
def test_a_cut_journal_keeps_its_whole_lines(some: list[dict[str, Any]], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, header = Path(name), {"seed": 0}
        with Journal(folder, header) as journal:
            journal.commit()
            for index, line in enumerate(some):
                journal.add({**KEY, "index": index, **line})
        path = folder / "journal.jsonl"
        whole = path.read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        path.write_bytes(whole[:cut])
        with Journal(folder, header) as journal:
            assert len(journal.rows) == max(0, whole[:cut].count(b"\n") - 1) and not journal.remarks
            for index, line in enumerate(some):
                if len(journal.rows) <= index:
                    journal.add({**KEY, "index": index, **line})
            journal.commit()
        assert path.read_bytes() == whole
        assert read_journal(folder)[1] == [{**KEY, "index": k, **line} for k, line in enumerate(some)]


# -- merged runs ----------------------------------------------------------------------------------------------------
@quick
@given(st.lists(results, min_size=1, unique_by=lambda result: result[:2]), st.data())
def test_a_board_is_the_same_however_its_rows_are_dealt_out(
    some: list[tuple[int, str, float]], data: st.DataObject
) -> None:
    """One folder of everything, or a folder a method, in any order."""
    indices = sorted({index for index, _, _ in some})
    figures = {(index, name): round(figure, 6) for index, name, figure in some}
    full = [made.row(k, name, figures.get((k, name), 0.5)) for k in indices for name in "ab"]
    with tempfile.TemporaryDirectory() as name:
        whole = made.journal(Path(name) / "whole", made.header(["a", "b"], {"m": len(indices)}), full)
        parts = [
            made.journal(
                Path(name) / one, made.header([one], {"m": len(indices)}),
                data.draw(st.permutations([row for row in full if row["attributor"] == one])),
            )
            for one in "ab"
        ]  # fmt: skip
        board, joined = make_board([whole]), make_board(data.draw(st.permutations(parts)))
        one, other = board.rankings[0].scores, joined.rankings[0].scores
        assert [(score.attributor, score.means) for score in one] == [(s.attributor, s.means) for s in other]


# -- verify ---------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("honest")
    toy_run(folder / "out", ["good", "map"], models=["toy"], bench=toys.bench(folder / "bench", indices=(0, 1)))
    return folder


@quick
@given(data=st.data())
def test_whatever_is_changed_in_a_row_is_wrong(honest: Path, data: st.DataObject) -> None:
    """Where all records are explained anew, no field of a row can be another."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(shutil.copytree(honest / "out", Path(name) / "out"))
        head, *found = made.read_lines(copy)
        row = data.draw(st.sampled_from(found))
        field = data.draw(st.sampled_from(sorted(row)))
        if isinstance(row[field], dict) and row[field]:
            row, field = row[field], data.draw(st.sampled_from(sorted(row[field])))
        value = data.draw(numbers | st.text(max_size=5) | st.just([]) | st.just([[0.0, 0.0, 9.0, 9.0]]))
        if isinstance(value, float | int) and isinstance(row[field], float | int) and abs(value - row[field]) < 0.01:
            return
        if value == row[field]:
            return
        row[field] = value
        made.write_lines(copy, [head, *found])
        assert verify(copy, registry(), honest / "bench", replay=4).sentences, (field, value)


# -- frames ---------------------------------------------------------------------------------------------------------
edges = st.floats(0, 1)


@quick
@given(st.integers(8, 4000), st.integers(8, 4000), edges, edges, edges, edges)
def test_a_box_comes_back_from_the_frame(width: int, height: int, a: float, b: float, c: float, d: float) -> None:
    place = Letterbox(width, height)
    box = Box(min(a, b) * width, min(c, d) * height, max(a, b) * width, max(c, d) * height)
    framed = place.to_frame(box)
    assert all(-1e-6 <= edge <= FRAME_SIDE + 1e-6 for edge in framed)
    step = max(width, height) / FRAME_SIDE  # the frame's content is whole pixels: what that rounds is less than one
    assert all(abs(one - other) <= step for one, other in zip(place.to_native(framed), box, strict=True))
