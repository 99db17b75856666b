"""``harness eval``: its flags, its file of settings, what it prints and its exit statuses."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from commands import ToyPlugin, python, refused, run

from harness.errors import HarnessError
from harness.evaluating import loop
from harness.run.settings import RunSettings

ALL = [
    "--attributor", "halves", "--attributor", "other", "--attributor", "halves", "--model", "toy",
    "--mode", "reasoning", "--metric", "sharp", "--bench", "b", "--data-root", "d", "--limit", "7", "--seed", "3",
    "-o", "halves.share=0.1", "--option", "toy.x=1", "--output", "out", "--fresh", "--gallery", "5", "--keep-maps",
    "--observer", "seer", "--shard", "2/4", "--executor", "many", "--workers", "3", "--threads", "2",
    "--cache", "off", "--upsampling", "nearest", "--noise", "--record", "toy:1", "--record", "toy:2", "--dry-run",
    "--retry-failed", "--max-failures", "10%", "--timeout", "2.5",
]  # fmt: skip
SETTINGS: dict[str, Any] = {
    "attributors": ["halves", "other"], "models": ["toy"], "modes": ["reasoning"], "metrics": ["sharp"],
    "bench": Path("b"), "data_root": Path("d"), "limit": 7, "seed": 3, "options": ["halves.share=0.1", "toy.x=1"],
    "output": Path("out"), "fresh": True, "gallery": 5, "keep_maps": True, "observers": ["seer"], "shard": "2/4",
    "executor": "many", "workers": 3, "threads": 2, "cache": "off", "upsampling": "nearest", "noise": True,
    "records": ["toy:1", "toy:2"], "dry_run": True, "retry_failed": True, "max_failures": "10%", "timeout": 2.5,
}  # fmt: skip


@pytest.fixture(autouse=True)
def kept_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What --threads and --cache set is undone."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
        monkeypatch.setenv(variable, "1")
        monkeypatch.delenv(variable)
    monkeypatch.setenv("HARNESS_CACHE", "off")


def test_every_setting_has_a_flag(capsys: pytest.CaptureFixture[str], evaluated: SimpleNamespace) -> None:
    assert set(SETTINGS) == set(RunSettings.model_fields)
    status, _, err = run(capsys, "eval", *ALL)
    assert (status, err) == (0, "")
    assert evaluated.settings == [RunSettings(**SETTINGS)]


def test_a_file_has_the_settings_and_flags_count_for_more(
    capsys: pytest.CaptureFixture[str], evaluated: SimpleNamespace
) -> None:
    status, written, err = run(capsys, "eval", *ALL, "--write-config")
    assert (status, err) == (0, "") and not evaluated.settings  # nothing was run
    Path("run.yaml").write_text(written)
    assert run(capsys, "eval", "--config", "run.yaml")[0] == 0
    assert run(capsys, "eval", "--config", "run.yaml", "--seed", "4", "--model", "mute")[0] == 0
    assert evaluated.settings == [RunSettings(**SETTINGS), RunSettings(**SETTINGS | {"seed": 4, "models": ["mute"]})]
    again = run(capsys, "eval", "--config", "run.yaml", "--write-config")[1]
    assert again == written and "# fixes all randomness\nseed: 3\n" in written


def test_an_empty_file_shows_every_setting_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    written = run(capsys, "eval", "--write-config")[1]
    assert all(f"\n# {name}: " in f"\n{written}" for name in RunSettings.model_fields)
    assert "\n# output: harness-results\n" in written and yaml.safe_load(written) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sed: 3", "run.yaml: There is no setting 'sed'; did you mean 'seed'?"),
        ("seed: many", "run.yaml: The setting 'seed' cannot be 'many': input should be a valid integer"),
        ("seed: -1", "run.yaml: The setting 'seed' cannot be -1: input should be greater than or equal to 0"),
        ("modes: [cot]", "The setting 'modes' cannot be 'cot': input should be 'direct' or 'reasoning'"),
        ("modes: []", "The setting 'modes' cannot be []: no mode was given"),
        ("shard: 5/4", "The setting 'shard' cannot be '5/4': it must be K/N with K from 1 to N"),
        ("attributors: halves", "The setting 'attributors' cannot be 'halves': input should be a valid list"),
        ("- seed", "must be lines of FIELD: VALUE"),
        ("a: [", "run.yaml are no YAML"),
        ("!!python/object/apply:os.system [true]", "run.yaml are no YAML"),
    ],
)
def test_a_bad_file_gets_one_sentence(capsys: pytest.CaptureFixture[str], text: str, said: str) -> None:
    Path("run.yaml").write_text(text)
    assert said in refused(capsys, "eval", "--attributor", "halves", "--config", "run.yaml")
    assert "gone.yaml cannot be read" in refused(capsys, "eval", "--config", "gone.yaml")


@pytest.mark.parametrize(
    ("arguments", "records"),
    [([], 240), (["--limit", "0"], None), (["--limit", "5"], 5), (["--bench", "b"], None),
     (["--bench", "b", "--limit", "0"], None), (["--bench", "b", "--limit", "9"], 9)],
)  # fmt: skip
def test_only_the_embedded_benchmark_is_cut_by_itself(
    capsys: pytest.CaptureFixture[str], evaluated: SimpleNamespace, arguments: list[str], records: int | None
) -> None:
    run(capsys, "eval", "--attributor", "halves", *arguments)
    assert evaluated.settings[0].at_most == records


def test_eval_without_a_method_names_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--attributor NAME; installed: halves." in refused(capsys, "eval")


@pytest.mark.parametrize(("finished", "interrupted"), [(3, False), (3, True), (0, False), (0, True)])
def test_plugins_report_on_what_was_finished(
    capsys: pytest.CaptureFixture[str],
    evaluated: SimpleNamespace,
    toy_plugin: ToyPlugin,
    finished: int,
    interrupted: bool,
) -> None:
    evaluated.finished, evaluated.interrupted = finished, interrupted
    run(capsys, "eval", "--attributor", "halves", "--output", "out")
    assert toy_plugin.reported == ([Path("out")] if finished else [])


def test_failed_rows_give_status_1(capsys: pytest.CaptureFixture[str], evaluated: SimpleNamespace) -> None:
    evaluated.failed = 2
    status, out, err = run(capsys, "eval", "--attributor", "halves", "--output", "here")
    assert status == 1 and "2 rows failed" in out + err and str(Path("here", "journal.jsonl")) in out + err


def test_an_interrupted_run_says_how_to_go_on(
    capsys: pytest.CaptureFixture[str], evaluated: SimpleNamespace
) -> None:
    evaluated.interrupted, evaluated.failed = True, 1
    status, out, err = run(capsys, "eval", "--attributor", "halves")
    assert status == 130 and "same command goes on" in out + err


def test_threads_are_set_before_torch_is_imported() -> None:
    code = (
        "import sys, harness.cli.main\n"
        "from harness.evaluating import loop\n"
        "def run(registry, settings, console):\n"
        "    assert 'torch' not in sys.modules\n"
        "    import torch\n"
        "    print('threads', torch.get_num_threads())\n"
        "    return loop.Ended('x', 0, 0, False, 0, 0)\n"
        "loop.run = run\n"
        "harness.cli.main.main(['eval', '--attributor', 'occlusion', '--threads', sys.argv[1]])\n"
    )
    for threads in ("1", "2"):
        done = python("-c", code, threads)
        assert f"threads {threads}\n" in done.stdout, done.stderr


def test_an_error_of_the_runner_is_one_line(
    capsys: pytest.CaptureFixture[str], evaluated: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise HarnessError("This is\n  wrong.")

    monkeypatch.setattr(loop, "run", refuse)
    assert refused(capsys, "eval", "--attributor", "halves") == "harness: This is wrong.\n"
