"""Measuring a result by metrics: a metric that fails costs its own figure and nothing else."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from harness.contracts.explained import Explained
from harness.contracts.metric import Metric, Need
from harness.errors import one_line
from harness.run.memory import free_memory, out_of_memory
from harness.run.shared_case import seed_everything

DECIMALS = 6


@dataclass(frozen=True)
class Measured:
    """A result's figures, and why others could not be measured, both by metric, as a row has them."""

    metrics: dict[str, float | None] = field(default_factory=dict)
    unmeasured: dict[str, str] = field(default_factory=dict)


def measure(
    metrics: Mapping[str, Metric], explained: Explained, offers: Collection[Need], failed: bool = False
) -> Measured:
    """Measure one result.

    Parameters
    ----------
    metrics
        By their labels.
    explained
        The result; of a ``failed`` one the truth alone counts, and each figure is the metric's worst.
    offers
        What the source and the model of the result offer to metrics.
    """
    found = Measured()
    tight = False
    for label, metric in metrics.items():
        if not metric.needs <= set(offers):
            continue
        try:
            if not metric.applies(explained) or _lacks_mask(metric, explained):
                continue
            if explained.case is not None:
                seed_everything(explained.case.seed)
            found.metrics[label] = _number(metric.worst if failed else metric.measure(explained))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin that calls sys.exit() must not end the run either
            tight = tight or out_of_memory(error)
            found.unmeasured[label] = f"memory ran out ({type(error).__name__})" if tight else one_line(error)
    if tight:  # out here nothing holds the failed passes' tensors any more
        free_memory()
    return found


def _lacks_mask(metric: Metric, explained: Explained) -> bool:
    """Whether the source, which knows masks, knows none of this image. Of one that was not read nobody can tell."""
    return "mask" in metric.needs and explained.mask is None and explained.place is not None


def _number(value: float | None) -> float | None:
    if value is None:
        return None
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"the figure is {number}")
    return round(number, DECIMALS) + 0.0  # no negative zero
