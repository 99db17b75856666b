"""The command line: what it prints, what it refuses and before what, and its exit statuses."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any

import pytest
from commands import ROOT, python, refused, run

import harness.cli.main
from harness.registry import Broken, Registry


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
    assert "ask something by --question TEXT" in refused(capsys, "explain", "a.png")
    assert "--limit: '-1' is no whole number" in refused(capsys, "eval", "--limit", "-1")
    assert "--threads: '0' is no whole number" in refused(capsys, "eval", "--threads", "0")
    assert "unrecognized arguments: --lim 1; did you mean --limit?" in refused(capsys, "eval", "--lim", "1")


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
