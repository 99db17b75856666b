"""Text of others: nothing in it steers a terminal, hides, or cannot be written, wherever it is shown."""

from __future__ import annotations

import io
import unicodedata
from pathlib import Path

import pytest
from rich.console import Console
from rows import header, journal, row

from harness.building.tables import _COUNTS, markdown, show
from harness.errors import HarnessError, one_line
from harness.text import LONGEST, beside, plain, say, writable
from leaderboard.board import make_board
from leaderboard.render import console, csv_json
from leaderboard.render import markdown as board_markdown
from leaderboard.render.html import page

# C0, C1, bidirectional marks, embeddings, overrides and isolates, zero-width ones, separators of lines and paragraphs,
# a filler and a variation selector that show nothing, half a character.
WRONG = [
    *map(chr, (0, 7, 8, 9, 11, 13, 27, 127, 0x80, 0x85, 0x9B, 0x9F)), "\u061c", "\u200e", "\u200f",
    *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A)), "\u200b", "\u200c", "\u200d", "\u2060",
    "\ufeff", "\u00ad", "\u2028", "\u2029", "\u3164", "\ufe0f", "\U000e0041", "\ud800", "\udfff",
]  # fmt: skip


@pytest.mark.parametrize("lines", [False, True])
@pytest.mark.parametrize("sign", WRONG, ids=lambda sign: f"U+{ord(sign):04X}")
def test_what_steers_or_hides_is_lost(sign: str, lines: bool) -> None:
    shown = plain(f"le{sign}ft", lines=lines)
    assert shown in ("left", "le ft") and shown.encode()


def test_what_is_text_stays() -> None:
    for text in ("naïve 左 ½ – “x” µ", "e\u0301", "שלום", "a\\x1b"):
        assert plain(text) == text
    assert plain(" a\n\n b\t c ") == "a b c"
    assert plain(" a\r\n b\n\tc", lines=True) == " a\n b\n c"


@pytest.mark.parametrize("lines", [False, True])
def test_it_is_of_bounded_length(lines: bool) -> None:
    assert len(plain("x" * 10**6, lines=lines)) == LONGEST and len(plain("x" * 999, 60, lines)) == 60
    assert len(plain("\u200b" * 10**7 + "x", lines=lines)) <= LONGEST


def test_errors_and_what_a_journal_holds() -> None:
    assert one_line(HarnessError("\x1b]0;x\x07 \u202eno\u202c")) == "]0;x no"
    assert writable("a\ud800\n\u202e") == "a\\ud800\n\u202e"  # as it was said; who shows it takes care


def test_a_sentence_keeps_its_spaces_so_that_a_path_can_be_copied() -> None:
    console = Console(file=io.StringIO(), width=20)
    say(console, "  Written to [red]/a  b/\nc\x1b[31m.json" + "x" * 30)
    assert console.file.getvalue() == "  Written to [red]/a  b/ c [31m.json" + "x" * 30 + "\n"  # type: ignore[attr-defined]
    assert beside(console) is console and beside(Console()).stderr


NASTY = "".join(WRONG[:-2]) + "\u202eevil\x1b[31m"  # as a row can hold it


def harmless(text: str) -> bool:
    kinds = {unicodedata.category(sign) for sign in text if sign != "\n"}
    return bool(text.encode()) and not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_boards_in_all_forms(tmp_path: Path) -> None:
    rows = [
        row(0, NASTY, None, NASTY, error=f"it broke {NASTY}", attribute=NASTY),
        row(1, NASTY, 0.5, NASTY, concept=NASTY, concept_scores={NASTY: 1.0}, attribute=f"{NASTY}2"),
    ]
    board = make_board([journal(tmp_path, header([NASTY], {NASTY: 2}), rows)])
    stream = Console(file=io.StringIO(), width=100)
    console.show(board, stream)
    forms = {
        "console": stream.file.getvalue(),  # type: ignore[attr-defined]
        "markdown": board_markdown.render(board),
        "csv": csv_json.to_csv(board),
        "html": page.render(board),
    }
    for name, shown in forms.items():
        assert "evil" in shown and harmless(shown), name
    assert csv_json.to_json(board).isascii()  # for programs: what it holds, escaped


def test_the_report_of_a_build() -> None:
    counts = dict.fromkeys(_COUNTS, 1)
    run = {"mode": "direct", "model": "m", "source": "s", **counts, "attributes": {NASTY: counts}}
    said = {
        "settings": {"planned": {NASTY: 1}, "available": {NASTY: 1}, "editors": {NASTY: "e"}, "seed": 0},
        "filter": [run],
        "texts": [],
        "controls": None,
        "failures": [
            {"source": "s", "index": 0, "model": "m", "mode": "direct", "version": "prediction", "error": NASTY}
        ],
    }
    stream = Console(file=io.StringIO(), width=100)
    show(said, stream)
    for shown in (markdown(said), stream.file.getvalue()):  # type: ignore[attr-defined]
        assert "evil" in shown and harmless(shown)
