"""The plugins that are installed here, found once."""

from __future__ import annotations

from functools import cache

from harness.registry import Registry


@cache
def installed() -> Registry:
    """All plugins that are installed."""
    return Registry.discover()
