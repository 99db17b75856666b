"""The documentation agrees with the code: links, command lines, options, names, the tutorials' code, the reference."""

from __future__ import annotations

import re
import shlex
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.cli.main import build_parser
from harness.options import parse, read_options
from harness.registry import KINDS, Registry
from harness.testing.attributors import run_attributor_checks
from harness.testing.editors import run_editor_checks
from harness.testing.metrics import run_metric_checks
from harness.testing.models import run_model_checks
from scripts.replay_tutorials import BLOCK, ORDER, commands, environment, replay
from scripts.write_reference import OUT, anchors, render

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]
WRITTEN = [page for page in PAGES if page != OUT]  # by hand
TUTORIALS = [ROOT / "docs" / f"tutorial-{name}.md" for name in ORDER]
REGISTRY = Registry.discover()


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors_of(page: Path) -> list[str]:
    prose = BLOCK.sub("", text_of(page))
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return anchors([heading.replace("`", "") for heading in headings])


def code_lines(page: Path) -> Iterator[str]:
    """The lines of fenced and indented code, with continuation lines joined."""
    text = text_of(page)
    blocks = [found["body"] for found in BLOCK.finditer(text)]
    blocks += re.findall(r"(?:^    .*\n?)+", BLOCK.sub("", text), re.MULTILINE)
    for block in blocks:
        yield from re.sub(r"\\\n\s*", "", block).splitlines()


def command_lines(page: Path) -> Iterator[list[str]]:
    """The words of every `harness ...` that is shown as something to type."""
    for line in code_lines(page):
        for part in re.split(r"&&|;|\|", line.strip().removeprefix("$ ")):
            if part.strip().startswith("harness "):
                words = shlex.split(part, comments=True)[1:]
                if words[0] != "plugins" or words[1:2] != ["new"] or "KIND" not in words:
                    yield words


