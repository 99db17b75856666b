"""MedFocus as a plugin. Importing it reads neither weights nor images."""

from __future__ import annotations

from collections.abc import Sequence

from harness.attributor import Attributor
from harness.hookspecs import hookimpl
from plugins.attributors.medfocus.medfocus import MedFocus


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [MedFocus]
