"""A run is a living thing: it grows, is mended, and what was edited is computed again."""

from __future__ import annotations

import importlib
import io
import itertools
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
import toys
from evaluating import evaluate
from rich.console import Console
from toys import ToyModel

from harness.contracts.attributor import Attributor
from harness.contracts.explained import Explained
from harness.contracts.metric import Metric
from harness.errors import HarnessError
from harness.evaluating.loop import Ended
from harness.run.code import code_of
from harness.run.journal_reading import read_journal

METHOD = """
from harness.contracts.attributor import Attribution, Attributor
from harness.imaging.frame import Box
from {package}.helper import EDGE

class {cls}(Attributor):
    "A method that is being written."
    name = "{name}"
    def attribute(self, case):
        return Attribution(boxes=[Box(0, 0, EDGE, {edge})])
"""
_NUMBERS = itertools.count()


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    return toys.bench(tmp_path / "bench")


class Package:
    """A package of two methods in files of their own, as somebody's working tree."""

    def __init__(self, folder: Path) -> None:
        self.name = f"their_methods_{next(_NUMBERS)}"
        self.folder = folder / self.name
        self.folder.mkdir(parents=True)
        self.write("helper.py", "EDGE = 100\n")
        for cls, edge in (("One", 60), ("Two", 70)):
            self.method(cls, edge)
        n = self.name
        hook = f"from {n}.one import One\nfrom {n}.two import Two\n"
        hook += "from harness.hookspecs import hookimpl\n@hookimpl\ndef attributors():\n    return [One, Two]\n"
        self.write("__init__.py", hook)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def method(self, cls: str, edge: int) -> None:
        text = METHOD.format(package=self.name, cls=cls, name=cls.lower(), edge=edge)
        self.write(f"{cls.lower()}.py", text)

    def module(self) -> ModuleType:
        """The package as a new process would import it."""
        for name in [name for name in sys.modules if name.partition(".")[0] == self.name]:
            del sys.modules[name]
        importlib.invalidate_caches()
        for cache in self.folder.rglob("*.pyc"):
            cache.unlink()
        return importlib.import_module(self.name)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    monkeypatch.syspath_prepend(tmp_path / "site")
    return Package(tmp_path / "site")


def run(output: Path, attributors: tuple[str, ...], *modules: Any, **settings: Any) -> tuple[Ended, str]:
    console = Console(file=io.StringIO(), width=1000)
    registry = toys.registry(*modules)
    ended = evaluate(registry, attributors, output=output, console=console, **settings)
    return ended, console.file.getvalue()  # type: ignore[attr-defined]


def rows(folder: Path) -> list[dict[str, Any]]:
    return read_journal(folder)[1]


# -- edited code ----------------------------------------------------------------------------------------------------
def test_an_edited_method_is_computed_again_and_no_other(bench: Path, tmp_path: Path, package: Package) -> None:
    settings: dict[str, Any] = {"bench": bench, "limit": 4}
    out = tmp_path / "out"
    run(out, ("one", "two", "good"), package.module(), **settings)
    before = rows(out)
    package.method("Two", 99)
    ended, said = run(out, ("one", "two", "good"), package.module(), **settings)
    assert "The code of the attributor 'two' is not what it was: 4 results are computed again." in said
    assert ended.finished == ended.total == 12
    after = rows(out)
    of_two = [row for row in after if row["attributor"] == "two"]
    assert len(of_two) == 4 and all(row["boxes"] != before[1]["boxes"] for row in of_two)
    assert [row for row in after if row["attributor"] != "two"] == [r for r in before if r["attributor"] != "two"]
    replaced = (out / "journal-replaced.jsonl").read_text().splitlines()
    assert len(replaced) == 4 and all('"attributor": "two"' in line for line in replaced)
    _, said = run(out, ("one", "two", "good"), package.module(), **settings)
    assert "12 of 12 results are" in said and "is not what it was" not in said


def test_an_edited_method_may_have_a_further_option(bench: Path, tmp_path: Path, package: Package) -> None:
    settings: dict[str, Any] = {"bench": bench, "limit": 4}
    out = tmp_path / "out"
    run(out, ("one", "two"), package.module(), **settings)
    text = (package.folder / "two.py").read_text()
    option = '    class Options(NoOptions):\n        wide: int = Field(1, description="How wide.")\n'
    text = text.replace("    def attribute", option + "    def attribute")
    imports = "from pydantic import Field\nfrom harness.contracts.plugin import NoOptions\n"
    package.write("two.py", imports + text)
    ended, said = run(out, ("one", "two"), package.module(), **settings)
    assert "The code of the attributor 'two' is not what it was: 4 results are computed again." in said
    assert ended.finished == ended.total == 8
    # Its code is the same now: another value is another run.
    with pytest.raises(HarnessError, match=r"options of the attributor 'two'\.wide: 1, now 2"):
        run(out, ("one", "two"), package.module(), options=["two.wide=2"], **settings)


