"""The house: how large its core and its files may be, no circles, no plugin's name in the core, and nothing online.

Which room may import which is in pyproject.toml, and ``lint-imports`` checks it.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from dataclasses import fields
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import get_args

import grimp
import huggingface_hub.constants
import pytest

from harness.contracts.attributor import Attribution
from harness.contracts.model import Capability, Kind
from harness.registry import KINDS, Registry

ROOT = Path(__file__).parents[1]
FOLDERS = ("harness", "plugins", "leaderboard", "tests", "scripts", "benchmarks", "examples")
# The doors with what they share, the rooms above the run, and the reading of files, which no run does by itself.
DOORS = {"__init__.py", "__main__.py", "api", "cli", "flags.py"}
NO_CORE = DOORS | {"evaluating", "explaining", "building", "sanity", "testing", "reading"}
CORE_LINES, FILE_LINES = 3500, 350  # of code; of anything


def core() -> list[Path]:
    home = ROOT / "harness"
    return sorted(path for path in home.rglob("*.py") if path.relative_to(home).parts[0] not in NO_CORE)


def lines(path: Path) -> int:
    """As `wc -l` counts: blank lines, comments and docstrings too."""
    return path.read_text(encoding="utf-8").count("\n")


def lines_of_code(path: Path) -> int:
    """Lines that are neither blank nor a comment nor of a docstring: of those the core may have as many as it needs."""
    text = path.read_text(encoding="utf-8")
    told: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            told.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    numbered = enumerate(text.splitlines(), 1)
    return sum(bool(line.strip()) and not line.strip().startswith("#") and k not in told for k, line in numbered)


def test_the_core_is_small() -> None:
    found = {path.relative_to(ROOT).as_posix(): lines_of_code(path) for path in core()}
    largest = sorted(found.items(), key=lambda item: -item[1])[:5]
    assert sum(found.values()) <= CORE_LINES, f"{sum(found.values())} lines; the largest: {largest}"


def test_no_file_is_long() -> None:
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if "build" not in path.parts]
    assert len(files) > 200
    assert {path.relative_to(ROOT).as_posix(): lines(path) for path in files if lines(path) > FILE_LINES} == {}


@pytest.mark.parametrize("package", ["harness", "plugins", "leaderboard"])
def test_no_modules_import_each_other_in_a_circle(package: str) -> None:
    """Imports inside of functions count, and a package that imports its own modules."""
    graph = grimp.build_graph(package, exclude_type_checking_imports=True, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each string in a file, a docstring too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def test_the_core_names_no_plugin() -> None:
    """No string in it is a plugin's name or alias; a sentence of help may have one as its example.

    Some names are words of the contracts as well (a capture, a field of an attribution), which the core may use.
    """
    registry = Registry.discover()
    names = {name for kind in KINDS for cls in registry.all(kind) for name in (cls.name, *cls.aliases)}
    assert len(names) > 30
    names -= {*get_args(Capability), *get_args(Kind), *(field.name for field in fields(Attribution))}
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text!r}"
        for path in core()
        for line, text in literals(path)
        if text in names or text.startswith(("plugins.", "leaderboard."))
    ]
    assert found == []


def entries() -> list[EntryPoint]:
    config = ConfigParser()
    config.optionxform = str  # type: ignore[assignment,method-assign]
    config.read(ROOT / "setup.cfg")
    return [
        EntryPoint(name=name.strip(), value=value.strip(), group=group)
        for group, text in config["options.entry_points"].items()
        for name, _, value in (line.partition("=") for line in text.strip().splitlines())
    ]


def test_every_entry_point_resolves_without_torch_and_its_like() -> None:
    """What setup.cfg says, not what some earlier installation said; and listing plugins imports nothing heavy."""
    assert len(entries()) > 25
    code = "\n".join(f"import importlib; {_load(entry)}" for entry in entries())
    heavy = {"torch", "transformers", "datasets", "matplotlib", "ray", "segment_anything", "ot"}
    code += f"\nimport sys; print(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def _load(entry: EntryPoint) -> str:
    found = f"importlib.import_module({entry.module!r})"
    return f"assert callable({found}.{entry.attr})" if entry.attr else found


def test_every_script_and_benchmark_can_be_imported() -> None:
    """They are in no package, so that neither types nor a command would notice what a renaming left behind."""
    files = [*(ROOT / "scripts").glob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    modules = [f"{path.parent.name}.{path.stem}" for path in files if path.stem != "__init__"]
    code = f"import importlib, sys; [importlib.import_module(name) for name in {sorted(modules)}]"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr


def test_no_test_asks_the_hub() -> None:
    """Whoever types `pytest` waits for no network, and reaches for none: tests/conftest.py sees to that."""
    assert huggingface_hub.constants.HF_HUB_OFFLINE
    code = "import huggingface_hub.constants as c; print(c.HF_HUB_OFFLINE)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "True"
