"""The final yes or no of free text: a table of what models write, and what may not change a verdict."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.bench.records import read_records
from harness.bench.verdict import both_stated, final_answer
from harness.building.causal import judge
from harness.registry import Registry


def table() -> list[tuple[str, str]]:
    """The rows of verdicts.tsv: a text, in which \\n and \\u00a0 stand for themselves, and its verdict."""
    lines = (Path(__file__).parent / "verdicts.tsv").read_text(encoding="utf-8").split("\n")[1:-1]
    rows = [line.rsplit("\t", 1) for line in lines]
    return [(text.replace("\\n", "\n").replace("\\u00a0", "\u00a0"), verdict) for text, verdict in rows]


TABLE = table()


@pytest.mark.parametrize(("text", "verdict"), TABLE)
def test_the_stated_answer_counts(text: str, verdict: str) -> None:
    assert (final_answer(text) or "none") == verdict


def test_the_table_has_every_kind() -> None:
    assert len(TABLE) > 180 and {verdict for _, verdict in TABLE} == {"yes", "no", "none"}


@given(st.sampled_from(TABLE), st.text(" \t\n\r\u00a0"), st.text(" \t\n\r\u00a0"))
def test_white_space_around_changes_nothing(row: tuple[str, str], before: str, after: str) -> None:
    assert (final_answer(before + row[0] + after) or "none") == row[1]


@given(st.sampled_from(TABLE), st.sampled_from(["*", "**", "_", "__", "`", "***"]))
def test_emphasis_changes_nothing(row: tuple[str, str], mark: str) -> None:
    assert (final_answer(mark + row[0] + mark) or "none") == row[1]
    emphasised = row[0].replace("yes", f"{mark}yes{mark}").replace("Yes", f"{mark}Yes{mark}")
    assert (final_answer(emphasised) or "none") == row[1]


DISCLAIMERS = [
    "Disclaimer: I am an AI model; this is not medical advice.",
    "**Disclaimer:** Please consult a qualified professional.",
    "It is important to note that this image alone is not sufficient for a diagnosis.",
    "There is a need for clinical correlation.",
]


@given(st.sampled_from([row for row in TABLE if "<think" not in row[0] and "<unused" not in row[0]]), st.data())
def test_a_disclaimer_changes_nothing(row: tuple[str, str], data: st.DataObject) -> None:
    assert (final_answer(f"{row[0]}\n\n{data.draw(st.sampled_from(DISCLAIMERS))}") or "none") == row[1]


@given(st.sampled_from(["yes", "no"]), st.text(st.characters(exclude_characters="<>"), max_size=60))
def test_a_marked_answer_ends_whatever_was_thought(verdict: str, thought: str) -> None:
    for begin, end in (("<unused94>", "<unused95>"), ("<think>", "</think>")):
        assert final_answer(f"{begin}{thought}{end}{verdict.capitalize()}.") == verdict
        assert final_answer(f"{begin}{thought} {verdict}.") is None


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    assert final_answer(text) in ("yes", "no", None)
    assert both_stated(text) in (True, False)


PIECES = [
    "no ", "yes ", "answer ", ". ", "is ", "\n", " ", "<think>", "</think>", "there is no ", "not a ", "*", "no or ",
    "a", "no evidence ", "so no, ", "- ", "(", "boxed{", "yes or ", "yes/", "  \n", "not be see ", '"', "no one ",
]  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
def test_a_long_text_takes_no_long_time(piece: str) -> None:
    """No pattern backtracks beyond the text's length times a constant."""
    text = piece * (100_000 // len(piece))
    start = time.process_time()
    final_answer(text)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("text", "both"),
    [
        ("Yes, at first sight. On reflection: no", True),
        ("No, there is none. Yes, there is one.", True),
        ("Yes.\n- Pneumothorax: no", True),
        ("I would say yes, but the border is sharp. Answer: no", True),
        ("Yes and no", True),
        ("<think>Yes? So yes.</think>No", False),  # thoughts state nothing
        ("Yes. There is no pneumothorax.", False),
        ("yes or no? Yes", False),
        ("No.", False),
        ("There is no effusion.", False),
        ("", False),
    ],
)
def test_texts_that_state_both(text: str, both: bool) -> None:
    assert both_stated(text) is both


def test_every_shipped_record_passes_its_gates_and_states_one_answer() -> None:
    shipped = [cls.bench for cls in Registry.discover().all("source") if cls.bench is not None]
    records = [record for bench in shipped for rows in read_records(bench).values() for record in rows]
    assert len(records) > 1000
    assert [record for record in records if judge(record) is not None] == []
    assert not any(both_stated(record.prediction) for record in records)
