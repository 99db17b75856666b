"""The leaderboard: figures by hand, ranks that compare like with like, refusals, and what is shown."""

from __future__ import annotations

import argparse
import io
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import toys
from evaluating import toy_run
from rich.console import Console
from rows import closed, header, journal, read_lines, row, write_lines

from harness.errors import HarnessError
from harness.run.code import code_of
from harness.run.header import Header
from harness.run.row import KEY, Row
from leaderboard.board import Board, make_board
from leaderboard.command import add_parser
from leaderboard.plugin import run_finished
from leaderboard.render.console import show
from leaderboard.render.markdown import escape, render

NASTY = "a|b`c`<img src=x>[d](e)_f_\n# g"


def text(board: Board, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    show(board, console)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_means_by_hand_and_failures_as_zeros(tmp_path: Path) -> None:
    rows = [
        row(0, "a", 0.9, concept="heart", fallback=False),
        row(0, "b", 0.4),
        row(1, "a", 0.3, concept=None, concept_scores={"heart": 0.1}, fallback=True, forward=4),
        row(1, "b", 0.4),
        row(2, "a", None, forward=90),
        row(2, "b", 0.4),
    ]
    board = make_board([journal(tmp_path, header(["a", "b"], {"m": 3}), rows)])
    (ranking,) = board.rankings
    score = {s.attributor: s for s in ranking.scores}
    means = score["a"].means
    assert means["iou"] == pytest.approx((0.9 + 0.3 + 0) / 3)
    assert means["precision"] == pytest.approx(0.4 / 2) and means["recall"] == pytest.approx(0.4 / 4)
    assert means["f1"] == pytest.approx(0.4 / 8)
    assert (score["a"].records, score["a"].failed) == (3, 1)
    assert means["concept"] == pytest.approx(1 / 3) and score["a"].fallback == pytest.approx(1 / 3)
    assert score["a"].forward == 3  # of the two that did not fail
    assert score["b"].means["concept"] is None and score["b"].failed == 0
    assert (board.failures[0].error, board.failures[0].count) == ("it broke", 1)
    assert "1 result failed: it counts as zero." in board.notes


def test_ranks_best_first_with_ties(tmp_path: Path) -> None:
    means = {"low": 0.1, "tie2": 0.5, "best": 0.9, "tie1": 0.5}
    rows = [row(i, name, iou) for i in range(2) for name, iou in means.items()]
    board = make_board([journal(tmp_path, header(list(means), {"m": 2}), rows)])
    assert [(s.rank, s.attributor) for s in board.rankings[0].scores] == [
        (1, "best"), (2, "tie1"), (2, "tie2"), (4, "low")
    ]  # fmt: skip
    assert not board.notes


def test_overall_is_the_mean_over_records_and_models_have_their_own(tmp_path: Path) -> None:
    rows = [row(0, "a", 1.0, "m1"), row(1, "a", 0.5, "m1"), row(0, "a", 0.0, "m2")]
    board = make_board([journal(tmp_path, header(["a"], {"m1": 2, "m2": 1}), rows)])
    score = board.rankings[0].scores[0]
    assert score.means["iou"] == pytest.approx(0.5) and score.by_model == {"m1": 0.75, "m2": 0.0}
    assert "IoU by model" in text(board)


def test_who_explained_less_has_no_rank(tmp_path: Path) -> None:
    """High means over the easy records only must not win."""
    rows = [row(0, "all", 0.5), row(0, "some", 0.9), closed(0, "none")]
    rows += [row(0, "all", 0.1, "m2"), closed(0, "some", "m2"), closed(0, "none", "m2")]
    board = make_board([journal(tmp_path, header(["all", "some", "none"], {"m": 1, "m2": 1}), rows)])
    scores = board.rankings[0].scores
    assert [(s.rank, s.attributor, s.records) for s in scores] == [
        (1, "all", 2), (None, "some", 1), (None, "none", 0)
    ]  # fmt: skip
    assert scores[1].not_applicable == 1 and scores[2].means["iou"] is None
    assert any(note.startswith("Without a rank") for note in board.notes)
    assert "Records" in text(board, 120) and " n " in text(board, 80)
    lines = render(board).splitlines()
    cells = next(line for line in lines if line.startswith("| # |")).split(" | ")
    where = {name: place for place, name in enumerate(cells)}
    some = next(line for line in lines if "| some |" in line).split(" | ")
    assert [some[where[name]] for name in ("IoU m", "IoU m2", "Records", "N/A")] == ["90.0", "–", "1", "1"]


def test_a_model_that_no_method_can_explain_is_left_out(tmp_path: Path) -> None:
    rows = [row(0, "a", 0.5), closed(0, "a", "closed")]
    board = make_board([journal(tmp_path, header(["a"], {"m": 1, "closed": 1}), rows)])
    ranking = board.rankings[0]
    assert ranking.models == ["m"] and ranking.records == ranking.planned == 1 and ranking.scores[0].rank == 1


def test_an_unfinished_run_says_so_and_compares_whole_records(tmp_path: Path) -> None:
    rows = [row(0, "a", 0.2), row(0, "b", 0.4), row(1, "a", 1.0)]
    board = make_board([journal(tmp_path, header(["a", "b"], {"m": 5}), rows)])
    table = board.rankings[0]
    assert (table.records, table.planned) == (1, 5) and table.scores[1].means["iou"] == 0.2
    assert "1 of 5 records" in text(board) and "not finished" in text(board)


def test_completeness_is_of_results(tmp_path: Path) -> None:
    rows = [row(0, "a", 0.2), row(0, "b", 0.4), row(1, "a", 1.0)]
    head = header(["a", "b"], {"m": 5})
    assert "| results | 3 of 10 (not finished) |" in render(make_board([journal(tmp_path / "1", head, rows)]))
    whole = journal(tmp_path / "2", header(["a"], {"m": 1}), [row(0, "a", 0.2)])
    assert "| results | 1 of 1 (complete) |" in render(make_board([whole]))


def test_modes_have_tables_of_their_own(tmp_path: Path) -> None:
    modes = ("direct", "reasoning")
    both: dict[str, Any] = {"bench": {mode: {"sha256": mode, "records": 1} for mode in modes}}
    both["planned"] = {mode: {"m": 1} for mode in modes}
    ious = {("direct", "a"): 0.1, ("direct", "b"): 0.2, ("reasoning", "a"): 0.9, ("reasoning", "b"): 0.3}
    rows = [row(0, name, iou, mode=mode) for (mode, name), iou in ious.items()]
    board = make_board([journal(tmp_path, header(["a", "b"], {"m": 2}, **both), rows)])
    assert [[(s.attributor, s.means["iou"]) for s in ranking.scores] for ranking in board.rankings] == [
        [("b", 0.2), ("a", 0.1)],
        [("a", 0.9), ("b", 0.3)],
    ]


def test_a_composite_is_too_coarse_to_count(tmp_path: Path) -> None:
    named = ["left lung", "both lungs", None, "right lung"]
    rows = [row(i, "a", 0.5, concept=name, true_concepts=["left lung"]) for i, name in enumerate(named)]
    rows.append(row(4, "a", 0.5, concept="heart", true_concepts=[]))  # not known: counts nowhere
    board = make_board([journal(tmp_path, header(["a"], {"m": 5}), rows)])
    assert board.rankings[0].scores[0].means["concept"] == 0.25


def test_the_document_explains_every_column_that_it_has(tmp_path: Path) -> None:
    rows = [row(0, "a", 0.2, concept="heart"), closed(0, "a", "m2")]
    rows += [row(0, "b", 0.2), row(0, "b", 0.3, "m2")]
    document = render(make_board([journal(tmp_path, header(["a", "b"], {"m": 1, "m2": 1}), rows)]))
    columns = next(line for line in document.splitlines() if line.startswith("| # |")).strip("| ").split(" | ")
    explained = re.findall(r"^- \*\*(.+?)\*\*:", document, re.MULTILINE)
    assert {"IoU" if name.startswith("IoU") else name for name in columns} == set(explained)
    plain = render(make_board([journal(tmp_path / "b", header(["b"], {"m": 1}), [row(0, "b", 0.2)])]))
    assert "N/A" not in plain and "**Concept right**" not in plain


def test_many_reasons_to_fail_are_counted_not_listed(tmp_path: Path) -> None:
    rows = [row(i, "a", None, error=f"reason {max(i, 2)}") for i in range(14)]
    document = render(make_board([journal(tmp_path, header(["a"], {"m": 14}), rows)]))
    first, second = document.index("| a | reason 2 | 3 |"), document.index("| a | reason 10 | 1 |")
    assert first < second and document.count("| a | reason") == 10
    assert "Further reasons, in the journal: 2 (2 results)." in document


def test_a_subset_says_so(tmp_path: Path) -> None:
    head = header(["a"], {"m": 1}, limit=1, available=40)
    board = make_board([journal(tmp_path, head, [row(0, "a", 0.2)])])
    assert "A subset: 1 of 40 records" in text(board) and "A subset: 1 of 40 records" in render(board)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"metrics": {"iou": "high"}}, "the field 'metrics.iou' is \"high\""),
        ({"metrics": {"beauty": 1.0}}, "its metric 'beauty' is not in the header"),
        ({"unmeasured": {"iou": "why"}}, "its iou is measured and unmeasured"),
        ({"forward": -1}, "the field 'forward' is -1"),
        ({"shoes": 2}, "the field 'shoes' is not known to this version of the harness"),
        ({"truth": None}, "the field 'truth' is null"),
        ({"mode": "other"}, "mode"),
        ({"mode": "reasoning"}, "'m' has no reasoning records"),
        ({"status": "fine"}, "status"),
        ({"status": "failed"}, "failed without an error"),
        ({"attributor": "b"}, "'b' is not in the header"),
    ],
)
def test_a_broken_row_is_refused_by_its_line(tmp_path: Path, fields: dict[str, Any], reason: str) -> None:
    rows = [row(0, "a", 0.2), row(1, "a", 0.2) | fields]
    with pytest.raises(HarnessError, match="broken at line 3") as caught:
        make_board([journal(tmp_path, header(["a"], {"m": 2}), rows)])
    assert reason in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("field", sorted(Row.model_fields.keys() - {"status", *KEY}))
