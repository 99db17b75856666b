"""Bringing models and editors into memory, with errors that users can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from harness.errors import HarnessError, RunError, one_line

if TYPE_CHECKING:
    from harness.contracts.attributor import Attributor
    from harness.contracts.editor import Editor
    from harness.contracts.model import Model
    from harness.contracts.plugin import NoOptions

Loadable = TypeVar("Loadable", bound="Model | Editor | Attributor")


def load(cls: type[Loadable], options: NoOptions, kind: str) -> Loadable:
    """A model, an editor or an attributor, ready for use. Raises ``RunError``, in its own words, where it cannot be."""
    try:
        plugin = cls(options)
        plugin.load()
    except HarnessError as error:
        raise RunError(str(error)) from error
    except Exception as error:
        raise RunError(f"The {kind} {cls.name!r} cannot be loaded: {one_line(error)}.") from error
    return plugin
