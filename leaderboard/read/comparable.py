"""Which runs may stand on one board: what could change a figure decides, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from harness.run.header import Header, PluginFacts
from harness.run.journal_reading import differences

_SETTINGS = ("scoring", "seed", "upsampling")


def incomparable(a: Header, b: Header) -> list[str]:
    """Why the runs of two headers cannot be compared; empty where they can.

    They need the same scoring, seed and upsampling and, of each model and mode that both explained, the same records.
    Of every plugin that takes part in both, metrics too, the options that count, the weights and the code must be the
    same: not the version, nor where files lie. Libraries and device may differ
    (:mod:`leaderboard.read.computed_with`), and a metric that one of them lacks is no hindrance.
    """
    reasons: list[str] = []
    for name in _SETTINGS:
        reasons += differences(getattr(a, name), getattr(b, name), name)
    for mode in sorted(a.bench.keys() & b.bench.keys()):
        reasons += differences(a.bench[mode].sha256, b.bench[mode].sha256, f"bench.{mode}")
        shared = {model for model, count in a.planned[mode].items() if count and b.planned[mode].get(model)}
        for model in sorted(shared):
            reasons += differences(a.planned[mode][model], b.planned[mode][model], f"records.{mode}.{model}")
        if shared:
            reasons += differences(sorted(a.named), sorted(b.named), "records by name")
    for at, one, other in shared_plugins(a, b):
        reasons += plugin_differences(one, other, at)
    return list(dict.fromkeys(reasons))


def plugin_differences(one: PluginFacts, other: PluginFacts, at: str) -> list[str]:
    """In what two plugins of one label differ that figures depend on. ``at``: what they are called."""
    mine, theirs = one.identity, other.identity
    if not (one.weights and other.weights):  # of a model that nobody needed nothing is known
        del mine["weights"], theirs["weights"]
    return differences(mine, theirs, at)


def shared_plugins(a: Header, b: Header) -> Iterator[tuple[str, PluginFacts, PluginFacts]]:
    """The plugins of one kind and label that two runs have: what to call them, and what either says of them."""
    for kind in sorted(a.plugins.keys() & b.plugins.keys()):
        mine, theirs = a.plugins[kind], b.plugins[kind]
        for label in sorted(mine.keys() & theirs.keys()):
            yield f"{kind}.{label}", mine[label], theirs[label]
    for label in sorted(a.metrics.keys() & b.metrics.keys()):
        yield f"metric.{label}", a.metrics[label], b.metrics[label]
