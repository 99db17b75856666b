"""What a submitted folder may get wrong, each said in one sentence; and what is published."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import toys
from evaluating import toy_run
from rich.console import Console
from rows import read_lines, write_lines
from toys import registry

from harness.cli import main as cli
from harness.contracts.source import Sample
from harness.errors import HarnessError
from harness.imaging.frame import Box
from harness.registry import Registry
from harness.run.header import Header
from leaderboard.board import make_board
from leaderboard.command import add_parser
from leaderboard.plugin import run_finished
from leaderboard.publish import publish
from leaderboard.read.installed import installed
from leaderboard.read.joined import Run, read_runs
from leaderboard.read.provenance_lines import eval_command, setting_lines
from leaderboard.render.csv_json import csv_columns, to_csv, to_json
from leaderboard.verify import verify
from leaderboard.verifying.found import UNCHECKED

Lines = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def found_anew() -> Iterator[None]:
    """The installed plugins, which tests put others in the place of."""
    installed.cache_clear()
    yield
    installed.cache_clear()


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the toys."""
    folder = tmp_path_factory.mktemp("honest")
    toy_run(
        folder / "out", ["good", "map", "traces"], models=["toy", "black-box"], limit=8, gallery=8,
        bench=toys.bench(folder / "bench", ["toy_1b", "black-box"], (1, 0, 3, 2)),
    )  # fmt: skip
    return folder


def spoil(honest: Path, tmp_path: Path, change: Callable[[Lines], object]) -> list[str]:
    """What is said of a copy whose journal lines have been changed."""
    shutil.copytree(honest / "out", tmp_path / "out")
    lines = read_lines(tmp_path / "out")
    change(lines)
    write_lines(tmp_path / "out", lines)
    return verify(tmp_path / "out", registry(), honest / "bench").sentences


def first(lines: Lines, **about: Any) -> dict[str, Any]:
    return next(row for row in lines[1:] if all(row[name] == value for name, value in about.items()))


def figures(lines: Lines, status: str) -> dict[str, Any]:
    """Those of the first such row."""
    found: dict[str, Any] = first(lines, status=status)["metrics"]
    return found


def unmeasure(lines: Lines) -> None:
    """A figure that is in the way is said to be out of reach."""
    row = first(lines, status="ok")
    row["unmeasured"]["recall"] = f"so bad: {row['metrics'].pop('recall')}"


def test_true_boxes_past_the_edge_count_as_far_as_there_is_an_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = toys.bench(tmp_path / "bench", models=["toy_1b"])
    plain = toys.ToySource.samples

    def samples(source: toys.ToySource) -> Iterator[Sample]:
        for sample in plain(source):
            (box,) = sample.boxes
            yield replace(sample, boxes=(box, Box(-30, -30, -10, toys.HEIGHT), Box(toys.WIDTH, 0, 900, 900)))

    monkeypatch.setattr(toys.ToySource, "samples", samples)
    toy_run(tmp_path / "out", ["good"], models=["toy"], limit=2, bench=bench)
    rows = read_lines(tmp_path / "out")[1:]
    assert all(row["metrics"]["iou"] > 0.999 and len(row["truth"]) == 3 for row in rows)
    assert verify(tmp_path / "out", registry(), bench).sentences == []