def test_a_row_without_a_field_is_refused_by_its_name(tmp_path: Path, field: str) -> None:
    rows = [{name: value for name, value in row(0, "a", 0.2).items() if name != field}]
    with pytest.raises(HarnessError, match=f"broken at line 2 .the field '{field}' is missing"):
        make_board([_raw(tmp_path, header(["a"], {"m": 1}), rows)])


@pytest.mark.parametrize("field", sorted(Header.model_fields.keys() - {"format"}))
def test_a_header_without_a_field_or_with_another_is_refused_by_its_name(tmp_path: Path, field: str) -> None:
    head = {name: value for name, value in header(["a"], {"m": 1}).items() if name != field}
    with pytest.raises(HarnessError, match=f"broken at line 1 .the field '{field}' is missing"):
        make_board([_raw(tmp_path / "less", head, [row(0, "a", 0.2)])])
    more = header(["a"], {"m": 1}, **{f"{field}s": 1})
    with pytest.raises(HarnessError, match=f"broken at line 1 .the field '{field}s' is not known"):
        make_board([_raw(tmp_path / "more", more, [row(0, "a", 0.2)])])


def _raw(folder: Path, *lines: Any) -> Path:
    """A journal of any lines."""
    head, rows = lines
    return write_lines(folder, [head, *rows])


