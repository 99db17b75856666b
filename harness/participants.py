"""The plugins that take part in a run, each under a label: its name, or ``NAME@VARIANT``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from harness.contracts.plugin import NoOptions, Plugin
from harness.errors import HarnessError, RunError, one_line
from harness.options import for_labels
from harness.registry import Kind, Registry

P = TypeVar("P", bound=Plugin)


@dataclass(frozen=True)
class Participant(Generic[P]):
    """A plugin class with the options that it has in a run. ``given``: the plugin itself, where it is in memory."""

    kind: Kind
    label: str
    cls: type[P]
    options: NoOptions
    given: P | None = None

    def make(self, *arguments: Any) -> P:
        """The plugin, set up but not loaded. ``arguments``: what its class takes besides options.

        Raises ``HarnessError`` where it cannot be set up.
        """
        return self.given if self.given is not None else set_up(self.kind, self.cls, self.options, *arguments)

    def load(self) -> P:
        """A model, editor or attributor, ready for use. Raises ``RunError``, in its own words, where it cannot be."""
        if self.given is not None:
            return self.given
        try:
            plugin = self.make()
            plugin.load()  # type: ignore[attr-defined]
        except HarnessError as error:
            raise RunError(str(error)) from error
        except Exception as error:
            raise RunError(f"The {self.kind} {self.label!r} cannot be loaded: {reason(error)}.") from error
        return plugin


def check_there(participants: Iterable[Participant[Any]]) -> None:
    """Raise ``HarnessError`` where one of them needs what is not there, before anything is loaded or computed."""
    for one in participants:
        plugin = one.make()
        try:
            plugin.check()
        except HarnessError:
            raise
        except Exception as error:
            what = f"The {one.kind} {one.label!r} cannot say whether all that it needs is there"
            raise HarnessError(f"{what}: {reason(error)}.") from error


def choose(
    registry: Registry,
    options: Sequence[str],
    wanted: Iterable[tuple[Kind, str]],
    kept: Mapping[tuple[Kind, str], NoOptions] | None = None,
) -> list[Participant[Any]]:
    """The participants of these kinds and labels, each once, with the options that are theirs: those ``kept`` of an
    earlier run, else as the assignments say.

    Raises ``HarnessError`` for an unknown name, a malformed label, and a bad option.
    """
    found = list(dict.fromkeys((kind, *labelled(registry, kind, label)) for kind, label in wanted))
    given = [registry.given(kind, label) for kind, label, _ in found]
    free = [(label, cls) for (_, label, cls), plugin in zip(found, given, strict=True) if plugin is None]
    chosen = iter(for_labels(options, free))
    participants = []
    for (kind, label, cls), plugin in zip(found, given, strict=True):
        own = next(chosen) if plugin is None else plugin.options
        participants.append(Participant(kind, label, cls, (kept or {}).get((kind, label), own), plugin))
    return participants


def labelled(registry: Registry, kind: Kind, label: str) -> tuple[str, type[Plugin]]:
    """A label with the plugin's own name in place of an alias, and the plugin's class."""
    name, at, variant = label.partition("@")
    cls = registry.find(kind, name)
    if at and not (variant and variant.isprintable() and not set(variant) & set(" =/\\@")):
        raise HarnessError(
            f"Bad variant {label!r}: after the @ of {cls.name}@ comes one word, as in {cls.name}@coarse."
        )
    return f"{cls.name}{at}{variant}", cls


def set_up(kind: Kind, cls: type[P], *arguments: Any) -> P:
    """A plugin from its class. Raises ``HarnessError`` where it cannot be set up."""
    try:
        return cls(*arguments)
    except HarnessError:
        raise
    except Exception as error:
        raise HarnessError(f"The {kind} {cls.name!r} cannot be set up: {reason(error)}.") from error


def reason(error: BaseException) -> str:
    """Why a plugin does not work, in one line; where a library is missing, what to install."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return f"it needs {package}, which is not installed; `pip install medground-harness` brings it"
    return one_line(error)
