"""MedFocus and its variant as plugins. Importing this imports nothing heavy, as its command is added at every start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.hookspecs import hookimpl

if TYPE_CHECKING:
    from harness.contracts.attributor import Attributor


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    from plugins.attributors.medfocus.medfocus import MedFocus
    from plugins.attributors.medfocus.medfocus_consensus import MedFocusConsensus
    from plugins.attributors.medfocus.medfocus_zoom import MedFocusZoom

    return [MedFocus, MedFocusConsensus, MedFocusZoom]
