"""A third party's metric, written in one file: wherever a built-in one shows, it shows."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import toys
from evaluating import toy_run
from rich.console import Console
from rows import ALL, DEFAULT, facts_of, header, journal, read_lines, row, write_lines
from toys import registry

from harness.contracts.explained import Explained
from harness.contracts.metric import Metric, Need
from harness.errors import HarnessError
from harness.hookspecs import hookimpl
from leaderboard.board import Board, make_board
from leaderboard.notebook import BoardView
from leaderboard.read.joined import folders_of
from leaderboard.render import csv_json, markdown
from leaderboard.render.console import show
from leaderboard.render.html import page
from leaderboard.render.html.plots import Axis
from leaderboard.rescore import rescore
from leaderboard.verify import verify


class Distance(Metric):
    """How far the middle of the boxes is from that of the truth."""

    name: ClassVar[str] = "distance"
    title: ClassVar[str] = "Distance"
    legend: ClassVar[str] = "how many pixels lie between the middles of boxes and true boxes; less is better."
    higher_is_better: ClassVar[bool] = False
    worst: ClassVar[float] = 500.0
    percent: ClassVar[bool] = False

    def measure(self, explained: Explained) -> float | None:
        if explained.record.index == 2 and explained.attributor == "map":
            raise RuntimeError("no ruler at hand")
        (x, y), (u, v) = (
            np.mean([[(b.x0 + b.x1) / 2, (b.y0 + b.y1) / 2] for b in boxes], axis=0)
            for boxes in (explained.boxes, explained.truth)
        )
        return float(np.hypot(x - u, y - v))


class Energy(Metric):
    """Which part of the map's heat lies in the true boxes."""

    name: ClassVar[str] = "energy"
    title: ClassVar[str] = "Energy"
    legend: ClassVar[str] = "which part of the map's heat lies in true boxes; more is better."
    needs: ClassVar[frozenset[Need]] = frozenset({"map"})

    def measure(self, explained: Explained) -> float | None:
        heat = explained.heat - explained.heat.min()
        assert explained.place is not None
        x0, y0, x1, y1 = map(round, explained.place.to_frame(explained.truth[0]))
        return float(heat[y0:y1, x0:x1].sum() / heat.sum())


@hookimpl
def metrics() -> Sequence[type[Metric]]:
    return [Distance, Energy]


