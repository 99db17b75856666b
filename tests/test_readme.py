"""The README's figures are those of the shipped boards."""

from __future__ import annotations

import re
from typing import Any

import pytest

from scripts.write_ranking import BEGIN, END, MODES, ROOT, read, statements, written

README = (ROOT / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^1  medfocus +([\d.]+)  ([\d.]+–[\d.]+) +([\d.]+) .* ([\d.]+) +(\d+) +(\d+)$", re.M)


def test_it_is_short() -> None:
    assert len(README.splitlines()) < 200


def test_the_ranking_is_that_of_the_boards() -> None:
    assert written(README) == README, "run `python -m scripts.write_ranking`"
    for name in read("phantom")["direct"]:
        assert f"| `{name}` |" in README


@pytest.mark.parametrize("mode", MODES)
def test_the_first_command_prints_what_the_board_has(mode: str) -> None:
    """MedFocus alone on the default subset is the board's line of it: what others take part changes nothing."""
    score: dict[str, Any] = read("phantom")[mode]["medfocus"]
    printed = ROW.findall(README.partition(BEGIN)[0])[MODES.index(mode)]
    low, high = score["intervals"]["iou"]
    assert printed[:3] == (
        f"{100 * score['means']['iou']:.1f}",
        f"{100 * low:.1f}–{100 * high:.1f}",
        f"{100 * score['means']['iou-region']:.1f}",
    )
    assert printed[3:] == (f"{100 * score['fallback']:.1f}", str(score["failed"]), str(round(score["forward"])))


def test_a_sentence_that_is_not_true_stops_it() -> None:
    board, planted = read("phantom"), read("planted")
    board["direct"]["medfocus-zoom"]["rank"] = 2
    with pytest.raises(AssertionError):
        list(statements(board, planted))


def test_a_page_without_the_place_is_refused() -> None:
    with pytest.raises(SystemExit, match="has no <!-- ranking -->"):
        written(README.replace(END, ""))