def test_folders_without_a_journal_to_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    lines = {"bytes": b"\xff\xfe\n", "void": b"", "other": b'{"format": 1}\n', "bare": b'{"format": 4}\n'}
    good = json.dumps(header(["a"], {"m": 1})).encode()
    lines["nan"] = good + b"\n" + json.dumps(row(0, "a", float("nan"))).encode() + b"\n"
    lines["list"] = good + b"\n[]\n{}\n"
    for name, data in lines.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "journal.jsonl").write_bytes(data)
    for name in ("missing", "empty", "file", *lines):
        with pytest.raises(HarnessError) as caught:
            make_board([tmp_path / name])
        assert name in str(caught.value) and "\n" not in str(caught.value)


def test_nothing_from_a_plugin_or_model_is_markup(tmp_path: Path) -> None:
    head = header([NASTY], {"[bold]m|": 1, "m2": 1})
    rows = [row(0, NASTY, None, "[bold]m|", error="<script>|\n## x"), row(0, NASTY, 0.5, "m2")]
    board = make_board([journal(tmp_path, head, rows)])
    document = render(board)
    assert "<img" not in document and "<script" not in document and "\n# g" not in document
    assert "\n## x" not in document
    lines = document.splitlines()
    tables = [line for line in lines if line.startswith("|")]
    assert tables and all(line.endswith("|") for line in tables)
    for first, second in pairwise(tables):
        if lines[lines.index(first) + 1] == second:
            assert first.replace("\\|", "").count("|") == second.replace("\\|", "").count("|")
    assert "[bold]m|" in text(board, 200)


def test_nothing_steers_the_terminal_or_cannot_be_written(tmp_path: Path) -> None:
    name, error = "\x1b[31mred\ud800", "\x1b]0;title\x07 \u202e"
    board = make_board([journal(tmp_path, header([name], {"m": 1}), [row(0, name, None, error=error)])])
    for shown in (text(board), render(board)):
        assert shown.encode("utf-8") and "red" in shown
        assert all(c.isprintable() or c == "\n" for c in shown)