def test_what_a_method_imports_is_its_code_too(package: Package, tmp_path: Path) -> None:
    def codes() -> list[str | None]:
        return [code_of(cls) for cls in package.module().attributors()]

    first = codes()
    assert None not in first and first[0] != first[1] and codes() == first
    package.write("helper.py", "EDGE = 51\n")
    second = codes()
    assert second[0] != first[0] and second[1] != first[1]
    package.write("nobody_imports_me.py", "x = 1\n")
    package.write("__init__.py", (package.folder / "__init__.py").read_text() + "# a remark\n")
    assert codes() == second
    (package.folder / "one.py").write_bytes((package.folder / "one.py").read_bytes().replace(b"\n", b"\r\n"))
    assert codes() == second
    package.write("one.py", (package.folder / "one.py").read_text().replace("from their", "def f():\n    from their"))
    assert codes()[1] == second[1] and codes()[0] != second[0]


def test_relative_imports_and_classes_without_source(package: Package) -> None:
    text = (package.folder / "two.py").read_text()
    package.write("two.py", text.replace(f"from {package.name}.helper", "from .helper"))
    before = code_of(package.module().Two)
    package.write("helper.py", "EDGE = 52\n")
    assert code_of(package.module().Two) != before
    typed = type("Typed", (Attributor,), {"__module__": "__main__"})
    assert code_of(type("Nowhere", (Attributor,), {"__module__": "no.such.module"})) is None
    assert code_of(typed) is None or typed.__module__ == "__main__"


# -- growing --------------------------------------------------------------------------------------------------------
def test_a_run_grows_by_methods_models_modes_and_records(tmp_path: Path) -> None:
    bench, out = toys.bench(tmp_path / "bench", ("toy", "black-box"), (0, 1, 2, 5)), tmp_path / "out"
    run(out, ("good",), bench=bench, limit=2, models=["toy"], modes=["direct"])
    first = rows(out)
    assert len(first) == 2
    _, said = run(out, ("map",), bench=bench, limit=2, models=["toy"], modes=["direct"])
    assert "grows by map" in said and [*rows(out)[:2]] == first and len(rows(out)) == 4
    _, said = run(out, ("map",), bench=bench, limit=3, models=["toy"], modes=["direct"])
    assert "3 records instead of 2" in said and len(rows(out)) == 6
    ended, said = run(out, ("answers-only",), bench=bench, limit=3)  # all models, both modes
    assert "grows by black-box, answers-only, reasoning answers, 12 records instead of 3" in said
    assert ended.finished == ended.total == 36 and rows(out)[:2] == first
    header = read_journal(out)[0]
    assert header["planned"] == {mode: {"toy": 3, "black-box": 3} for mode in ("direct", "reasoning")}
    ToyModel.loads.clear()
    ended, said = run(out, ("good",), bench=bench, limit=1, models=["toy"])
    assert "36 of 36 results are" in said and not ToyModel.loads


def test_a_grown_run_is_that_of_one_command(tmp_path: Path, bench: Path) -> None:
    run(tmp_path / "grown", ("good",), bench=bench, limit=2)
    run(tmp_path / "grown", ("good", "map"), bench=bench, limit=6)
    run(tmp_path / "once", ("good", "map"), bench=bench, limit=6)
    grown, once = read_journal(tmp_path / "grown"), read_journal(tmp_path / "once")
    assert grown[0] == once[0]
    assert sorted(grown[1], key=str) == sorted(once[1], key=str)


def test_options_of_what_is_not_spoken_of_stay(tmp_path: Path, bench: Path) -> None:
    run(tmp_path / "out", ("map",), bench=bench, limit=2, options=["map.blur=7"])
    run(tmp_path / "out", ("good",), bench=bench, limit=2)
    header = read_journal(tmp_path / "out")[0]
    assert header["plugins"]["attributor"]["map"]["options"] == {"blur": 7}
    with pytest.raises(HarnessError, match="options of the attributor 'map'"):
        run(tmp_path / "out", ("map",), bench=bench, limit=2)


class Wide(Metric):
    """How wide the first box is."""

    name: ClassVar[str] = "wide"
    title: ClassVar[str] = "Wide"
    legend: ClassVar[str] = "how wide the first box is."
    worst: ClassVar[float] = 0.0

    def measure(self, explained: Explained) -> float | None:
        return float(explained.boxes[0].x1 - explained.boxes[0].x0) if explained.boxes else None


class OfMaps(Wide):
    """How much of the map is hot."""

    name: ClassVar[str] = "hot"
    title: ClassVar[str] = "Hot"
    needs: ClassVar[frozenset[Any]] = frozenset({"map"})

    def measure(self, explained: Explained) -> float | None:
        return 1.0


class Metrics:
    __name__ = "metrics_of_a_test"

    from harness.hookspecs import hookimpl

    @hookimpl
    def metrics(self) -> list[type[Metric]]:
        return [Wide, OfMaps]


def test_a_further_metric_of_boxes_needs_no_explaining(tmp_path: Path, bench: Path) -> None:
    out = tmp_path / "out"
    run(out, ("good", "map"), Metrics(), bench=bench)
    ToyModel.loads.clear()
    _, said = run(out, ("good",), Metrics(), bench=bench, metrics=["wide"])
    assert "wide: measured of the 16 results that are there" in said and not ToyModel.loads
    run(tmp_path / "once", ("good", "map"), Metrics(), bench=bench, metrics=["wide"])
    assert rows(out) == rows(tmp_path / "once")
    _, said = run(out, ("good",), Metrics(), bench=bench, metrics=["hot"])
    assert "hot cannot be measured from what is kept of a result: 16 results are explained again" in said
    assert ToyModel.loads
