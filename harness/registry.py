"""Finding plugins: entry points of group ``harness``, each loaded in isolation."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pluggy

from harness import hookspecs
from harness.attributor import Attributor
from harness.editor import Editor
from harness.errors import HarnessError, unknown_name
from harness.model import Model
from harness.plugin import NoOptions, Plugin
from harness.source import Source

GROUP = "harness"
Kind = Literal["model", "attributor", "editor", "source"]
KINDS: dict[Kind, type[Plugin]] = {"model": Model, "attributor": Attributor, "editor": Editor, "source": Source}


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
    """All usable plugin classes by kind and name. One that fails is listed in ``broken`` and harms no other."""

    def __init__(self, modules: Iterable[Any] = ()) -> None:
        self.broken: list[Broken] = []
        self._classes: dict[Kind, dict[str, type[Any]]] = {kind: {} for kind in KINDS}
        self._names: dict[Kind, dict[str, type[Any]]] = {kind: {} for kind in KINDS}
        self._origin: dict[type, Origin] = {}
        self._pluggy = pluggy.PluginManager(hookspecs.PROJECT)
        self._pluggy.add_hookspecs(hookspecs)
        for module in modules:
            self._add(module, getattr(module, "__name__", repr(module)), "(given)", "")

    @classmethod
    def discover(cls) -> Registry:
        """All plugins that are installed."""
        registry = cls()
        for entry in sorted(entry_points(group=GROUP), key=lambda entry: (_distribution(entry)[0], entry.name)):
            distribution, version = _distribution(entry)
            try:
                module = entry.load()
            except Exception as error:
                registry.broken.append(Broken(entry.name, distribution, _one_line(error)))
                continue
            registry._add(module, entry.name, distribution, version)
        return registry

    def _add(self, module: Any, entry: str, distribution: str, version: str) -> None:
        home = module.__name__ if isinstance(module, ModuleType) else type(module).__module__
        try:
            self._pluggy.register(module, entry)
            # Only this plugin's own hook implementations: a fault in one must not reach another.
            alone = self._pluggy.subset_hook_caller
            others = [plugin for plugin in self._pluggy.get_plugins() if plugin is not module]
            for kind, base in KINDS.items():
                for classes in alone(f"{kind}s", others)():
                    for found in classes:
                        self._admit(kind, base, found)
                        self._origin[found] = Origin(distribution, version, home)
        except Exception as error:
            self.broken.append(Broken(entry, distribution, _one_line(error)))
            if self._pluggy.is_registered(module):
                self._pluggy.unregister(module)

    def _admit(self, kind: Kind, base: type[Plugin], found: Any) -> None:
        if not (isinstance(found, type) and issubclass(found, base)):
            raise TypeError(f"the hook '{kind}s' returned {found!r}, which is no subclass of {base.__name__}")
        if inspect.isabstract(found):
            raise TypeError(f"{found.__name__} lacks {', '.join(sorted(found.__abstractmethods__))}")
        name = getattr(found, "name", None)
        if not (isinstance(name, str) and name and not set(name) & set(" =\n\t")):
            raise TypeError(f"{found.__name__}.name must be a word, it is {name!r}")
        if not (isinstance(found.Options, type) and issubclass(found.Options, NoOptions)):
            raise TypeError(f"{found.__name__}.Options must be a subclass of harness.NoOptions")
        for word in (name, *found.aliases):
            if word in self._names[kind]:
                owner = self._names[kind][word]
                raise ValueError(f"the {kind} name {word!r} is taken by {owner.__module__}.{owner.__qualname__}")
        self._classes[kind][name] = found
        self._names[kind].update(dict.fromkeys((name, *found.aliases), found))

    def all(self, kind: Kind) -> list[Any]:
        """The classes of one kind, by name."""
        return [self._classes[kind][name] for name in sorted(self._classes[kind])]

    def find(self, kind: Kind, name: str) -> Any:
        """The class of this name or alias. Raises ``HarnessError`` with the nearest known name."""
        if name in self._names[kind]:
            return self._names[kind][name]
        error = unknown_name(kind, name, self._names[kind])
        if self.broken:
            entries = ", ".join(broken.entry for broken in self.broken)
            error = HarnessError(f"{error} (Plugins that failed to load: {entries}; see `harness plugins`.)")
        raise error

    def origin(self, cls: type) -> Origin:
        """The distribution, its version and the module that a class comes from."""
        return self._origin[cls]

    def run_finished(self, folder: Path, console: Any) -> None:
        """Call every plugin's ``run_finished``; one that raises is reported and hinders no other."""
        for plugin in self._pluggy.get_plugins():
            others = [other for other in self._pluggy.get_plugins() if other is not plugin]
            try:
                self._pluggy.subset_hook_caller("run_finished", others)(folder=folder, console=console)
            except Exception as error:
                name = self._pluggy.get_name(plugin)
                console.print(f"The plugin {name} failed after the run: {_one_line(error)}", style="red", markup=False)


def _distribution(entry: EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else ("(unknown)", "")


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
