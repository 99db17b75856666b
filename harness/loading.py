"""Bringing models and editors into memory one at a time, and telling faults that end a run from others."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, TypeVar

from harness.attempt import one_line
from harness.errors import HarnessError, RunError

if TYPE_CHECKING:
    from harness.editor import Editor
    from harness.model import Model
    from harness.plugin import NoOptions

Loadable = TypeVar("Loadable", bound="Model | Editor")


def load(cls: type[Loadable], options: NoOptions, kind: str) -> Loadable:
    """A model or an editor, ready for use. Raises ``RunError`` where it cannot be loaded, in its own words."""
    try:
        plugin = cls(options)
        plugin.load()
    except HarnessError as error:
        raise RunError(str(error)) from error
    except Exception as error:
        raise RunError(f"The {kind} {cls.name!r} cannot be loaded: {one_line(error)}.") from error
    return plugin


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory, the machine's or the accelerator's, is used up."""
    # torch's class by its name: torch need not be imported to look at an error. For the machine's it has none.
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))


def free_memory() -> None:
    """Give back the memory of what was dropped, for what is loaded or tried next."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