def test_an_honest_run(honest: Path) -> None:
    found = verify(honest / "out", registry(), honest / "bench")
    assert (found.sentences, found.results, found.status) == ([], 24, UNCHECKED)
    (left,) = found.unchecked
    assert left.startswith("What the methods said of 8 of 8 records was not computed again")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines.pop(), "not complete: 'traces' has 1 of 2 reasoning results of"),
        (lambda lines: lines.append(lines[3]), "Lines 4 and 26 are both the result of"),
        (lambda lines: figures(lines, "ok").update(iou=0.5), "the claimed iou is not that of what it marks: 0.5, but"),
        (lambda lines: figures(lines, "ok").update(iou=1.5), "the claimed iou is not that of what it marks: 1.5, but"),
        (lambda lines: figures(lines, "ok").update(f1=1.0 - 2e-5), "the claimed f1 is not that"),
        (lambda lines: figures(lines, "ok").update(pointing=0.0), "the claimed pointing is not that"),
        (lambda lines: figures(lines, "ok").update(concept=None), "the claimed concept is not that"),
        (lambda lines: figures(lines, "ok").pop("recall"), "its recall is missing, and what it marks gives"),
        (unmeasure, "its recall is missing, and what it marks gives"),
        (lambda lines: first(lines, status="ok").update(attributor="best"), "'best' is not in the header"),
        (lambda lines: first(lines, status="ok").update(index=99), "not one that the run should explain"),
        (lambda lines: first(lines, status="ok").update(answer="No"), "the answer is not the one in"),
        (lambda lines: first(lines, status="ok").update(image="0" * 16), "its image and the source's are not the same"),
        (lambda lines: first(lines, status="ok").update(attribute="x"), "its attribute and the source's are not"),
        (lambda lines: first(lines, attributor="map", status="ok").update(peak=[500.0, 1.0]), "lies outside the image"),
        (lambda lines: first(lines, status="ok").pop("boxes"), "broken at line"),
        (lambda lines: figures(lines, "failed").update(iou=0.1), "the claimed iou is not that of a failed result: 0.1"),
        (lambda lines: first(lines, status="failed").update(boxes=[[0.0] * 4]), "it is failed and yet has boxes"),
        (lambda lines: figures(lines, "not_applicable").update(iou=0.1), "not applicable and yet has figures"),
        (lambda lines: first(lines, status="ok").update(truth=[[None, 0.0, 1.0, 1.0]]), "its true boxes are not"),
        (lambda lines: first(lines, status="ok").update(truth=[]), "cannot be measured again: ValueError: the true"),
        (lambda lines: lines[0]["metrics"]["iou"].update(worst=1.0), "says worst is 1.0, and the metric 'iou' of"),
        (lambda lines: lines[0]["metrics"]["iou"].update(higher_is_better=False), "says higher_is_better is False"),
        (lambda lines: lines[0]["bench"]["direct"].update(sha256="f" * 64), "the journal is of SHA-256 ffff"),
        (lambda lines: lines[0]["plugins"]["attributor"].pop("map"), "which plugin the attributor 'map' is"),
        (lambda lines: lines[0]["planned"]["direct"].update(toy=3), "plans 3 direct records of 'toy', it should be 2"),
        (lambda lines: lines[0].update(format=9), "is of format 9, and this version of the harness reads"),
    ],
)
def test_what_is_wrong_is_said(honest: Path, tmp_path: Path, change: Callable[[Lines], object], said: str) -> None:
    sentences = spoil(honest, tmp_path, change)
    assert any(said in sentence for sentence in sentences), sentences
    assert all("\n" not in sentence and sentence.rstrip().endswith((".", ".)")) for sentence in sentences)


def test_a_truth_that_was_moved_to_where_the_method_points(honest: Path, tmp_path: Path) -> None:
    """The figures follow from boxes and truth, and are still not right."""

    def cheat(lines: Lines) -> None:
        for row in lines[1:]:
            if row["status"] == "ok" and row["boxes"]:
                row.update(truth=row["boxes"])
                row["metrics"].update(iou=1.0, precision=1.0, recall=1.0, f1=1.0, pointing=1.0)

    (sentence,) = spoil(honest, tmp_path, cheat)
    assert "its true boxes and the source's are not the same" in sentence and "more like it" in sentence


def test_records_that_were_chosen(honest: Path, tmp_path: Path) -> None:
    """A limited run has the records that the limit picks, not the easy ones."""

    def choose(lines: Lines) -> None:
        for row in lines[1:]:
            row["index"] = {1: 0}.get(row["index"], row["index"])

    assert any("should explain" in sentence for sentence in spoil(honest, tmp_path, choose))


def test_what_cannot_be_checked_is_said(honest: Path) -> None:
    found = verify(honest / "out", Registry(), honest / "bench")
    assert any("The true boxes of 'toy' were taken as they are" in text for text in found.unchecked)
    figures = [text for text in found.unchecked if text.startswith("The figures of iou")]
    assert figures and "(it is not installed here, or not so)" in figures[0]
    assert found.sentences == []


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls: registry()))
    parser = cli.Parser()
    add_parser(parser.add_subparsers())
    args = parser.parse_args(["leaderboard", *arguments])
    return int(args.run(args))


