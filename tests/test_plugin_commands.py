"""``harness plugins check`` and ``new``: what they print, refuse and write, and their exit statuses."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import wrong_attributors
import wrong_editors
import wrong_executors
import wrong_metrics
import wrong_models
import wrong_observers
import wrong_sources
from pydantic import Field

import harness.cli.main
import harness.testing.command_new
from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.plugin import NoOptions
from harness.errors import HarnessError
from harness.hookspecs import hookimpl
from harness.registry import KINDS, Broken, Registry
from harness.testing.scaffold import class_name, contents


class Chosen(wrong_attributors.Right):
    """Right or wrong as its option says, with [b]markup[/b]."""

    name: ClassVar[str] = "chosen"
    aliases: ClassVar[tuple[str, ...]] = ("pick",)

    class Options(NoOptions):
        """One."""

        fault: str = Field(default="", description="What to do wrong.")

    options: Options  # type: ignore[assignment]

    def attribute(self, case: Case) -> Attribution:
        if self.options.fault == "raise":
            raise ValueError("a fault in [b]brackets[/b]")
        said = super().attribute(case)
        if self.options.fault == "shape":
            said.saliency = np.zeros((8, 8))
        return said


class Weightless(wrong_attributors.Right):
    """Needs a file."""

    name: ClassVar[str] = "weightless"

    def load(self) -> None:
        raise HarnessError("Give the weights by -o weightless.path=FILE.")


class Paint(wrong_editors.Paint):
    """Edits only what the source of its name gives."""

    name: ClassVar[str] = "squares"
    edited: ClassVar[set[Any]] = set()

    def edit(self, image: np.ndarray, *boxes_and_more: Any) -> Any:
        self.edited.add((image.shape, boxes_and_more[-1].index))
        return super().edit(image, *boxes_and_more)


class Fewest(wrong_metrics.CountsBoxes):
    """Counts boxes, with [b]markup[/b]."""

    name: ClassVar[str] = "fewest"
    title: ClassVar[str] = "Fewest [b]boxes[/b]"
    aliases: ClassVar[tuple[str, ...]] = ("count",)
    default: ClassVar[bool] = True


class TenAtMost(wrong_metrics.TenAtMost):
    """Counts boxes to ten."""

    name: ClassVar[str] = "ten"


class Toys:
    @hookimpl
    def attributors(self) -> list[type[Attributor]]:
        return [Chosen, Weightless]

    @hookimpl
    def editors(self) -> list[Any]:
        return [Paint]

    @hookimpl
    def sources(self) -> list[Any]:
        return [wrong_sources.Squares]

    @hookimpl
    def models(self) -> list[Any]:
        return [wrong_models.BlackBox]

    @hookimpl
    def metrics(self) -> list[Any]:
        return [Fewest, TenAtMost]

    @hookimpl
    def observers(self) -> list[Any]:
        return [wrong_observers.Right]

    @hookimpl
    def executors(self) -> list[Any]:
        return [wrong_executors.Right]


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Registry:
    """The toys are all that is installed, and the working folder is empty."""
    registry = Registry([Toys()])
    assert not registry.broken
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls: registry))
    monkeypatch.setattr(harness.cli.main, "entry_points", lambda group: [])
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.setenv("TRANSFORMERS_VERBOSITY", "error")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    monkeypatch.chdir(tmp_path)
    return registry


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Status, and all that is printed, as words with single spaces."""
    try:
        status = harness.cli.main.main(["plugins", *arguments])
    except SystemExit as leaving:
        status = int(leaving.code or 0)
    out, err = capsys.readouterr()
    return status, " ".join((out + err).split())


def test_a_right_plugin_passes(capsys: pytest.CaptureFixture[str]) -> None:
    status, words = run(capsys, "check", "pick")
    assert status == 0 and "chosen, attributor of (given)" in words and "20 of 20 checks passed" in words
    assert "true cost passed The passes that it is charged for are the passes that the model saw." in words