HERE = sys.modules[__name__]
NAMES = ["good", "map", "answers-only"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the toys that measures both, and keeps maps."""
    folder = tmp_path_factory.mktemp("any")
    toys.bench(folder / "bench", indices=(0, 1, 2, 4, 5))
    settings: dict[str, Any] = {"bench": folder / "bench", "keep_maps": True, "gallery": 4}
    toy_run(folder / "out", NAMES, HERE, metrics=["distance", "energy"], **settings)
    return folder


@pytest.fixture
def board(folder: Path) -> Board:
    return make_board([folder / "out"])


def text(board: Board, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    show(board, console)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_it_is_a_column_of_documents_with_a_sentence_in_the_legend(board: Board) -> None:
    document = markdown.render(board)
    assert "Figures are in percent but for Distance." in document
    heads = [line.split(" | ") for line in document.splitlines() if line.startswith("| # |")]
    assert all(line[line.index("Distance") + 1] == "Energy" for line in heads)
    (good,) = re.findall(r"^\| \d \| good .*$", document.split("## Reasoning")[0], re.MULTILINE)
    mean = board.rankings[0].scores[0].means["distance"]
    assert mean is not None and good.split(" | ")[heads[0].index("Distance")] == f"{mean:.1f}" and mean > 10
    legend = re.findall(r"^- \*\*Distance\*\*: (.*)$", document, re.MULTILINE)
    assert legend == [f"{Distance.legend} A failed record counts as 500."]
    assert "counts as each metric's worst" in document


def test_it_is_in_the_csv_and_json_with_its_interval(board: Board) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_json.to_csv(board))))
    assert {"distance", "distance_low", "distance_high", "energy"} <= rows[0].keys()
    content = json.loads(csv_json.to_json(board))
    assert content["metrics"]["distance"]["title"] == "Distance" and content["ranked_by"] == "iou"
    score = next(score for score in content["rankings"][0]["scores"] if score["attributor"] == "good")
    low, high = score["intervals"]["distance"]
    assert low <= score["means"]["distance"] <= high
    line = next(one for one in rows if (one["attributor"], one["mode"], one["size"]) == ("good", "direct", "all"))
    assert [line["distance"], line["distance_low"], line["distance_high"]] == [
        str(score["means"]["distance"]), str(low), str(high)
    ]  # fmt: skip


def test_it_is_on_the_page_and_sorts_it_the_right_way(board: Board) -> None:
    document = page.render(board)
    (first,) = set(re.findall(r'data-first="(\w+)" data-kind="number"><button type="button">Distance<', document))
    assert first == "ascending"
    (first,) = set(re.findall(r'data-first="(\w+)" data-kind="number"><button type="button">Energy<', document))
    assert first == "descending"
    mean = board.rankings[0].scores[0].means["distance"]
    assert f'data-value="{mean:.9g}"' in document and "<dt>Distance</dt>" in document


def test_it_is_on_the_console_and_in_notebooks_where_there_is_room(board: Board) -> None:
    assert re.search(r"Recall +F1 +Pointing +right +Distance +Energy", text(board, 140))
    assert "in percent but for Distance" in text(board, 140)
    said = text(board, 80)
    assert max(map(len, said.splitlines())) <= 80 and "No room here for" in said
    assert ">Distance</th>" in BoardView(board)._repr_html_()


def test_what_could_not_be_measured_is_said_and_counts_in_no_mean(board: Board) -> None:
    note = (
        "Distance could not be measured on 2 of 10 results of map: they count in no mean of it "
        "(RuntimeError: no ruler at hand)."
    )
    assert note in board.notes and note in " ".join(text(board, 200).split()) and note in markdown.render(board)
    score = next(score for score in board.rankings[0].scores if score.attributor == "map")
    assert (score.records, score.measured["distance"], score.measured["iou"]) == (5, 4, 5)
    values = [row.metrics.get("distance") for row in board.rows if (row.attributor, row.mode) == ("map", "direct")]
    assert values.count(None) == 1
    assert score.means["distance"] == pytest.approx(np.mean([value for value in values if value is not None]))
    assert json.loads(csv_json.to_json(board))["unmeasured"][0]["count"] == 2


def test_a_metric_of_which_less_is_better_ranks_upwards(folder: Path, board: Board) -> None:
    ranked = make_board([folder / "out"], rank_by="distance")
    for ranking in ranked.rankings:
        with_rank = [score for score in ranking.scores if score.rank is not None]
        means = [score.means["distance"] or 0 for score in with_rank]
        assert means == sorted(means) and means[0] < means[-1] and [s.rank for s in with_rank] == [1, 2]
        # The mean of map is over fewer records: it does not compare.
        assert ranking.scores[-1].attributor == "map" and ranking.scores[-1].rank is None
        assert ranking.pairs[0].difference == pytest.approx(means[0] - means[1])
    assert any(note.startswith("Without a rank: who has Distance of fewer records") for note in ranked.notes)
    assert "Distance by model" not in text(ranked) and re.search(r"# +Attributor +Distance +95%", text(ranked, 140))
    document = markdown.render(ranked)
    assert "### Direct answers: Distance by finding" in document and "rank by Distance over all" in document
    shown = page.render(ranked)
    assert "Mean Distance, with its 95% interval" in shown and "Distance against cost" in shown
    assert repr(BoardView(board).rank_by("distance")) == repr(BoardView(ranked))
    with pytest.raises(HarnessError, match="No run measured 'speed'"):
        BoardView(board).rank_by("speed")


def test_the_better_the_hotter(folder: Path) -> None:
    for by, best in (("distance", min), ("iou", max)):
        board = make_board([folder / "out"], rank_by=by)
        (ranking, *_) = board.rankings
        means = {s.attributor: s.means[by] for part in ranking.slices["finding"] for s in part.scores.values()}
        table = page.render(board).split('class="heatmap"')[1].split("</table>")[0]
        cells = re.findall(r'class="heat h(\d)">([\d.]+)', table)
        hottest = max(cells, key=lambda cell: int(cell[0]))
        assert float(hottest[1]) == best(float(value) for _, value in cells), (by, means)


def test_verify_measures_it_again(folder: Path, tmp_path: Path) -> None:
    found = verify(folder / "out", registry(HERE), folder / "bench")
    assert found.sentences == []
    rounded, anew = found.unchecked
    assert rounded == "Kept maps are rounded: figures of 'energy' may differ by 0.005, or that part of them."
    assert "--replay N" in anew
    away = verify(folder / "out", registry(), folder / "bench")
    assert not away.sentences
    assert sum("is not installed here: nothing of it was checked" in text for text in away.unchecked) == 2

    spoilt = shutil.copytree(folder / "out", tmp_path / "out")
    path = spoilt / "journal.jsonl"
    head, *lines = read_lines(spoilt)
    place = next(k for k, line in enumerate(lines) if line["attributor"] == "map" and line["status"] == "ok")
    lines[place]["metrics"].update(distance=1.0, energy=lines[place]["metrics"]["energy"] + 0.02)
    write_lines(spoilt, [head, *lines])
    sentences = verify(spoilt, registry(HERE), folder / "bench").sentences
    where = f"Line {place + 2}, 'map' on sample {lines[place]['index']} of 'toy'"
    assert len(sentences) == 2 and all(sentence.startswith(where) for sentence in sentences)
    assert "the claimed distance is not that of what it marks: 1.0" in sentences[0]
    assert "the claimed energy is not that" in sentences[1]

    path.write_bytes((folder / "out" / "journal.jsonl").read_bytes())
    shutil.rmtree(spoilt / "maps")
    said, *_ = verify(spoilt, registry(HERE), folder / "bench").unchecked
    assert said == "The figures of energy for 30 results were taken as they are (no map was kept)."


def test_added_figures_stand_beside_those_of_the_run(folder: Path, tmp_path: Path) -> None:
    toy_run(tmp_path / "out", NAMES, HERE, bench=folder / "bench", keep_maps=True)
    assert "Distance" not in markdown.render(make_board([tmp_path / "out"]))
    rescore(registry(HERE), tmp_path / "out", ["distance", "energy"])
    before, after = make_board([folder / "out"]), make_board([tmp_path / "out"])
    assert list(after.measures.facts) == list(before.measures.facts)
    for one, other in zip(before.rankings[0].scores, after.rankings[0].scores, strict=True):
        assert one.means == pytest.approx(other.means, abs=0.002)  # of maps that were rounded
        assert one.means["distance"] == other.means["distance"]
    assert "| and then | harness rescore DIR --metric distance --metric energy |" in markdown.render(after)
    assert not verify(tmp_path / "out", registry(HERE), folder / "bench").sentences


def test_shards_that_were_not_measured_say_so(folder: Path, tmp_path: Path) -> None:
    for shard in ("1/2", "2/2"):
        toy_run(tmp_path / "out", ["good"], HERE, bench=folder / "bench", shard=shard)
    digest = make_board([tmp_path / "out"]).runs[0].digest
    rescore(registry(HERE), folders_of(tmp_path / "out")[0], ["distance"])
    board = make_board([tmp_path / "out"])
    assert len(board.runs) == 1 and board.runs[0].digest == digest
    (note,) = [note for note in board.notes if note.startswith("Distance")]
    assert "4 of 10 results of good" in note and "nobody ran `harness rescore` on its shard" in note


def test_what_only_some_runs_measured(tmp_path: Path) -> None:
    more = {**DEFAULT, "distance": facts_of(Distance)}
    rows = [row(k, "b", 0.5, metrics={"distance": 9.0}) for k in range(3)]
    one = journal(tmp_path / "1", header(["a"], {"m": 3}), [row(k, "a", 0.4) for k in range(3)])
    two = journal(tmp_path / "2", header(["b"], {"m": 3}, metrics=more), rows)
    for folders in ([one, two], [two, one]):
        board = make_board(folders)
        assert [score.means["distance"] for score in board.rankings[0].scores] == [9.0, None]
        assert re.search(r"\| 2 \| a \|.* – ", markdown.render(board)) and not board.notes
        ranked = make_board(folders, "distance").rankings[0]
        assert [(s.rank, s.attributor) for s in ranked.scores] == [(1, "b"), (None, "a")]
    # One method, measured for one model and not for the other: its mean is not of all its records.
    three = journal(tmp_path / "3", header(["b"], {"n": 1}), [row(0, "b", 0.5, "n")])
    (note,) = make_board([two, three]).notes
    assert note.startswith("Distance could not be measured on 1 of 4 results of b") and "did not measure it" in note
    # The same results, once with the metric and once without.
    four = journal(tmp_path / "4", header(["b"], {"m": 3}), [row(k, "b", 0.5) for k in range(3)])
    board = make_board([four, two])
    assert board.rankings[0].scores[0].means["distance"] == 9 and not board.notes


def test_null_counts_as_the_worst_unless_all_are(tmp_path: Path) -> None:
    some: dict[str, list[float | None]] = {"a": [1.0, None, 3.0], "b": [None, None, None], "c": [2.0, 2.0, 2.0]}
    rows = [row(k, n, 0.5, metrics={"distance": value}) for n, values in some.items() for k, value in enumerate(values)]
    rows += [row(3, "a", None, metrics={"distance": 500.0}), row(3, "b", None, metrics={"distance": 500.0})]
    rows += [row(3, "c", 0.5, metrics={"distance": 2.0})]
    head = header(list(some), {"m": 4}, metrics={**DEFAULT, "distance": facts_of(Distance)})
    ranking = make_board([journal(tmp_path, head, rows)], "distance").rankings[0]
    found = {score.attributor: (score.rank, score.means["distance"]) for score in ranking.scores}
    assert found == {"c": (1, 2.0), "a": (2, (1 + 500 + 3 + 500) / 4), "b": (None, None)}


def test_text_of_a_header_is_text_and_columns_do_not_get_mixed_up(tmp_path: Path) -> None:
    nasty = "<script>|\x1b[31m"
    metrics = {
        "iou": DEFAULT["iou"],
        "records": facts_of(Distance, title="Records"),
        "=x": facts_of(Distance, title="IoU", legend=f"{nasty} is better."),
        "y": facts_of(Distance, title=nasty),
        "z": facts_of(Distance, title=""),
    }
    figures = {"records": 7.5, "=x": 8.5, "y": 1e9, "z": -0.25}
    lines = [row(k, "a", 0.5, metrics=figures) for k in range(2)]
    for line in lines:
        line["metrics"] = {name: line["metrics"][name] for name in metrics}
    board = make_board([journal(tmp_path, header(["a"], {"m": 2}, metrics=metrics), lines)])
    document = markdown.render(board)
    assert "<script" not in document and "\x1b" not in document + text(board, 200)
    head, _, line = [line for line in document.splitlines() if line.startswith("|")][:3]
    titles = ["IoU (iou)", "Records (records)", "IoU (=x)", r"&lt;script&gt;\| \[31m", "(z)"]
    assert head.startswith(f"| # | Attributor | {' | '.join(titles)} | Whole image")
    assert "| 50.0 | 7.500 | 8.500 | 1.00e+09 | -0.250 |" in line
    (first, *_) = csv.DictReader(io.StringIO(csv_json.to_csv(board)))
    assert first["records"] == "2" and first["metric_records"] == "7.5" and first["'=x"] == "8.5"
    assert "<script>|" not in page.render(board)


@pytest.mark.parametrize(
    ("means", "ends"),
    [([0.317, 0.229], (0, 0.35)), ([0.0], (0, 0.1)), ([-3.0, 4.0], (-4, 4)), ([812.0], (0, 900)), ([-5.0], (-5, 0))],
)
def test_an_axis_has_room_for_all(tmp_path: Path, means: list[float], ends: tuple[float, float]) -> None:
    names = [f"a{k}" for k in range(len(means))]
    head = header(names, {"m": 1}, metrics={**DEFAULT, "distance": facts_of(Distance)})
    lines = [row(0, name, 0.5, metrics={"distance": mean}) for name, mean in zip(names, means, strict=True)]
    board = make_board([journal(tmp_path, head, lines)], "distance")
    axis = Axis.of(board.rankings[0].scores, "distance")
    assert (axis.low, axis.high) == pytest.approx(ends)
    assert 2 <= len(axis.ticks) <= 9 and all(0 <= axis.at(value) <= 1 for value in [*axis.ticks, *means, 0.0])
    assert page.render(board)


def test_figures_that_cannot_be_summed_are_refused(tmp_path: Path) -> None:
    head = header(["a"], {"m": 2}, metrics={**DEFAULT, "distance": facts_of(Distance)})
    rows = [row(k, "a", 0.5, metrics={"distance": 1.5e308}) for k in range(2)]
    with pytest.raises(HarnessError, match=r"a figure of 'distance' of 1.5e\+308, too large to take a mean of"):
        make_board([journal(tmp_path, head, rows)])


def test_all_built_in_metrics_stand_side_by_side(tmp_path: Path) -> None:
    figures = {"pointing": 1.0, "deletion": 0.2, "insertion": 0.8}
    rows = [row(k, n, 0.5, metrics=figures, concept="heart") for k in range(2) for n in ("a", "b")]
    board = make_board([journal(tmp_path, header(["a", "b"], {"m": 2}, metrics=ALL), rows)])
    head = next(line for line in markdown.render(board).splitlines() if line.startswith("| # |"))
    assert "| IoU | p | Precision | Recall | F1 | Pointing | Concept right | Deletion | Insertion | Whole" in head
    assert "**Deletion**" in markdown.render(board) and "A failed record counts as 100." in markdown.render(board)


HEAVY = ("torch", "torchvision", "transformers", "datasets", "matplotlib", "ot", "segment_anything", "safetensors")
BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError("blocked: " + name, name=name)
sys.meta_path.insert(0, Blocked())
from harness.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
