"""Distributions of strangers, installed by pip into a folder of their own and used from the shell."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.bench.records import Record, write_records
from harness.contracts.mode import MODES
from harness.registry import Registry
from harness.run.journal_reading import read_journal
from harness.testing.command_new import KINDS
from harness.testing.scaffold import write_plugin
from leaderboard.read.rescored import read_measured

ROOT = Path(__file__).parents[1]


def install(site: Path, *folders: Path) -> None:
    """Install distributions into ``site``, without network and without touching this environment."""
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(site), *map(str, folders)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both examples and one new plugin of each kind are installed; their sources lie beside it."""
    folder = tmp_path_factory.mktemp("third-party")
    for name in ("asymmetry", "csv_log"):
        shutil.copytree(ROOT / "examples" / name, folder / name)  # pip builds where the sources are
    for kind in KINDS:
        write_plugin(Registry(), kind, f"new-{kind}", folder / f"new_{kind}")
    install(folder / "site", *(path for path in sorted(folder.iterdir())))
    return folder / "site"


def shell(site: Path, *arguments: str, also: str = "") -> str:
    """What a command prints that ends well where ``site``, and ``also`` beside it, is installed."""
    path = os.pathsep.join([str(site), also])
    environment = os.environ | {"PYTHONPATH": path, "COLUMNS": "150", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=site.parent, env=environment, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_the_examples_are_listed_rated_and_on_the_board(site: Path) -> None:
    listed = " ".join(shell(site, "harness", "plugins").split())
    assert "harness-asymmetry 0.1.0" in listed and "Broken" not in listed
    printed = shell(
        site, "harness", "eval", "--attributor", "asymmetry", "--attributor", "random", "--limit", "2",
        "--model", "phantom-qwen2.5-vl", "-o", "asymmetry.blur=4",
        "--threads", "1", "--output", "rated",
    )  # fmt: skip
    header, rows = read_journal(site.parent / "rated")
    assert header["plugins"]["attributor"]["asymmetry"]["distribution"] == "harness-asymmetry"
    assert {row["status"] for row in rows} == {"ok"} and len(rows) == 4
    with (site.parent / "rated" / "log.csv").open() as file:
        logged = list(csv.DictReader(file))
    assert [line["iou"] for line in logged] == [str(row["metrics"]["iou"]) for row in rows]
    assert "asymmetry" in printed and "asymmetry" in (site.parent / "rated" / "leaderboard.md").read_text()


@pytest.fixture(scope="module")
def measured(site: Path) -> Path:
    """A run's folder: one record explained, measured by a stranger's metric and seen by a stranger's observer."""
    shell(
        site, "harness", "eval", "--attributor", "random", "--limit", "1", "--model", "phantom-qwen2.5-vl",
        "--metric", "new-metric", "--observer", "new-observer", "--threads", "1", "--output", "measured",
    )  # fmt: skip
    return site.parent / "measured"


def test_a_new_metric_is_measured_and_a_new_observer_keeps_its_files(site: Path, measured: Path) -> None:
    header, rows = read_journal(measured)
    facts = header["metrics"]["new-metric"]
    assert facts["distribution"] == "harness-new-metric" and facts["options"] == {"boxes": 1}
    assert (facts["title"], facts["worst"], facts["higher_is_better"]) == ("New metric", 1.0, False)
    assert rows and all(0 <= row["metrics"]["new-metric"] <= 1 and row["unmeasured"] == {} for row in rows)
    notes = [json.loads(path.read_text()) for path in sorted((measured / "new-observer").iterdir())]
    about = sorted([row["source"], row["index"], row["model"], row["mode"]] for row in rows)
    assert sorted(note["record"] for note in notes) == about


def test_a_new_metric_measures_a_finished_run(site: Path) -> None:
    run = ["harness", "eval", "--attributor", "random", "--limit", "1", "--model", "phantom-qwen2.5-vl"]
    shell(site, *run, "--threads", "1", "--output", "later")
    shell(site, "harness", "rescore", "later", "--metric", "new-metric", "-o", "new-metric.boxes=2")
    results = read_measured(site.parent / "later")
    assert results.rescored == ("new-metric",) and results.header.metrics["new-metric"].options == {"boxes": 2}
    assert results.rows and all(row.metrics["new-metric"] is not None for row in results.rows)


def test_a_new_metric_is_on_the_board(measured: Path) -> None:
    board = (measured / "leaderboard.md").read_text()
    assert "New metric" in board and "to the nearest true box, as a part of the image's diagonal" in board


def test_examples_and_new_plugins_pass_their_own_tests_and_the_check(site: Path) -> None:
    folders = ["asymmetry", "csv_log", *(f"new_{kind}" for kind in KINDS)]
    shell(site, "pytest", "-q", "-p", "no:cacheprovider", *folders)
    checked = shell(site, "harness", "plugins", "check", "new-attributor")
    assert "new-attributor, attributor of harness-new-attributor 0.1.0" in checked and "failed" not in checked


def test_a_black_box_runs_with_what_needs_no_more(site: Path) -> None:
    folder = site.parent / "bench"
    write_records(folder, [Record("new-model", "phantom", 0, "yes", mode, "Yes", "No", "Yes", "Yes") for mode in MODES])
    methods = ["prompting", "random", "occlusion", "gradcam"]
    printed = shell(
        site, "harness", "eval", "--bench", "bench", "--output", "black-box",
        *(word for name in methods for word in ("--attributor", name)),
    )  # fmt: skip
    said = " ".join(printed.split())
    assert said.count("occlusion needs score, which new-model does not offer") == 1
    assert "gradcam needs trace, which new-model does not offer" in said
    statuses = {row["attributor"]: row["status"] for row in read_journal(site.parent / "black-box")[1]}
    assert statuses == {"prompting": "ok", "random": "ok", "occlusion": "not_applicable", "gradcam": "not_applicable"}
    board = (site.parent / "black-box" / "leaderboard.md").read_text()
    assert "prompting" in board and "occlusion" in board


def test_broken_distributions_harm_nothing(site: Path) -> None:
    """One raises when it is imported, one takes a built-in name, one fails at every row."""
    parts, broken = site.parent / "broken", site.parent / "broken" / "site"
    texts = {
        "raises": "raise RuntimeError('out of order')\n",
        "usurper": "from harness import hookimpl\nfrom plugins.attributors.occlusion import Occlusion\n"
        "class Mine(Occlusion):\n    '''Mine.'''\n@hookimpl\ndef attributors():\n    return [Mine]\n",
        "nuisance": "from harness import hookimpl\n@hookimpl\ndef sample_scored():\n    raise OSError('disk full')\n",
    }
    for name, text in texts.items():
        (parts / name).mkdir(parents=True)
        (parts / name / f"harness_{name}.py").write_text(text)
        (parts / name / "pyproject.toml").write_text(
            f'[project]\nname = "harness-{name}"\nversion = "1"\n[project.entry-points.harness]\n'
            f'{name} = "harness_{name}"\n[tool.setuptools]\npy-modules = ["harness_{name}"]\n'
        )
    arguments = ["harness", "eval", "--bench", "broken", "--attributor", "random", "--attributor", "occlusion"]
    write_records(parts, [Record("new-model", "phantom", index, "yes", MODES[0], *["Yes"] * 4) for index in (0, 1)])
    shell(site, *arguments, "--output", "before")
    install(broken, *(parts / name for name in texts))
    listed = " ".join(shell(site, "harness", "plugins", also=str(broken)).split())
    assert "raises RuntimeError: out of order" in listed and "'occlusion' is taken by plugins.attributors" in listed
    printed = shell(site, *arguments, "--output", "after", also=str(broken))
    assert printed.count("disk full") == 1 and "harness-nuisance:nuisance failed in sample_scored" in printed
    journals = [(site.parent / name / "journal.jsonl").read_bytes() for name in ("before", "after")]
    assert journals[0] == journals[1]