def test_a_wrong_one_fails_with_a_sentence_and_options_apply(capsys: pytest.CaptureFixture[str]) -> None:
    status, words = run(capsys, "check", "chosen", "-o", "chosen.fault=shape")
    assert status == 1 and "19 of 20 checks passed" in words
    assert "map of the frame failed Its saliency map has shape (8, 8); the frame's is (224, 224)." in words
    status, words = run(capsys, "check", "chosen", "-o", "chosen.fault=raise")
    assert status == 1 and "2 of 20 checks passed" in words and "true cost not run" in words
    assert "explains failed It raises ValueError: a fault in [b]brackets[/b]." in words


def test_all_plugins_of_a_name_are_checked_and_an_editor_gets_its_sources_sample(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Paint.edited.clear()
    status, words = run(capsys, "check", "squares")
    assert status == 0 and "squares, editor of" in words and "squares, source of" in words
    assert Paint.edited == {((60, 50, 3), 0)}


def test_a_metric_an_observer_and_an_executor_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    status, words = run(capsys, "check", "count")
    assert status == 0 and "fewest, metric of (given)" in words and "17 of 17 checks passed" in words
    status, words = run(capsys, "check", "ten")
    assert status == 1 and "worst is the worst failed A method that marks twelve boxes gets 12" in words
    status, words = run(capsys, "check", "right")
    assert status == 0 and "right, observer of (given)" in words and "11 of 11 checks passed" in words
    assert "right, executor of (given)" in words and "5 of 5 checks passed" in words


@pytest.mark.parametrize("columns", [60, 100])
def test_the_table_fits_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    harness.cli.main.main(["plugins", "check", "black-box"])
    out = capsys.readouterr().out
    assert "6 of 15 checks passed, 9 not run" in " ".join(out.split()) and max(map(len, out.splitlines())) <= columns


def test_what_cannot_be_checked_is_refused_in_one_line(capsys: pytest.CaptureFixture[str], toys: Registry) -> None:
    toys.broken.append(Broken("sad", "third-party", "ImportError: no torch"))
    for arguments, message in [
        (["chosn"], "No plugin is named 'chosn'; did you mean 'chosen'?"),
        (["sad"], "The plugin 'sad' of third-party is broken: ImportError: no torch"),
        (["weightless"], "Give the weights by -o weightless.path=FILE."),
        (["chosen", "-o", "chosen.faults=x"], "chosen has no option 'faults'; did you mean 'fault'?"),
        (["chosen", "-o", "other.x=1"], "There is an option for 'other', which takes no part"),
    ]:
        status, words = run(capsys, "check", *arguments)
        assert status == 2 and f"harness: {message}" in words


def test_a_black_box_shows_what_it_works_with(capsys: pytest.CaptureFixture[str]) -> None:
    words = run(capsys, "show", "black-box")[1]
    assert "offers generate grounds it does not say works with no installed attributor" in words


def test_metrics_are_listed_with_what_a_board_says_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    words = run(capsys)[1]
    row = "fewest Counts boxes, with [b]markup[/b]. (given) count Fewest [b]boxes[/b]: less is better; needs boxes "
    assert f"{row}(default) ten Counts boxes to ten. (given) Right: less is better; needs boxes" in words
    assert all(f"{kind.capitalize()}s name what it is from" in words for kind in KINDS)


def test_a_metric_shows_all_that_a_board_depends_on(capsys: pytest.CaptureFixture[str]) -> None:
    words = run(capsys, "show", "fewest")[1]
    assert (
        "title Fewest [b]boxes[/b] legend the number of boxes; less is better. needs boxes better less worst 100, "
        "which a failed result counts as shown as it is default yes: every run measures it from (given)"
    ) in words
    words = run(capsys, "show", "ten")[1]
    assert "worst 10" in words and "default" not in words
    assert "right observer" in (words := run(capsys, "show", "right")[1]) and "first-boxes" in words


# --- harness plugins new


@pytest.mark.parametrize("kind", harness.testing.command_new.KINDS)
def test_a_new_plugin_is_short_and_named_throughout(capsys: pytest.CaptureFixture[str], kind: Any) -> None:
    status, words = run(capsys, "new", kind, "my-first2")
    assert status == 0 and "pip install -e harness-my-first2 pytest harness-my-first2" in words
    folder = Path("harness-my-first2")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    module = "harness_my_first2"
    assert files == {f"{module}.py", f"tests/test_{module}.py", "pyproject.toml", "README.md"}
    texts = [path.read_text() for path in folder.rglob("*") if path.is_file()]
    assert all("$" not in text and any(word in text for word in ("my-first2", module)) for text in texts)
    code = ast.parse((folder / f"{module}.py").read_text())
    assert class_name(kind, "my-first2") in [node.name for node in code.body if isinstance(node, ast.ClassDef)]
    assert len((folder / f"{module}.py").read_text().splitlines()) <= 50


def test_a_new_plugin_goes_where_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "new", "editor", "blur", "--to", "some/where")[0] == 0
    assert Path("some/where/harness_blur.py").exists()


