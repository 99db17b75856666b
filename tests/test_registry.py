"""Finding plugins: names, and one broken plugin harming no other."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from rich.console import Console

import harness.registry
from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.errors import HarnessError
from harness.hookspecs import hookimpl
from harness.registry import Registry
from harness.testing.region import RegionModel


def attributor(called: str, *also: str) -> type[Attributor]:
    class Method(Attributor):
        """A method."""

        name: ClassVar[str] = called
        aliases: ClassVar[tuple[str, ...]] = also

        def attribute(self, case: Case) -> Attribution:
            return Attribution(boxes=[])

    return Method


class Plugin:
    """A plugin that gives what it is told to."""

    def __init__(self, attributors: Any = (), models: Any = ()) -> None:
        self._attributors, self._models = attributors, models

    @hookimpl
    def attributors(self) -> Sequence[type[Attributor]]:
        return self._attributors() if callable(self._attributors) else self._attributors

    @hookimpl
    def models(self) -> Any:
        return self._models


def names(registry: Registry, kind: Any = "attributor") -> list[str]:
    return [cls.name for cls in registry.all(kind)]


def errors(registry: Registry) -> str:
    return "\n".join(broken.error for broken in registry.broken)


def entry(name: str, value: str, distribution: str) -> EntryPoint:
    found = EntryPoint(name, value, "harness")
    vars(found).update(dist=SimpleNamespace(name=distribution, version="1.2"))
    return found


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    """The entry points that the registry finds; fill it."""
    found: list[EntryPoint] = []
    monkeypatch.setattr(
        harness.registry, "entry_points", lambda group: [e for e in found if e.group == group]
    )
    return found


def test_finds_by_name_and_alias() -> None:
    method = attributor("b-method", "b_method")
    registry = Registry([Plugin([method, attributor("a-method")], [RegionModel])])
    assert registry.find("attributor", "b-method") is registry.find("attributor", "b_method") is method
    assert registry.find("model", "toy-region") is RegionModel
    assert names(registry) == ["a-method", "b-method"] and not registry.broken


def test_suggests_the_nearest_name() -> None:
    registry = Registry([Plugin([attributor("occlusion")])])
    with pytest.raises(HarnessError, match="No attributor is named 'oclusion'; did you mean 'occlusion'"):
        registry.find("attributor", "oclusion")
    with pytest.raises(HarnessError, match="known: occlusion"):
        registry.find("attributor", "zzz")
    with pytest.raises(HarnessError, match="No model is named 'occlusion'; known: none"):
        registry.find("model", "occlusion")


def test_an_unknown_name_mentions_what_failed_to_load(installed: list[EntryPoint]) -> None:
    installed.append(entry("lost", "no_such_module", "third-party"))
    with pytest.raises(HarnessError, match="failed to load: lost"):
        Registry.discover().find("attributor", "lost-method")


def explode() -> Any:
    raise RuntimeError("first line\nsecond line")


def leave() -> Any:
    raise SystemExit(3)


class Abstract(Attributor):
    """Lacks attribute()."""

    name: ClassVar[str] = "abstract"


class Nameless(RegionModel):
    """Has no word for a name."""

    name: ClassVar[str] = "two words"


class Slashed(RegionModel):
    """Its name would be a path."""

    name: ClassVar[str] = "../up"


class WrongOptions(RegionModel):
    """Its options are no NoOptions."""

    name: ClassVar[str] = "wrong-options"
    Options: ClassVar[Any] = dict


class LooseAlias(RegionModel):
    """Its alias would be read letter by letter."""

    name: ClassVar[str] = "loose-alias"
    aliases: ClassVar[Any] = "alias"


class Misspelt:
    """Implements a hook that does not exist."""

    @hookimpl
    def attributor(self) -> list[type[Attributor]]:
        return []


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        (Plugin(explode), "RuntimeError: first line second line"),
        (Plugin(leave), "SystemExit: 3"),
        (Plugin([Abstract]), "Abstract lacks attribute"),
        (Plugin([RegionModel]), "no subclass of Attributor"),
        (Plugin([RegionModel()]), "no subclass of Attributor"),
        (Plugin(RegionModel), "not iterable"),
        (Plugin((), [Nameless]), "must be words, one is 'two words'"),
        (Plugin((), [Slashed]), "must be words"),
        (Plugin((), [WrongOptions]), "Options must be a subclass"),
        (Plugin((), [LooseAlias]), "aliases must be a tuple"),
        (Plugin([attributor("good")]), "'good' is taken by"),
        (Plugin([attributor("other", "good")]), "'good' is taken by"),
        (Plugin([attributor("twin"), attributor("twin")]), "'twin' is taken by"),
        (Misspelt(), "unknown hook 'attributor'"),
    ],
)
def test_a_broken_plugin_is_listed_and_harms_no_other(plugin: Any, message: str) -> None:
    good, late = attributor("good"), attributor("late")
    registry = Registry([Plugin([good]), plugin, Plugin([late])])
    assert len(registry.broken) == 1 and message in registry.broken[0].error
    assert names(registry) == ["good", "late"] and registry.find("attributor", "good") is good


def test_nothing_of_a_broken_plugin_is_used() -> None:
    registry = Registry([Plugin([attributor("fine"), Abstract], [RegionModel])])
    assert names(registry) == [] and names(registry, "model") == []
    with pytest.raises(HarnessError):
        registry.find("attributor", "fine")
    # Its names are free for another.
    assert names(Registry([Plugin([attributor("fine"), Abstract]), Plugin([attributor("fine")])])) == ["fine"]


def test_the_same_plugin_twice_stays_registered_once(tmp_path: Path) -> None:
    calls: list[Path] = []

    class Reporter:
        @hookimpl
        def run_finished(self, folder: Path) -> None:
            calls.append(folder)

    reporter = Reporter()
    registry = Registry([reporter, reporter])
    assert "registered twice" in errors(registry)
    registry.run_finished(tmp_path, Console())
    assert calls == [tmp_path]


def test_a_module_that_fails_to_import(
    installed: list[EntryPoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "plugin_that_raises.py").write_text("1 / 0\n")
    (tmp_path / "plugin_that_leaves.py").write_text("raise SystemExit('bye')\n")
    (tmp_path / "plugin_with_a_typo.py").write_text("def\n")
    for name in ("raises", "leaves", "typo"):
        module = f"plugin_with_a_{name}" if name == "typo" else f"plugin_that_{name}"
        installed.append(entry(name, module, "third-party"))
    installed.append(entry("absent", "plugin_nobody_wrote", "third-party"))
    installed.append(entry("occlusion", "plugins.attributors.occlusion", "medground-harness"))
    registry = Registry.discover()
    assert names(registry) == ["occlusion"]
    found = {broken.entry: broken for broken in registry.broken}
    assert set(found) == {"raises", "leaves", "typo", "absent"}
    assert found["raises"].error == "ZeroDivisionError: division by zero"
    assert found["leaves"].error == "SystemExit: bye"
    assert "SyntaxError" in found["typo"].error and "ModuleNotFoundError" in found["absent"].error
    assert all(broken.distribution == "third-party" for broken in registry.broken)


def test_a_stranger_cannot_take_a_built_in_name(
    installed: list[EntryPoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    text = (Path(__file__).parents[1] / "plugins" / "attributors" / "occlusion.py").read_text()
    (tmp_path / "usurper.py").write_text(text)
    # The entry points have the same name too, and the stranger sorts first.
    installed += [entry("occlusion", module, dist) for module, dist in (
        ("usurper", "aaa"), ("plugins.attributors.occlusion", "medground-harness"),
    )]  # fmt: skip
    registry = Registry.discover()
    origin = registry.origin(registry.find("attributor", "occlusion"))
    assert (origin.distribution, origin.version) == ("medground-harness", "1.2")
    assert origin.module == "plugins.attributors.occlusion"
    assert [broken.distribution for broken in registry.broken] == ["aaa"] and "is taken by" in errors(
        registry
    )


def test_a_reporter_that_fails_is_named_and_hinders_no_other(tmp_path: Path) -> None:
    calls: list[str] = []

    class Reporter:
        def __init__(self, name: str) -> None:
            self.name = name

        @hookimpl
        def run_finished(self, folder: Path, console: Any) -> None:
            calls.append(self.name)
            if self.name == "bad":
                raise OSError("no [bold]room")
            if self.name == "leaver":
                raise SystemExit(3)

    registry = Registry([Reporter(name) for name in ("first", "bad", "leaver", "last")])
    console = Console(file=io.StringIO(), width=200)
    registry.run_finished(tmp_path, console)
    # pluggy's order is no promise of ours.
    assert sorted(calls) == ["bad", "first", "last", "leaver"]
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "OSError: no [bold]room" in text and "SystemExit: 3" in text
