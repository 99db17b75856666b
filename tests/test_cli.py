"""The command line: what it prints, what it refuses and before what, and its exit statuses."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import fields
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from harness.run.executor import NAMES, Local
from PIL import Image
from pydantic import Field

import harness.cli.main
import harness.registry
import harness.run.loop
from harness.cli.eval import EXECUTORS, MODE_CHOICES
from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.mode import MODES
from harness.contracts.model import Capability, Model
from harness.contracts.plugin import NoOptions
from harness.errors import HarnessError
from harness.hookspecs import hookimpl
from harness.imaging.frame import Box
from harness.registry import Broken, Registry
from harness.run.shards import Shard
from harness.testing.region import RegionModel

ROOT = Path(__file__).parents[1]
SOME = Box(9, 9, 99, 99)


class ToyModel(RegionModel):
    """The toy, with [red]markup[/red] in its summary."""

    name: ClassVar[str] = "toy"
    loaded: ClassVar[int] = 0

    def __init__(self, options: NoOptions | None = None) -> None:
        super().__init__()

    def load(self) -> None:
        type(self).loaded += 1

    def answer(self, image: np.ndarray, question: str) -> str:
        return f"asked {question!r}: yes"


class Mute(ToyModel):
    """A model that can be scored but not asked."""

    name: ClassVar[str] = "mute"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"score"})


class Halves(Attributor):
    """Says the left half of the frame."""

    name: ClassVar[str] = "halves"
    aliases: ClassVar[tuple[str, ...]] = ("half",)

    class Options(NoOptions):
        """Options."""

        share: float = Field(default=0.5, gt=0, lt=1, description="How much of the frame.")

    options: Options  # type: ignore[assignment]

    def attribute(self, case: Case) -> Attribution:
        case.score([case.image])
        box = case.content._replace(x1=case.content.x0 + self.options.share * 224)
        return Attribution(boxes=[box], concept="heart", concept_scores={"heart": 1.5, "left lung": 0.0})

    def notes(self, sources: Collection[str]) -> list[str]:
        return [f"halves: [tuned] on no more than {len(sources)} sources."]


class ToyPlugin:
    """Everything above; ``reported``: the folders of the runs that it was told of."""

    def __init__(self) -> None:
        self.reported: list[Path] = []

    @hookimpl
    def run_finished(self, folder: Path) -> None:
        self.reported.append(folder)

    @hookimpl
    def models(self) -> Sequence[type[Model]]:
        return [ToyModel, Mute]

    @hookimpl
    def attributors(self) -> Sequence[type[Attributor]]:
        return [Halves]


@pytest.fixture
def toy_plugin() -> ToyPlugin:
    """The one plugin."""
    return ToyPlugin()


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, toy_plugin: ToyPlugin) -> Registry:
    """The toys are all that is installed, and the working folder is empty."""
    registry = Registry([toy_plugin])
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls: registry))
    monkeypatch.setattr(harness.cli.main, "entry_points", lambda group: [])
    monkeypatch.setattr(ToyModel, "loaded", 0)
    # So that what the command sets is undone after the test.
    for variable, value in (("TRANSFORMERS_VERBOSITY", "error"), ("TOKENIZERS_PARALLELISM", "false")):
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.chdir(tmp_path)
    return registry


@pytest.fixture
def film(tmp_path: Path) -> str:
    """A picture of 300 x 400 pixels."""
    Image.fromarray(np.full((400, 300, 3), 128, np.uint8)).save(tmp_path / "film.png")
    return "film.png"


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A stand-in for the runner: ``calls`` it got, and what it ``returns``."""
    seen = SimpleNamespace(calls=[], finished=3, failed=0, interrupted=False)

    counted = ("finished", "failed", "interrupted")
    assert {"folder", *counted} <= {field.name for field in fields(harness.run.loop.Result)}
    signature = inspect.signature(harness.run.loop.evaluate)

    def evaluate(registry: Registry, **arguments: Any) -> Any:
        signature.bind(registry, **arguments)
        seen.calls.append(arguments)
        counts = {name: getattr(seen, name) for name in counted}
        return SimpleNamespace(folder=arguments["output"], **counts)

    module = SimpleNamespace(evaluate=evaluate)
    monkeypatch.setitem(sys.modules, "harness.run.loop", module)
    monkeypatch.setattr(harness, "runner", module)
    return seen


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        status = harness.cli.main.main(arguments)
    except SystemExit as leaving:
        status = int(leaving.code or 0)
    out, err = capsys.readouterr()
    return status, out, err


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line on standard error of a command that is refused before any model is loaded."""
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "") and err.startswith("harness: ") and err.count("\n") == 1
    assert ToyModel.loaded == 0
    return err


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "COLUMNS": "80"}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, env=environment, timeout=120
    )


@pytest.mark.parametrize("command", [["--help"], ["plugins"], ["plugins", "show", "medfocus"], ["--version"]])
def test_looking_around_imports_nothing_heavy(command: list[str]) -> None:
    code = (
        "import sys, harness.cli.main\n"
        "try: status = harness.cli.main.main(sys.argv[1:])\n"
        "except SystemExit as leaving: status = leaving.code or 0\n"
        "heavy = {'torch', 'transformers', 'matplotlib', 'PIL', 'skimage', 'pydicom'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "sys.exit(status)"
    )
    done = python("-c", code, *command)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_module_is_the_command() -> None:
    done = python("-m", "harness", "plugins", "show", "oclusion")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean 'occlusion'?" in done.stderr and "Traceback" not in done.stderr


def test_a_closed_pipe_is_no_complaint() -> None:
    command = f"{sys.executable} -m harness plugins | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.stderr == ""


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--version")
    assert status == 0 and out.startswith("harness ") and out.split()[1][0].isdigit()


def test_a_checkout_that_is_not_installed_has_no_version(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.metadata

    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    monkeypatch.setattr(harness.cli.main, "version", absent)
    assert harness.__version__ == "(not installed)"
    assert run(capsys, "--version")[:2] == (0, "harness (not installed)\n")


def test_everything_that_the_package_offers_is_there_without_torch() -> None:
    code = (
        "import sys, harness\n"
        "assert not {'torch', 'numpy'} & set(sys.modules)\n"
        "assert len(harness.__all__) > 10\n"
        "for name in harness.__all__: getattr(harness, name)\n"
        "assert 'torch' not in sys.modules"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        harness.nothing  # noqa: B018


def test_without_a_command_help_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys)
    assert (status, out) == (2, "") and "harness eval" in err


def test_a_command_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert "No command is named 'evla'; did you mean 'eval'?" in refused(capsys, "evla")


def test_arguments_that_do_not_parse(capsys: pytest.CaptureFixture[str]) -> None:
    assert "required: --question" in refused(capsys, "explain", "a.png")
    assert "invalid choice: 'cot'" in refused(capsys, "eval", "--mode", "cot")
    assert "--limit: '-1' is no whole number" in refused(capsys, "eval", "--limit", "-1")
    assert "--threads: '0' is no whole number" in refused(capsys, "eval", "--threads", "0")
    assert "unrecognized arguments: --lim" in refused(capsys, "eval", "--lim", "1")


# --- harness plugins


def test_the_list_escapes_markup_and_shows_what_is_broken(
    capsys: pytest.CaptureFixture[str], toys: Registry
) -> None:
    toys.broken.append(Broken("sad", "third-party", "ImportError: no [bold]torch[/bold]"))
    status, out, _ = run(capsys, "plugins")
    assert status == 0
    words = " ".join(out.split())
    for text in (
        "toy The toy, with [red]markup[/red] in its summary.",
        "Says the left half of the frame.",
        "sad ImportError: no [bold]torch[/bold] third-party",
    ):
        assert text in words
    lines = [line.strip() for line in out.splitlines()]
    assert lines[lines.index("half") - 1].startswith("halves ")
    assert all(title in lines for title in ("Models", "Attributors", "Editors", "Sources", "Broken"))


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_the_list_fits_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for command in (["plugins"], ["plugins", "show", "halves"]):
        _, out, _ = run(capsys, *command)
        assert out and max(len(line) for line in out.splitlines()) <= columns


def test_showing_one(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "plugins", "show", "half")
    words = " ".join(out.split())
    assert status == 0
    for text in (
        "halves attributor",
        "needs score",
        "works with mute, toy",
        "share number, > 0, < 1; default 0.5 How much of the frame.",
        "-o halves.share=0.5",
    ):
        assert text in words
    _, out, _ = run(capsys, "plugins", "show", "toy")
    assert "offers generate, score, trace" in " ".join(out.split()) and "takes no options" in out


def test_showing_what_is_not_there(capsys: pytest.CaptureFixture[str], toys: Registry) -> None:
    assert "did you mean 'halves'?" in refused(capsys, "plugins", "show", "halvs")
    toys.broken.append(Broken("sad", "third-party", "ImportError: no torch"))
    assert "'sad' of third-party is broken: ImportError" in refused(capsys, "plugins", "show", "sad")


# --- subcommands of other distributions


def command(name: str, add_parser: Any) -> EntryPoint:
    found = EntryPoint(name, "somewhere:add_parser", "harness.commands")
    loader = add_parser if isinstance(add_parser, Exception) else None

    def load() -> Any:
        if loader:
            raise loader
        return add_parser

    vars(found).update(dist=SimpleNamespace(name="third-party"), load=load)
    return found


def test_other_commands_are_added_and_broken_ones_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def greet(subparsers: Any) -> None:
        parser = subparsers.add_parser("greet", help="say hello")
        parser.add_argument("name")
        parser.set_defaults(run=lambda args: print(f"hello {args.name}") or 7)

    def idle(subparsers: Any) -> None:
        subparsers.add_parser("idle")

    def grab(subparsers: Any) -> None:
        subparsers.add_parser("eval").set_defaults(run=print)

    def half(subparsers: Any) -> None:
        subparsers.add_parser("half-done").set_defaults(run=print)
        raise RuntimeError("gave up")

    found = [
        command("greet", greet), command("idle", idle), command("grab", grab), command("half", half),
        command("lost", ImportError("no such thing")),
    ]  # fmt: skip
    monkeypatch.setattr(harness.cli.main, "entry_points", lambda group: found)
    assert run(capsys, "greet", "you")[:2] == (7, "hello you\n")
    help_text = run(capsys, "--help")[1]
    assert "say hello" in help_text and "half-done" not in help_text and "idle" not in help_text
    assert help_text.count("rate attribution methods") == 1
    words = " ".join(run(capsys, "plugins")[1].split())
    for text in (
        "command lost ImportError: no such thing third-party",
        "command half RuntimeError: gave up",
        "command grab ValueError: there is a command 'eval' already",
        "command idle TypeError: the command 'idle' has no set_defaults(run=...)",
    ):
        assert text in words
    assert "No command is named 'idle'" in refused(capsys, "idle")


def test_a_command_that_is_interrupted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(cls: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Registry, "discover", classmethod(interrupt))
    assert run(capsys, "plugins") == (130, "", "harness: interrupted\n")


# --- harness eval


def test_modes_are_the_benchmarks() -> None:
    assert MODE_CHOICES == MODES and EXECUTORS == NAMES


def test_eval_passes_everything_on(capsys: pytest.CaptureFixture[str], evaluated: SimpleNamespace) -> None:
    status, _, err = run(
        capsys, "eval", "--attributor", "halves", "--attributor", "other", "--attributor", "halves",
        "--model", "toy", "--mode", "reasoning", "--bench", "b", "--data-root", "d", "--limit", "7",
        "--seed", "3", "-o", "halves.share=0.1", "--option", "toy.x=1", "--output", "out", "--fresh",
        "--gallery", "5", "--faithfulness", "10", "--shard", "2/4",
    )  # fmt: skip
    assert (status, err) == (0, "")
    arguments = evaluated.calls[0]
    assert arguments.pop("console") and isinstance(arguments.pop("executor"), Local)
    assert arguments == {
        "attributors": ["halves", "other"], "models": ["toy"], "modes": ["reasoning"], "bench": Path("b"),
        "data_root": Path("d"), "options": ["halves.share=0.1", "toy.x=1"], "limit": 7, "seed": 3,
        "output": Path("out"), "fresh": True, "gallery": 5, "faithful": 10,
        "shard": Shard(2, 4),
    }  # fmt: skip


def test_eval_defaults(capsys: pytest.CaptureFixture[str], evaluated: SimpleNamespace) -> None:
    assert run(capsys, "eval", "--attributor", "halves")[0] == 0
    arguments = evaluated.calls[0]
    assert arguments["models"] is None and arguments["modes"] == ["direct", "reasoning"]
    assert arguments["output"] == Path("harness-results") and not arguments["fresh"]


@pytest.mark.parametrize(
    ("arguments", "limit"),
    [([], 240), (["--limit", "0"], None), (["--limit", "5"], 5), (["--bench", "b"], None),
     (["--bench", "b", "--limit", "0"], None), (["--bench", "b", "--limit", "9"], 9)],
)  # fmt: skip
def test_only_the_embedded_benchmark_is_cut_by_itself(
    capsys: pytest.CaptureFixture[str], evaluated: SimpleNamespace, arguments: list[str], limit: int | None
) -> None:
    run(capsys, "eval", "--attributor", "halves", *arguments)
    assert evaluated.calls[0]["limit"] == limit


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
        "import os, sys, types, harness.cli.main\n"
        "runner = types.ModuleType('harness.run.loop')\n"
        "def evaluate(registry, **arguments):\n"
        "    assert 'torch' not in sys.modules\n"
        "    import torch\n"
        "    print('threads', torch.get_num_threads())\n"
        "    return types.SimpleNamespace(folder='x', finished=0, failed=0, interrupted=False)\n"
        "runner.evaluate = evaluate\n"
        "sys.modules['harness.run.loop'] = runner\n"
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

    monkeypatch.setattr(sys.modules["harness.run.loop"], "evaluate", refuse)
    assert refused(capsys, "eval", "--attributor", "halves") == "harness: This is wrong.\n"


# --- harness explain


def test_explain(capsys: pytest.CaptureFixture[str], film: str, tmp_path: Path) -> None:
    arguments = ["--model", "toy", "--attributor", "half", "-o", "half.share=0.25"]
    status, out, _ = run(capsys, "explain", film, "--question", "Is [it]?", *arguments)
    assert status == 0 and ToyModel.loaded == 1
    words = " ".join(out.split())
    # A quarter of 224 pixels is 56 of the frame, 100 of the image.
    for text in (
        "answer asked 'Is [it]?': yes (toy)",
        "concept heart (score 1.5)",
        "boxes 0 0 100 400",
        "300 x 400 pixels",
        "cost 1 forward",
        "picture film-halves.png",
        "halves: [tuned] on no more than 0 sources.",
    ):
        assert text in words
    with Image.open(tmp_path / "film-halves.png") as picture:
        assert picture.format == "PNG"


def test_explain_a_given_answer(capsys: pytest.CaptureFixture[str], film: str, tmp_path: Path) -> None:
    arguments = ["explain", film, "--question", "Is it?", "--model", "mute", "--attributor", "halves"]
    assert "cannot generate an answer; give the answer" in refused(capsys, *arguments)
    status, out, _ = run(capsys, *arguments, "--answer", "no", "--output", "sub.PNG")
    assert status == 0 and "no  (mute)" in out and (tmp_path / "sub.PNG").is_file()


def test_explain_refuses_before_it_loads_the_model(
    capsys: pytest.CaptureFixture[str], film: str, tmp_path: Path
) -> None:
    def attempt(*changes: str, image: str = film) -> str:
        base = ["--question", "Is it?", "--model", "toy", "--attributor", "halves"]
        return refused(capsys, "explain", image, *base, *changes)

    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    assert "gone.png cannot be read" in attempt(image="gone.png")
    assert "text.png is neither PNG" in attempt(image="text.png")
    assert "did you mean 'halves'?" in attempt("--attributor", "halvs")
    assert "did you mean 'toy'?" in attempt("--model", "toyy")
    assert "no option 'shape'; did you mean 'share'?" in attempt("-o", "halves.shape=1")
    assert "Bad option halves.share='2'" in attempt("-o", "halves.share=2")
    assert "takes no part in this run" in attempt("-o", "occlusion.grid=2")
    assert "the folder nowhere does not exist" in attempt("--output", "nowhere/a.png")
    assert "it is a folder" in attempt("--output", "folder.png")
    assert "ends in .png" in attempt("--output", "a.jpg")
    assert "would replace the image" in attempt("--output", film)
    assert "question is empty" in attempt("--question", " ")
    assert "answer is empty" in attempt("--answer", "")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (None, "it returned NoneType instead of an Attribution"),
        (Attribution(boxes=[Box(0, 0, float("nan"), 3)]), "has not four finite edges"),
        (Attribution(boxes=[Box(9, 9, 3, 3)]), "is inverted"),
        (Attribution(saliency=np.eye(112)), "saliency map has shape (112, 112), the frame (224, 224)"),
        (Attribution(boxes=[SOME], concept="h", concept_scores={"h": float("nan")}), "score is nan"),
        (Attribution(boxes=[SOME], concept_scores={"h": "x"}), "a concept's score is 'x'"),  # type: ignore[dict-item]
        (Attribution(boxes=[SOME], concept=3), "its concept is int"),  # type: ignore[arg-type]
        (Attribution(boxes=[SOME], token_scores=[1.0, float("inf")]), "a token's score is inf"),
        (Attribution(boxes=[SOME], token_scores=[1.0, 2.0]), "it scored 2 tokens of an answer of 1"),
        (RuntimeError("boom\nand more."), "failed: RuntimeError: boom and more.\n"),
        (SystemExit(0), "failed: SystemExit: 0."),
    ],
)
def test_explain_names_an_attributor_that_misbehaves(
    capsys: pytest.CaptureFixture[str],
    film: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: Any,
    message: str,
) -> None:
    def attribute(self: Halves, case: Case) -> Any:
        if isinstance(said, BaseException):
            raise said
        return said

    monkeypatch.setattr(Halves, "attribute", attribute)
    arguments = ["--question", "Is it?", "--model", "toy", "--attributor", "halves", "--answer", "no"]
    status, out, err = run(capsys, "explain", film, *arguments)
    assert (status, out) == (2, "") and "The attributor 'halves'" in err and message in err
    assert "Traceback" not in err and not list(tmp_path.glob("film-*"))


def test_explain_names_a_model_that_does_not_load_or_answer(
    capsys: pytest.CaptureFixture[str], film: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["explain", film, "--question", "Is it?", "--model", "toy", "--attributor", "halves"]
    monkeypatch.setattr(ToyModel, "answer", lambda *_: " \n")
    status, _, err = run(capsys, *arguments)
    assert status == 2 and "'toy' answered nothing; give the answer" in err

    def load(self: ToyModel) -> None:
        raise OSError("disk on fire")

    monkeypatch.setattr(ToyModel, "load", load)
    status, _, err = run(capsys, *arguments)
    assert status == 2 and "harness: The model 'toy' cannot be loaded: OSError: disk on fire.\n" in err


def test_explain_fixes_the_global_randomness_too(
    capsys: pytest.CaptureFixture[str], film: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[float] = []

    def attribute(self: Halves, case: Case) -> Attribution:
        drawn.append(np.random.random())  # noqa: NPY002
        return Attribution(boxes=[SOME])

    monkeypatch.setattr(Halves, "attribute", attribute)
    arguments = ["explain", film, "--question", "Is it?", "--model", "toy", "--attributor", "halves"]
    for seed in ("3", "3", "4"):
        assert run(capsys, *arguments, "--seed", seed)[0] == 0
    assert drawn[0] == drawn[1] != drawn[2]


def test_explain_refuses_a_folder_without_permission(
    capsys: pytest.CaptureFixture[str], film: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write everywhere, so the system's word is made up.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    arguments = ["explain", film, "--question", "Is it?", "--model", "toy", "--attributor", "halves"]
    assert "permission denied" in refused(capsys, *arguments)


def test_explain_asks_the_embedded_benchmarks_first_model(
    capsys: pytest.CaptureFixture[str],
    film: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    toys: Registry,
) -> None:
    from harness.bench.records import Record, write_records

    texts = ("yes", "no", "yes", "yes")
    found = toys.all

    def everything(kind: Any) -> list[Any]:
        return [SimpleNamespace(bench=tmp_path / "bench")] if kind == "source" else found(kind)

    arguments = ["explain", film, "--question", "Is it?", "--attributor", "halves"]
    assert "by --model NAME." in refused(capsys, *arguments)
    monkeypatch.setattr(toys, "all", everything)
    write_records(tmp_path / "bench", [])
    assert "by --model NAME: " in refused(capsys, *arguments)
    write_records(tmp_path / "bench", [Record("gone", "toys", 0, "yes", "direct", *texts)])
    assert "by --model NAME: No model is named 'gone'" in refused(capsys, *arguments)
    write_records(tmp_path / "bench", [Record("toy", "toys", 0, "yes", "reasoning", *texts)])
    status, out, _ = run(capsys, *arguments)
    assert status == 0 and "(toy)" in out
