"""Finding plugins: entry points of group ``harness``, each loaded in isolation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pluggy

from harness import hookspecs
from harness.contracts.attributor import Attributor
from harness.contracts.editor import Editor
from harness.contracts.executor import Executor
from harness.contracts.metric import Metric
from harness.contracts.model import Model
from harness.contracts.observer import Observer
from harness.contracts.plugin import NoOptions, Plugin
from harness.contracts.source import Source
from harness.errors import HarnessError, one_line, unknown_name
from harness.shipped import OWN, check_not_hidden
from harness.text import beside, say

GROUP = "harness"
Kind = Literal["model", "attributor", "editor", "source", "metric", "observer", "executor"]
KINDS: dict[Kind, type[Plugin]] = {
    "model": Model,
    "attributor": Attributor,
    "editor": Editor,
    "source": Source,
    "metric": Metric,
    "observer": Observer,
    "executor": Executor,
}
# What a class of a kind must say in words, besides its name.
_WORDS: dict[type[Plugin], tuple[str, ...]] = {Metric: ("title", "legend"), Observer: ("folder",)}


@dataclass(frozen=True)
class Broken:
    """An entry point that could not be used: where it is from, and why."""

    entry: str
    distribution: str
    error: str


@dataclass(frozen=True)
class Origin:
    """Where a plugin class comes from."""

    distribution: str
    version: str
    module: str


class Registry:
    """All usable plugin classes by kind and name.

    A plugin that fails in any way is listed in ``broken``, none of it is used, and it harms no other. Where
    two plugins claim one name, the harness's own has it, else the one whose distribution sorts first.
    """

    def __init__(self, modules: Iterable[Any] = ()) -> None:
        self.broken: list[Broken] = []
        self._classes: dict[Kind, dict[str, type[Any]]] = {kind: {} for kind in KINDS}
        self._names: dict[Kind, dict[str, type[Any]]] = {kind: {} for kind in KINDS}
        self._origin: dict[type, Origin] = {}
        self._given: dict[tuple[Kind, str], Plugin] = {}
        self._reported: set[tuple[str, str]] = set()  # the hooks, and whose, that failed in this run
        self._pluggy = pluggy.PluginManager(hookspecs.PROJECT)
        self._pluggy.add_hookspecs(hookspecs)
        for module in modules:
            self._add(module, getattr(module, "__name__", repr(module)), "(given)", "")

    @classmethod
    def discover(cls) -> Registry:
        """All plugins that are installed. Raises ``HarnessError`` where another package hides the harness's own."""
        check_not_hidden()
        registry = cls()
        found = [(*_distribution(entry), entry) for entry in entry_points(group=GROUP)]
        found.sort(key=lambda item: (item[0] != OWN, item[0], item[2].name))
        for distribution, version, entry in found:
            try:
                module = entry.load()
            except (Exception, SystemExit) as error:
                registry.broken.append(Broken(entry.name, distribution, one_line(error)))
                continue
            registry._add(module, entry.name, distribution, version)
        return registry

    def _add(self, module: Any, entry: str, distribution: str, version: str) -> None:
        home = module.__name__ if isinstance(module, ModuleType) else type(module).__module__
        if self._pluggy.is_registered(module):
            self.broken.append(Broken(entry, distribution, f"{home} is registered twice"))
            return
        try:
            self._pluggy.register(module, f"{distribution}:{entry}")
            self._pluggy.check_pending()  # a misspelt hook would go unnoticed
            # Only this plugin's own hook implementations: a fault in one must not reach another.
            others = [plugin for plugin in self._pluggy.get_plugins() if plugin is not module]
            names = {kind: dict(known) for kind, known in self._names.items()}
            classes: list[tuple[Kind, type[Any]]] = []
            for kind, base in KINDS.items():
                for returned in self._pluggy.subset_hook_caller(f"{kind}s", others)():
                    for cls in returned:
                        check_class(base, cls, f"{kind}s")
                        _claim(names[kind], kind, cls)
                        classes.append((kind, cls))
        except (Exception, SystemExit) as error:
            self.broken.append(Broken(entry, distribution, one_line(error)))
            if self._pluggy.is_registered(module):
                self._pluggy.unregister(module)
            return
        self._names = names
        for kind, cls in classes:
            self._classes[kind][cls.name] = cls
            self._origin[cls] = Origin(distribution, version, home)

    def adopt(self, kind: Kind, cls: type[Plugin], version: str = "") -> None:
        """Know a class that no entry point names, such as one defined in a notebook; once known it stays.

        ``version`` is kept as where it comes from. Raises ``HarnessError`` where it does not fulfil the contract or
        its name is taken.
        """
        if cls in self._origin:
            return
        names = dict(self._names[kind])
        try:
            check_class(KINDS[kind], cls, f"{kind}s")
            _claim(names, kind, cls)
        except (TypeError, ValueError) as error:
            raise HarnessError(f"The {kind} {cls.__name__} cannot be used: {error}.") from error
        self._names[kind] = names
        self._classes[kind][cls.name] = cls
        self._origin[cls] = Origin("(given)", version, cls.__module__)

    def give(self, kind: Kind, label: str, plugin: Plugin, version: str = "") -> None:
        """Know a plugin that is in memory already, under a label; its class is adopted.

        Raises ``HarnessError`` where the label is not the plugin's name, or ``NAME@VARIANT`` of it, or is taken by
        another one.
        """
        self.adopt(kind, type(plugin), version)
        if self.find(kind, label.partition("@")[0]) is not type(plugin):
            raise HarnessError(f"The {kind} {label!r} must be called {plugin.name}, or {plugin.name}@VARIANT.")
        if self._given.setdefault((kind, label), plugin) is not plugin:
            raise HarnessError(
                f"Two of the {kind}s in memory are called {label!r}; give them as a dictionary, "
                f"{{'{plugin.name}@one': ..., '{plugin.name}@other': ...}}."
            )

    def given(self, kind: Kind, label: str) -> Plugin | None:
        """The plugin in memory of this label; None where there is none."""
        return self._given.get((kind, label))

    def board(self, folders: Sequence[Path]) -> Any:
        """The leaderboard of finished runs, by the plugin that makes leaderboards. Raises ``HarnessError`` where
        there is none."""
        made = self._pluggy.hook.board(folders=list(folders))
        if made is None:
            raise HarnessError("No installed plugin makes leaderboards.")
        return made

    def all(self, kind: Kind) -> list[Any]:
        """The classes of one kind, by name."""
        return [self._classes[kind][name] for name in sorted(self._classes[kind])]

    def defaults(self, kind: Kind) -> list[Any]:
        """The classes of one kind that declare themselves its default, in the order in which plugins name them."""
        return [cls for cls in self._classes[kind].values() if cls.default]

    def default(self, kind: Kind) -> Any:
        """The one class of a kind that declares itself its default. Raises ``HarnessError`` unless there is one."""
        found = self.defaults(kind)
        if len(found) != 1:
            which = ", ".join(cls.name for cls in found) or "no installed one"
            raise HarnessError(f"Say which {kind} to use by --{kind} NAME: {which} declares itself the default.")
        return found[0]

    def find(self, kind: Kind, name: str) -> Any:
        """The class of this name or alias. Raises ``HarnessError`` with the nearest known name."""
        if name in self._names[kind]:
            return self._names[kind][name]
        error = unknown_name(kind, name, self._names[kind])
        if self.broken:
            entries = ", ".join(broken.entry for broken in self.broken)
            error = HarnessError(f"{error} (Plugins that failed to load: {entries}; see `harness plugins`.)")
        raise error

    def named(self, name: str) -> list[tuple[Kind, Any]]:
        """Kind and class of every plugin of this name or alias. Raises ``HarnessError`` where there is none."""
        found = [(kind, names[name]) for kind, names in self._names.items() if name in names]
        if not found:
            for broken in self.broken:
                if broken.entry == name:
                    raise HarnessError(f"The plugin {name!r} of {broken.distribution} is broken: {broken.error}")
            raise unknown_name("plugin", name, set().union(*self._names.values()))
        return found

    def origin(self, cls: type) -> Origin:
        """The distribution, its version and the module that a class comes from."""
        return self._origin[cls]

    def run_started(self, folder: Path, header: dict[str, Any], done: int, console: Any) -> None:
        """Call every plugin's ``run_started``."""
        self._tell("run_started", console, folder=folder, header=header, done=done)

    def sample_scored(self, folder: Path, row: dict[str, Any], console: Any) -> None:
        """Call every plugin's ``sample_scored``."""
        self._tell("sample_scored", console, folder=folder, row=row)

    def run_finished(self, folder: Path, console: Any) -> None:
        """Call every plugin's ``run_finished``."""
        self._tell("run_finished", console, folder=folder)

    def _tell(self, hook: str, console: Any, **facts: Any) -> None:
        """Call one hook of every plugin with a copy of the facts; one that raises is reported and hinders no other.

        A plugin that fails at sample after sample is reported once a run.
        """
        if hook == "run_started":
            self._reported.clear()
        for implementation in getattr(self._pluggy.hook, hook).get_hookimpls():
            plugin, name = implementation.plugin, implementation.plugin_name
            others = [other for other in self._pluggy.get_plugins() if other is not plugin]
            try:
                self._pluggy.subset_hook_caller(hook, others)(**deepcopy(facts), console=console)
            except (Exception, SystemExit) as error:
                if (hook, name) not in self._reported:
                    self._reported.add((hook, name))
                    text = f"The plugin {name} failed in {hook}, which harms no result: {one_line(error)}"
                    say(beside(console), text, "red")