def test_escaping() -> None:
    assert escape("a|b") == "a\\|b" and escape("`x`") == "\\`x\\`" and escape("<b>&") == "&lt;b&gt;&amp;"
    assert escape("a\n\nb\tc\x1b") == "a b c" and escape("[a](b)") == "\\[a\\](b)" and escape("\\|") == "\\\\\\|"
    assert escape("https://x.org www.x.org a@b.c") == "https\\://x.org www\\.x.org a\\@b.c"
    assert escape("phantom:12 v1.2.dev0") == "phantom:12 v1.2.dev0" and escape("\ud800\u202ex") == "x"
    assert escape("qwen2_5_vl") == "qwen2\\_5\\_vl" and escape("medfocus-v2 (1.0)") == "medfocus-v2 (1.0)"


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_too_wide_and_no_number_is_cut(tmp_path: Path, width: int) -> None:
    names = ["medfocus", "attention-rollout", "gradient-weighted-attention"]
    models = {f"phantom-model-{k}-7b": 1 for k in range(6)}
    rows = [
        row(0, name, 0.123, model, concept="heart", forward=12345, backward=24) for model in models for name in names
    ]
    shown = text(make_board([journal(tmp_path, header(names, models), rows)]), width)
    assert max(map(len, shown.splitlines())) <= width
    for word in (
        "Precision" if width > 100 else "Prec.",
        "Recall",
        "Concept",
        "Failed",
        "12.3",
        "100.0",
        "12345+24",
        "attention-rollout",
    ):
        assert word in shown


@pytest.mark.parametrize("width", [44, 60, 80, 99, 100, 140])
def test_the_interval_is_the_last_to_go(tmp_path: Path, width: int) -> None:
    names = ["medfocus", "gradient-weighted-attention"]
    rows = [row(k, name, k / 40, concept="heart", forward=7) for k in range(40) for name in names]
    shown = text(make_board([journal(tmp_path, header(names, {"m": 40}), rows)]), width)
    head, *lines = [line for line in shown.splitlines() if "Attributor" in line or line.lstrip().startswith("1 ")]
    assert "IoU" in head and "95%" in head and max(map(len, shown.splitlines())) <= width
    assert re.search(r"48\.8 +\d\d\.\d–\d\d\.\d", lines[0])
    assert "No room here for" in shown or width > 80


def test_the_end_of_a_run(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=100)
    toy_run(tmp_path / "out", ["good", "map"], bench=toys.bench(tmp_path / "bench"))
    run_finished(tmp_path / "out", console)
    first = (tmp_path / "out" / "leaderboard.md").read_bytes()
    run_finished(tmp_path / "out", console)
    assert (tmp_path / "out" / "leaderboard.md").read_bytes() == first
    document = first.decode()
    assert "## Direct answers" in document and "## Reasoning" in document
    assert f"| map | (given) | toys | {code_of(toys.Map)} | blur=4 |" in document
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "leaderboard.md" in said and "Reasoning: 4 records of toy" in said


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    folder = journal(tmp_path / "1", header(["a"], {"m": 1}), [row(0, "a", 0.2)])
    args = parser.parse_args(["leaderboard", str(folder), "--output", str(tmp_path / "board.md")])
    assert args.run(args) == 0
    assert "20.0" in capsys.readouterr().out and "20.0" in (tmp_path / "board.md").read_text()
    args = parser.parse_args(["leaderboard", str(folder), "--output", str(folder / "journal.jsonl" / "board.md")])
    with pytest.raises(HarnessError, match="nothing can be written"):
        args.run(args)
    args = parser.parse_args(["leaderboard", str(folder), "--rank-by", "recall"])
    assert args.run(args) == 0
    assert re.search(r"# +Attributor +Recall", capsys.readouterr().out)
    args = parser.parse_args(["leaderboard", str(folder), "--rank-by", "beauty"])
    with pytest.raises(HarnessError, match=r"No run measured 'beauty'.*there are iou, iou-region, precision"):
        args.run(args)


def test_the_journal_of_a_run_has_what_the_hand_made_one_has(tmp_path: Path) -> None:
    """The rows of these tests must not drift from what a run writes."""
    toy_run(tmp_path / "out", ["good"], bench=toys.bench(tmp_path / "bench"))
    lines = read_lines(tmp_path / "out")
    assert header(["a"], {"m": 1}).keys() == lines[0].keys() == Header.model_fields.keys()
    assert row(0, "a").keys() == lines[1].keys() == Row.model_fields.keys()
