"""``harness build`` on the command line: arguments, output and exit statuses; and the embedded world end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import toys
from rich.console import Console
from toys import ToyModel

import harness.building.benchmark
import harness.building.command
import harness.cli.main
from harness.bench.records import read_records
from harness.building.benchmark import Built
from harness.building.causal import ask, counterfactuals, judge
from harness.building.settings import BuildSettings
from harness.contracts.mode import MODES
from harness.registry import Registry
from harness.run.subset import spread
from plugins.editors.phantom import PhantomEditor
from plugins.sources.phantom import Phantom

Run = tuple[int, str, str]
TOYS = ("build", "--source", "toy", "--editor", "toy", "--model", "toy", "--output", "out")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The toys are all that is installed, and the working folder is empty."""
    registry = toys.registry()
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls: registry))
    monkeypatch.setattr(harness.cli.main, "entry_points", lambda group: [])
    monkeypatch.chdir(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Run:
    status = harness.cli.main.main(arguments)
    return status, *capsys.readouterr()


def test_every_setting_has_a_flag_and_a_line_in_a_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, world: None, tmp_path: Path
) -> None:
    calls: list[BuildSettings] = []

    def make(registry: Registry, settings: BuildSettings, console: Console) -> Built:
        calls.append(settings)
        return Built(Path("x"), False, 3, 2)

    monkeypatch.setattr(harness.building.benchmark, "make_benchmark", make)
    words = (
        *TOYS, "--source", "toy", "--source", "b", "--mode", "direct", "--limit", "7", "--data-root", "d",
        "--edits", "c", "--seed", "3", "-o", "toy.x=1", "--controls", "--images", "--fresh", "--threads", "2",
    )  # fmt: skip
    monkeypatch.setattr(harness.building.command, "prepare", lambda threads: None)
    status, out, err = run(capsys, *words)
    assert (status, out, err) == (0, "", "2 of 3 records survive. Written to x\n")
    wanted = {
        "sources": ["toy", "b"], "editor": "toy", "models": ["toy"], "modes": ["direct"], "limit": 7, "seed": 3,
        "data_root": Path("d"), "edits": Path("c"), "options": ["toy.x=1"], "controls": True, "images": True,
        "output": Path("out"), "fresh": True, "threads": 2,
    }  # fmt: skip
    assert calls[0].model_dump() == wanted
    # The same from the file that the command prints, and flags count for more than it.
    text = run(capsys, *words, "--write-config")[1]
    (tmp_path / "build.yaml").write_text(text)
    run(capsys, "build", "--config", "build.yaml", "--limit", "8")
    assert calls[1].model_dump() == {**wanted, "limit": 8} and len(calls) == 2
    run(capsys, "build")
    assert calls[2] == BuildSettings() and calls[2].modes == list(MODES) and calls[2].limit is None
    assert calls[2].output == Path("harness-bench") and not calls[2].controls and not calls[2].images


def test_a_failed_sample_gives_status_1_and_the_figures(capsys: pytest.CaptureFixture[str], world: None) -> None:
    status, out, err = run(capsys, *TOYS, "--mode", "direct", "--controls")
    assert status == 1
    words, told = " ".join(out.split()), err
    for text in (
        "Samples dropped at each gate, direct",
        "Model Samples 1 2 3 4 Failed Survived With controls",
        "toy 6 1 1 0 0 1 3 0",
        "toy mass 2 of 3",
        "toy identity 0 3 0 0",
        "The image toy:3 is broken.",
        "2 not no without the finding",
    ):
        assert text in words, text
    assert "3 of 6 records survive. Written to out" in told and "Written" not in out
    assert "1 answer could not be had; the reasons are in out/report.md, the tracebacks in out/work/errors.log" in told
    log = Path("out/work/errors.log").read_text()
    assert log.startswith("toy, 3, toy, direct, ") and "HarnessError: The image toy:3 is broken.\n" in log
    # Once more: nothing is left to do, and it says the same of what was done.
    again = run(capsys, *TOYS, "--mode", "direct", "--controls")
    assert again[0] == 1 and "answers are in out/work already" in again[2]


def test_a_limit_is_said_to_be_a_subset(capsys: pytest.CaptureFixture[str], world: None) -> None:
    status, _, err = run(capsys, *TOYS, "--limit", "2", "--images")
    assert status == 0 and "A subset: 2 of 6 samples, evenly spread." in err
    assert "The images of toy will be in the Parquet files; do not pass those on." in err


def test_faults_and_interruptions(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, world: None
) -> None:
    status, _, err = run(capsys, "build", "--source", "toy", "--model", "toy")
    assert status == 2 and err == "harness: The source 'toy' prefers no editor; say which by --editor NAME; " + (
        "installed: toy.\n"
    )

    def answer(self: ToyModel, *_: Any) -> str:
        raise (KeyboardInterrupt if self.loads else AssertionError)

    monkeypatch.setattr(ToyModel, "answer", answer)
    status, _, err = run(capsys, *TOYS)
    assert status == 130 and "The same command goes on where it stopped." in err


def test_the_embedded_world_end_to_end(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Phantoms, the exact editor and the embedded models: the filter's own records, no flip without a cause."""
    bench = str(tmp_path / "bench")
    status, out, err = run(capsys, "build", "--limit", "2", "--controls", "--output", bench)
    assert status == 0 and out.startswith("Samples dropped at each gate") and "A subset" not in out, err
    records = read_records(tmp_path / "bench")
    samples = list(Phantom().samples())
    registry = Registry.discover()
    for cls in (registry.find("model", "phantom-qwen2.5-vl"), registry.find("model", "phantom-gemma3")):
        model = cls()
        model.load()
        for sample in (samples[k] for k in spread(len(samples))[:2]):
            image = Phantom().image(sample)
            made = ask(model, (image, *counterfactuals(PhantomEditor(), image, sample)), sample, "direct")
            kept = [r for r in records["direct"] if (r.model, r.index) == (cls.name, sample.index)]
            assert kept == ([made] if judge(made) is None else [])
    words = " ".join(out.split())
    assert "phantom-gemma3 identity" in words and "Not applicable" in words
    text = (tmp_path / "bench" / "README.md").read_text()
    assert "| phantom | yes |" in text and "edited by `phantom`" in text

    status, out, err = run(
        capsys, "eval", "--attributor", "center-prior", "--bench", bench, "--output", str(tmp_path / "results")
    )
    assert status == 0 and "Written to" in err, err
    assert out.startswith(f"Direct answers: {len(records['direct'])} records")