def test_the_commands(
    honest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, bench = str(honest / "out"), str(honest / "bench")
    assert command(monkeypatch, "verify", out, "--bench", bench) == 3
    printed = "".join(capsys.readouterr().out.split())
    assert "24resultsarewhatitclaims,sofarastheycouldbechecked." in printed
    assert "notchecked:Whatthemethodssaidof8of8records" in printed
    assert command(monkeypatch, "verify", out, str(tmp_path)) == 1
    assert "There is no journal" in capsys.readouterr().out
    assert command(monkeypatch, "publish", out, "--bench", bench, "--to", str(tmp_path / "to")) == 0
    assert sorted(path.name for path in (tmp_path / "to").iterdir()) == [
        "toy.csv", "toy.html", "toy.json", "toy.md"
    ]  # fmt: skip
    outputs = [str(tmp_path / name) for name in ("a.md", "b.csv")]
    assert command(monkeypatch, out, "--output", outputs[0], "--output", outputs[1]) == 0
    assert all(Path(path).stat().st_size for path in outputs)
    for wrong in (
        ["verify"], [out, "--to", "x"], ["verify", out, "--output", "x.md"], [out, "--replay", "0"],
        ["verify", out, "--unverified"], ["verify", out, "--seed", "1"],
        ["publish", out, "--unverified", "--replay", "1"],
    ):  # fmt: skip
        with pytest.raises(HarnessError):
            command(monkeypatch, *wrong)


def test_what_is_wrong_is_published_only_as_not_verified(
    honest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(honest / "out", tmp_path / "out")
    lines = read_lines(tmp_path / "out")
    figures(lines, "ok").update(iou=0.5)
    write_lines(tmp_path / "out", lines)
    words = ["publish", str(tmp_path / "out"), "--to", str(tmp_path / "to")]
    assert command(monkeypatch, *words, "--bench", str(honest / "bench")) == 1
    assert "Nothing was published: give --unverified" in capsys.readouterr().out
    assert not (tmp_path / "to").exists()
    assert command(monkeypatch, *words, "--unverified") == 0
    for suffix in ("md", "html"):
        assert "Not verified: nobody has compared these results" in (tmp_path / "to" / f"toy.{suffix}").read_text()
    assert json.loads((tmp_path / "to" / "toy.json").read_text())["verified"]["verified"] == "no"
    rows = list(csv.DictReader((tmp_path / "to" / "toy.csv").read_text().splitlines()))
    assert {row["verified"] for row in rows} == {"no"}


def test_what_was_not_checked_stands_on_the_published_board(
    honest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["publish", str(honest / "out"), "--to", str(tmp_path)]
    assert command(monkeypatch, *words, "--bench", str(honest / "bench")) == 0
    said = [
        "Verified in part: what could be computed here is what the runs claim (0 of 8 records were explained anew).",
        "Not verified: What the methods said of 8 of 8 records was not computed again",
        "Not verified: Seconds and memory",
    ]
    for suffix in ("md", "html", "json"):
        assert all(text in (tmp_path / f"toy.{suffix}").read_text() for text in said)
    assert '"verified": "partly"' in (tmp_path / "toy.json").read_text()
    assert {line["verified"] for line in csv.DictReader((tmp_path / "toy.csv").open())} == {"partly"}


def test_where_nothing_can_be_written_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "x.md").mkdir()
    for words, why in (
        ([str(tmp_path), "--output", str(tmp_path / "board.doc")], "should end in one of"),
        ([str(tmp_path), "--output", str(tmp_path / "x.md")], "is a folder; give a file"),
        ([str(tmp_path), "--output", str(tmp_path / "file" / "x.md")], "is no folder"),
        (["publish", str(tmp_path), "--to", str(tmp_path / "file")], "is no folder"),
    ):
        with pytest.raises(HarnessError, match=why):  # and not that there is no journal
            command(monkeypatch, *words)


def test_a_published_board_can_be_repeated(honest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls: registry()))
    publish(make_board([honest / "out"]), tmp_path, name="../my board")
    run = json.loads((tmp_path / "my-board.json").read_text())["runs"][0]
    assert len(run["journal_sha256"]) == 64 and run["header"]["bench"]["direct"]["sha256"]
    markdown = (tmp_path / "my-board.md").read_text()
    assert run["journal_sha256"] in markdown and "repeat with | harness eval --attributor good" in markdown


def test_a_run_with_a_gallery_ends_with_a_page(honest: Path, tmp_path: Path) -> None:
    shutil.copytree(honest / "out", tmp_path / "out")
    run_finished(tmp_path / "out", Console(file=io.StringIO()))
    page = (tmp_path / "out" / "leaderboard.html").read_text()
    assert "data:image" not in page and "not declared free to share: toy." in page
    shutil.rmtree(tmp_path / "out" / "gallery")
    (tmp_path / "out" / "leaderboard.html").unlink()
    run_finished(tmp_path / "out", Console(file=io.StringIO()))
    assert not (tmp_path / "out" / "leaderboard.html").exists()


def changed(run: Run, change: Callable[[dict[str, Any]], object], **fields: Any) -> Run:
    """A run whose header has been changed."""
    line = run.header.line()
    change(line)
    return replace(run, header=Header.read(line), **fields)


def test_the_command_line_repeats_the_run(honest: Path) -> None:
    (run,) = read_runs([honest / "out"])
    run = changed(run, lambda line: line["plugins"]["attributor"]["map"]["options"].update(blur=9))
    assert eval_command(run, registry()) == (
        "harness eval --attributor good --attributor map --attributor traces --model toy --model black-box "
        "--mode direct --mode reasoning --bench DIR --data-root DIR --limit 8 --seed 0 --upsampling bilinear "
        "-o map.blur=9"
    )
    run = changed(run, lambda line: line.update(limit=None, available=8, seed=3, attributors=["a b;rm"]))
    assert "--attributor 'a b;rm' " in eval_command(run, Registry())  # safe to paste
    assert eval_command(run, registry()).count("--limit 0 --seed 3 --upsampling bilinear") == 1
    assert "--noise" not in eval_command(run, registry())
    assert " --noise" in eval_command(changed(run, lambda line: line.update(noise=True)), registry())


def test_the_command_line_names_further_metrics_and_variants(honest: Path) -> None:
    (run,) = read_runs([honest / "out"])

    def add(line: dict[str, Any]) -> None:
        deletion = line["metrics"]["iou"] | {"options": {"steps": 10}, "title": "Deletion"}
        line["metrics"] |= {"deletion": deletion, "deletion@fine": deletion | {"options": {"steps": 40}}}
        line["plugins"]["attributor"]["map@sharp"] = line["plugins"]["attributor"].pop("map") | {"options": {"blur": 1}}
        line["attributors"] = ["good", "map@sharp", "traces"]

    run = changed(run, add)
    said = eval_command(run, registry())
    assert "--attributor good --attributor map@sharp --attributor traces" in said
    assert "--mode reasoning --metric deletion --metric deletion@fine --bench" in said
    assert said.endswith("-o map@sharp.blur=1 -o deletion@fine.steps=40")
    run = changed(run, lambda line: None, rescored=("deletion@fine",))
    assert "fine" not in eval_command(run, registry())
    assert ["and then", "harness rescore DIR --metric deletion@fine -o deletion@fine.steps=40"] in setting_lines(run)


def test_json_and_csv_have_every_figure(honest: Path) -> None:
    board = make_board([honest / "out"])
    document = json.loads(to_json(board))
    assert to_json(board) == to_json(make_board([honest / "out"]))
    ranking = document["rankings"][0]
    scores = {score["attributor"]: score for score in ranking["scores"]}
    rows = list(csv.DictReader(io.StringIO(to_csv(board))))
    assert list(rows[0]) == csv_columns(board)
    overall = {
        row["attributor"]: row
        for row in rows
        if row["mode"] == "direct" and {row[name] for name in ("model", "source", "finding", "size")} == {"all"}
    }
    assert overall.keys() == scores.keys()
    for name, row in overall.items():
        assert int(row["records"]) == scores[name]["records"]
        for metric in document["metrics"]:
            mean, ends = scores[name]["means"][metric], scores[name]["intervals"].get(metric, ["", ""])
            assert row[metric] == ("" if mean is None else str(mean)) and row[f"{metric}_low"] == str(ends[0])
    crossing = [row for row in rows if row["model"] == "toy" and row["source"] == "toy" and row["finding"] == "all"]
    assert {row["attributor"] for row in crossing} == {"good", "map", "traces"}
    findings = {row["finding"] for row in rows} - {"all"}
    assert findings <= {"toy nodule", "toy mass"} and findings
    names = {pair["first"] for pair in ranking["pairs"]} | {pair["second"] for pair in ranking["pairs"]}
    assert names == {"good", "map", "traces"}