def test_class_names_hide_nothing() -> None:
    assert class_name("attributor", "shap") == "ShapAttributor" and class_name("model", "my-model") == "MyModel"
    assert class_name("model", "model") == "ModelModel" and class_name("editor", "box") == "BoxEditor"
    for kind in harness.testing.command_new.KINDS:
        compile(contents(kind, kind)[f"harness_{kind}.py"], kind, "exec")


@pytest.mark.parametrize(
    "name", ["My-method", "my_method", "2d", "-x", "x-", "a--b", "a b", "", "../up", "x.y", "naïve", "x\n"]
)
def test_bad_names_are_refused(capsys: pytest.CaptureFixture[str], name: str) -> None:
    status, words = run(capsys, "new", "model", "--to", "here", "--", name)
    assert status == 2 and "is no name for a plugin; take lower-case letters" in words and not Path("here").exists()


def test_nothing_is_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    Path("there").mkdir()
    assert "harness: there exists already; give another folder by --to." in run(
        capsys, "new", "model", "x", "--to", "there"
    )[1]
    status, words = run(capsys, "new", "attributor", "pick")
    assert status == 2 and "There is an attributor named 'pick' already; take another name." in words
    Path("file").write_text("")
    assert "cannot be written to file/below" in run(capsys, "new", "model", "x", "--to", "file/below")[1]
    assert list(Path("there").iterdir()) == [] and not Path("harness-pick").exists()


def test_kinds_are_those_of_the_registry_that_have_templates(capsys: pytest.CaptureFixture[str]) -> None:
    templates = {path.name.partition(".")[0] for path in (files("harness.testing") / "templates").iterdir()}
    assert list(harness.testing.command_new.KINDS) == sorted(set(KINDS) & templates)
    assert {"attributor", "editor", "metric", "model", "source"} <= set(harness.testing.command_new.KINDS)
    assert "invalid choice: 'executor'" in run(capsys, "new", "executor", "x")[1]


# An import of what is blocked fails as where it is not installed.
WITHOUT_HEAVY = """
import sys
from importlib.abc import MetaPathFinder
HEAVY = {"torch", "torchvision", "transformers", "datasets", "matplotlib", "ot", "segment_anything"}
class Blocked(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HEAVY:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocked())
from harness.cli.main import main
status = main(sys.argv[1:])
assert not HEAVY & set(sys.modules)
sys.exit(status)
"""


@pytest.mark.parametrize(
    "words",
    [
        "plugins", "plugins show medfocus", "plugins show deletion", "plugins new metric a", "plugins check iou",
        "--help",
    ],
)  # fmt: skip
def test_plugins_are_listed_shown_begun_and_checked_without_heavy_libraries(words: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_HEAVY, *words.split()], capture_output=True, text=True, timeout=120, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Broken" not in done.stdout and not done.stderr


def test_type_checkers_see_every_name_that_the_package_offers() -> None:
    tree = ast.parse(Path(str(harness.__file__)).read_text())
    seen = {node.names[0].asname: node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    offered = {name: f"harness.{home}" for name, home in harness._HOME.items()}
    assert {name: home for name, home in seen.items() if name} == offered
