"""Which runs may stand on one board."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.run.header import Header
from harness.run.journal_reading import differences


def incomparable(a: Header, b: Header) -> list[str]:
    """Why the runs of two headers cannot be compared; empty where they can.

    They need the same records, seed, upsampling and limit. Every plugin that takes part in both, metrics too, must be
    of the same distribution, version, options and weights. A metric that one of them lacks is no hindrance. Torch,
    Python or device may differ; the provenance shows them.
    """
    reasons = differences(a.seed, b.seed, "seed") + differences(a.upsampling, b.upsampling, "upsampling")
    if a.records < a.available or b.records < b.available:
        reasons += differences(a.limit, b.limit, "limit")
    for mode in sorted(a.bench.keys() & b.bench.keys()):
        reasons += differences(a.bench[mode].sha256, b.bench[mode].sha256, f"bench.{mode}")
        reasons += _differences_of_shared(a.planned[mode], b.planned[mode], f"records.{mode}")
    one, other = a.line(), b.line()
    for kind in sorted(one["plugins"].keys() & other["plugins"].keys()):
        reasons += _differences_of_shared(one["plugins"][kind], other["plugins"][kind], kind)
    return reasons + _differences_of_shared(one["metrics"], other["metrics"], "metric")


def _differences_of_shared(a: Mapping[str, Any], b: Mapping[str, Any], at: str) -> list[str]:
    """Differences in what both have."""
    shared = sorted(a.keys() & b.keys())
    return differences({name: a[name] for name in shared}, {name: b[name] for name in shared}, at)