def check_class(base: type[Plugin], cls: Any, hook: str) -> None:
    """Raise ``TypeError`` where a class that the hook returned does not fulfil the contract of its kind."""
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise TypeError(f"the hook {hook!r} returned {cls!r}, which is no subclass of {base.__name__}")
    lacking = [word for word in dir(cls) if getattr(getattr(cls, word, None), "__isabstractmethod__", False)]
    if lacking:
        raise TypeError(f"{cls.__name__} lacks {', '.join(lacking)}")
    if not isinstance(cls.aliases, tuple):
        raise TypeError(f"{cls.__name__}.aliases must be a tuple, it is {cls.aliases!r}")
    for word in (getattr(cls, "name", None), *cls.aliases):
        # A name stands before a dot and an equals sign in options, and in file names.
        if not (isinstance(word, str) and word and word.isprintable() and not set(word) & set(" =/\\@")):
            raise TypeError(f"{cls.__name__}.name and .aliases must be words, one is {word!r}")
    for word in next((words for kind, words in _WORDS.items() if base is kind), ()):
        if not (isinstance(getattr(cls, word, None), str) and getattr(cls, word).strip()):
            raise TypeError(f"{cls.__name__}.{word} must be text, it is {getattr(cls, word, None)!r}")
    if not (isinstance(cls.Options, type) and issubclass(cls.Options, NoOptions)):
        raise TypeError(f"{cls.__name__}.Options must be a subclass of harness.NoOptions")


def _claim(names: dict[str, type[Any]], kind: Kind, cls: type[Any]) -> None:
    """Enter a class's name and aliases, or raise ``ValueError`` where another class has one of them."""
    for word in (cls.name, *cls.aliases):
        if word in names:
            owner = names[word]
            raise ValueError(f"the {kind} name {word!r} is taken by {owner.__module__}.{owner.__qualname__}")
    names.update(dict.fromkeys((cls.name, *cls.aliases), cls))


def _distribution(entry: EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else ("(unknown)", "")
