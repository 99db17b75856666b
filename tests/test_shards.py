"""Shards: all of an image in one, each with a journal of its own, and together the bytes of the whole run."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import toys
from evaluating import toy_run
from rich.console import Console
from toys import ToySource, registry

from harness.cli import main as cli
from harness.contracts.source import Sample
from harness.errors import HarnessError
from harness.evaluating.loop import Ended
from harness.run.journal_lines import encode
from harness.run.journal_reading import read_journal
from harness.run.select import Task, deal
from harness.run.settings import RunSettings
from harness.run.shards import Shard
from leaderboard.board import make_board
from leaderboard.plugin import run_finished
from leaderboard.render import csv_json, markdown
from leaderboard.verify import verify

NAMES = ("map", "good", "traces", "bad")


def run(folder: Path, output: str, shard: str | None = None, **settings: Any) -> Ended:
    return toy_run(folder / output, NAMES, bench=folder / "bench", shard=shard, **settings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole run in ``whole``, and the same in three shards, made last first, in ``parts``."""
    folder = tmp_path_factory.mktemp("shards")
    toys.bench(folder / "bench", ("toy", "black-box"), range(5))
    run(folder, "whole", gallery=4)
    for shard in ("3/3", "2/3", "1/3"):
        run(folder, "parts", shard, gallery=4)
    for timings in folder.glob("**/timings.jsonl"):
        timings.unlink()
    return folder


@pytest.fixture
def parts(folder: Path, tmp_path: Path) -> Path:
    """A copy of the shards."""
    return Path(shutil.copytree(folder / "parts", tmp_path / "parts"))


def test_what_is_about_an_image_stays_together(folder: Path) -> None:
    seen: list[set[str]] = []
    for part in sorted((folder / "parts").iterdir()):
        header, rows = read_journal(part)
        assert header["shard"] == f"{len(seen) + 1}/3"
        seen.append({row["image"] for row in rows})
        assert len({row["model"] for row in rows}) == 2 and len({row["mode"] for row in rows}) == 2
    assert [len(images) for images in seen] == [2, 2, 1] and len(set().union(*seen)) == 5


def test_findings_of_an_image_stay_together_and_order_does_not_matter() -> None:
    samples = [Sample("toy", index, f"image {index // 2}", "mass", ()) for index in range(10)]
    tasks = [Task(toys.record(sample.index), sample, "toy") for sample in samples]
    places = deal(tasks, 3)
    assert list(places.values()) == [0, 1, 2, 0, 1]
    assert deal([*reversed(tasks), *tasks], 3) == places


def test_the_board_of_the_shards_is_that_of_the_whole_run(folder: Path) -> None:
    whole, joined = make_board([folder / "whole"]), make_board([folder / "parts"])
    assert joined.rows == whole.rows and not any("hard" in note for note in joined.notes)
    for render in (markdown.render, csv_json.to_json, csv_json.to_csv):
        assert render(joined) == render(whole)  # the journal's SHA-256 and the command that repeats it are in there
    one_by_one = make_board([folder / "parts" / f"shard-{number}-of-3" for number in (2, 3, 1)])
    assert csv_json.to_json(one_by_one) == csv_json.to_json(whole)


def test_missing_shards_are_named(parts: Path) -> None:
    shutil.rmtree(parts / "shard-2-of-3")
    board = make_board([parts])
    assert board.notes[0] == "Shard 2 of 3 is missing: the figures are of the others' records."
    assert "The run is not finished" in " ".join(board.notes)
    assert {run.finished for run in board.runs} == {48} and board.runs[0].planned == 80
    shutil.rmtree(parts / "shard-3-of-3")
    assert "Shards 2, 3 of 3 are missing" in make_board([parts / "shard-1-of-3"]).notes[0]


def test_verify_wants_all_shards(folder: Path, parts: Path) -> None:
    assert not verify(folder / "parts", registry(), folder / "bench").sentences
    shutil.rmtree(parts / "shard-2-of-3")
    wrong = verify(parts, registry(), folder / "bench").sentences
    assert "Shard 2 of 3 is missing" in wrong[0] and "not complete" in wrong[1]
    shutil.copytree(folder / "whole", parts, dirs_exist_ok=True)
    assert "holds 2 runs" in verify(parts, registry(), folder / "bench").sentences[0]


def test_shards_of_other_settings_are_not_joined(folder: Path, parts: Path) -> None:
    path = parts / "shard-1-of-3" / "journal.jsonl"
    header, rest = path.read_bytes().split(b"\n", 1)
    other = json.loads(header) | {"device": "another GPU"}
    del other["crc"]
    path.write_bytes(encode(other) + rest)
    board = make_board([parts])
    assert len(board.runs) == 1 and board.runs[0].header.device == "another GPU, cpu"
    path.write_bytes(encode(other | {"seed": 7}) + rest)
    with pytest.raises(HarnessError, match="seed"):
        make_board([parts])


def test_shards_have_journals_of_their_own_and_go_on(folder: Path, parts: Path) -> None:
    journal = parts / "shard-1-of-3" / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole[: len(whole) // 2])
    result = toy_run(parts, NAMES, bench=folder / "bench", shard="1/3", gallery=4)
    assert result.folder == journal.parent and result.finished == result.total == 32
    assert journal.read_bytes() == whole and set(ToySource.reads) < {0, 3}


def test_pictures_are_those_of_the_whole_run(folder: Path) -> None:
    whole = {path.name: path.read_bytes() for path in (folder / "whole" / "gallery").iterdir()}
    parts = {path.name: path.read_bytes() for path in folder.glob("parts/*/gallery/*")}
    assert parts == whole


def test_more_shards_than_images(tmp_path: Path) -> None:
    toys.bench(tmp_path / "bench", indices=range(2))
    results = [run(tmp_path, "out", f"{number}/11") for number in range(1, 12)]
    assert [result.total for result in results] == [8, 8] + [0] * 9
    assert results[0].folder.name == "shard-01-of-11"
    assert not make_board([tmp_path / "out"]).runs[0].notes


@pytest.mark.parametrize("text", ["", "0/3", "4/3", "1", "a/b", "-1/2", "1/0", "1/2/3"])
def test_what_is_no_shard(text: str) -> None:
    with pytest.raises(ValueError, match="must be K/N"):
        Shard.parse(text)
    with pytest.raises(HarnessError, match=r"The setting 'shard' cannot be .*must be K/N"):
        RunSettings.of({"shard": text})


def test_on_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["eval", "--attributor", "random", "--limit", "16", "--output", str(tmp_path), "--shard"]
    assert cli.main([*words, "5/4"]) == 2 and "must be K/N" in capsys.readouterr().err
    assert cli.main([*words, "2/4"]) == 0
    printed = capsys.readouterr()
    assert re.search(r"Shard 2 of 4: [1-9] of 16 records\.", " ".join(printed.err.split()))
    assert "Shards 1, 3, 4 of 4 are missing" in " ".join((printed.out + printed.err).split())
    assert (tmp_path / "shard-2-of-4" / "leaderboard.md").is_file()
    run_finished(tmp_path, Console(file=io.StringIO()))