def names(page: Path) -> set[str]:
    """The plugins that a page has its reader write."""
    begun = re.findall(r"harness plugins new \w+ ([\w-]+)", text_of(page))
    begun += [page.parent.name]  # of an example: its folder is called as its plugin
    return {*begun, *re.findall(r'^\s*name(?:: ClassVar\[str\])? = "([\w-]+)"', text_of(page), re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"`[^`\n]*`", "", BLOCK.sub("", text_of(page)))
    targets = re.findall(r"\]\(([^)\s]+)\)", prose) + re.findall(r"^\[[^\]]+\]: (\S+)$", prose, re.MULTILINE)
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors_of(file), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_line_parses(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser, own = build_parser(), set().union(*(names(page) for page in PAGES))
    for words in command_lines(page):
        try:
            args = parser.parse_args(words)
        except SystemExit as end:
            assert end.code == 0, f"{page.name}: harness {' '.join(words)}\n{capsys.readouterr().err}"
            continue
        assert callable(args.run)
        for kind in KINDS:
            given = getattr(args, kind, None) or getattr(args, f"{kind}s", None)
            for label in [given] if isinstance(given, str) else given or []:
                name = label.partition("@")[0]
                assert name in own or name.isupper() or REGISTRY.find(kind, name), words
        for label, field, value in parse(getattr(args, "option", None) or getattr(args, "options", None) or []):
            name = label.partition("@")[0]
            if name not in own and not name.isupper():
                for _, cls in REGISTRY.named(name):
                    read_options(cls, {field: value})


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_option_mentioned_in_passing_exists(page: Path) -> None:
    """Inline code may leave out what a command needs, but what it names must be there."""
    prose = BLOCK.sub("", text_of(page))
    for code in re.findall(r"`(harness [^`]+)`", prose):
        words = shlex.split(code)[1:]
        parser = build_parser()
        while words and words[0][0] != "-":
            below = next((a.choices for a in parser._actions if isinstance(a.choices, dict)), {})
            if words[0] not in below:
                assert not below, code
                break
            parser = below[words.pop(0)]  # type: ignore[assignment]
        known = {option for action in parser._actions for option in action.option_strings}
        assert {word for word in words if word.startswith("-")} <= known, code
    every = set(re.findall(r"`(--[\w-]+)", text_of(OUT)))
    assert set(re.findall(r"`(--[a-z][\w-]*)", prose)) - {"--check"} <= every | {"--help", "--version"}


def test_the_commands_are_found() -> None:
    assert len(list(command_lines(ROOT / "README.md"))) >= 5
    assert all(len(list(command_lines(page))) >= 5 for page in TUTORIALS)


def test_the_reference_is_what_the_code_gives() -> None:
    assert text_of(OUT) == render(), "run `python -m scripts.write_reference`"


def test_the_reference_does_not_depend_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert str(ROOT) not in render() and text_of(OUT) == render()


def files(page: Path) -> dict[str, str]:
    """The files that a page has its reader write."""
    bodies = [found["body"] for found in BLOCK.finditer(text_of(page)) if found["info"] == "python"]
    heads = [(body.partition("\n")[0], body) for body in bodies]
    return {head.removeprefix("# "): body for head, body in heads if re.fullmatch(r"# \S+\.py", head)}


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_the_code_of_a_tutorial_keeps_the_contract(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = page.stem.removeprefix("tutorial-")
    path, code = next(item for item in files(page).items() if "/tests/" not in item[0] and "/" in item[0])
    module = types.ModuleType(Path(path).stem)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(code, path, "exec"), vars(module))
    registry = Registry([module])
    assert not registry.broken
    (cls,) = registry.all(kind)  # type: ignore[arg-type]
    checks = {
        "attributor": run_attributor_checks, "editor": run_editor_checks, "metric": run_metric_checks,
        "model": run_model_checks,
    }  # fmt: skip
    if kind in checks:
        assert [result for result in checks[kind](cls()) if result.fault is not None] == []  # type: ignore[operator]


def test_the_code_of_the_source_tutorial_passes_the_test_that_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = files(ROOT / "docs" / "tutorial-source.md")
    for path, code in written.items():
        (tmp_path / Path(path).name).write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    scope: dict[str, object] = {}
    exec(written["harness-films/tests/test_harness_films.py"], scope)
    scope["test_keeps_the_contract"](tmp_path)  # type: ignore[operator]


def test_a_replay_puts_in_what_is_printed(tmp_path: Path) -> None:
    page = (
        "A\n\n```python\n# made/it.py\n\nprint('one\\ntwo\\nthree')\n```\n\n```console\n$ python made/it.py\nold\n"
        "$ echo a \\\n    b\n```\n\n```console tail=1\n$ python made/it.py\n```\n"
    )
    bench = environment(tmp_path / "venv")
    shown = replay(page, tmp_path, bench)
    assert "$ python made/it.py\none\ntwo\nthree\n$ echo a \\\n    b\na b\n```" in shown
    assert shown.endswith("$ python made/it.py\n…\nthree\n```\n") and shown.startswith(page[:40])
    assert replay(shown, tmp_path, bench) == shown
    assert list(commands("$ a \\\n  b\nc\n$ d")) == ["a \\\n  b", "d"]


def test_the_drawing_can_be_drawn_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scripts import draw_frames

    monkeypatch.setattr(draw_frames, "OUT", tmp_path / "frames.png")
    draw_frames.main()
    from PIL import Image

    drawn, kept = (np.asarray(Image.open(path)) for path in (tmp_path / "frames.png", ROOT / "docs" / "frames.png"))
    assert drawn.shape[2] == kept.shape[2] and abs(drawn.shape[1] - kept.shape[1]) < 40


def test_the_python_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All its blocks, one after the other, on one record each."""
    import torch

    import harness

    torch.set_num_threads(1)  # many threads on few, busy cores wait for each other
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    full = harness.evaluate
    monkeypatch.setattr(harness, "evaluate", lambda *args, **given: full(*args, **given | {"limit": 1}), raising=False)
    page = text_of(ROOT / "docs" / "python.md")
    scope: dict[str, object] = {"__name__": "page"}
    for found in BLOCK.finditer(page):
        if found["info"] == "python":
            exec(found["body"], scope)
    made = {"bench-python", "both", "docs", "harness-results", "many.html", "tau", "mine"}
    assert {path.name for path in tmp_path.iterdir()} == made
    assert scope["run"].failed == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["cite.md", "CITATION.cff"])
def test_the_citation_names_this_version(name: str) -> None:
    from importlib.metadata import version

    assert version("medground-harness") in text_of(ROOT / "docs" / name)
