"""EAGLE (Chen et al. 2025, arXiv 2509.22496): a greedy search for the regions that suffice and are needed.

A set of regions scores its insight plus its necessity (the paper's equations 3 to 5): the answer tokens' mean
probability with only the set shown, plus one minus that with the set blacked out. The scores of a set and of its
complement therefore sum to two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability
from harness.contracts.plugin import NoOptions
from harness.hookspecs import hookimpl
from plugins.attributors.superpixels import superpixels

# Of the efficient search, the defaults of the authors' release.
SCOPE = 10  # of the best regions tried each round
PENDING = 8  # of the worst regions tried each round
SORTED = 5  # rounds after which all regions are tried and sorted again


class Eagle(Attributor):
    """Add region after region: the one that, shown alone with the chosen, explains most and, hidden, is missed most."""

    name: ClassVar[str] = "eagle"
    needs: ClassVar[frozenset[Capability]] = frozenset({"score"})

    class Options(NoOptions):
        """The paper searches 64 superpixels, which costs 4,160 passes an answer, or 1,412 by the efficient search."""

        regions: int = Field(
            default=24, ge=2, le=256, description="Superpixels sought, R; the paper's are 64. SLIC may find some less."
        )
        search: Literal["full", "efficient"] = Field(
            default="full",
            description="full: every round tries every region that is left, R x (R + 1) passes. efficient: the "
            f"authors' later variant tries the {SCOPE} best, all of them every {SORTED} rounds, and at the other end "
            f"of the order the {PENDING} worst; about a third of the passes at 64 regions.",
        )

    options: Options  # type: ignore[assignment]

    def attribute(self, case: Case) -> Attribution:
        """The first region gets the highest value, and each one after it less by how far it changed the score."""
        regions = superpixels(case, self.options.regions)
        order, scores = (search if self.options.search == "full" else efficient_search)(case, regions)
        steps = np.abs(np.diff(scores, prepend=scores[0]))
        values = np.zeros(regions.max() + 1)
        values[order] = np.cumsum(-steps)
        # Zero is "outside every region": the last region chosen keeps a trace of heat.
        values[1:] += steps.sum() + 1e-6
        return Attribution(saliency=values[regions])


def search(case: Case, regions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The order in which the R regions 1..R are chosen, int [R], and the score of each set chosen so far, float [R]."""
    left = [int(region) for region in np.unique(regions) if region]
    chosen = np.zeros(regions.shape, bool)
    order, scores = [], []
    while left:
        shown = [chosen | (regions == region) for region in left]
        values = worth(case, shown)
        best = int(values.argmax())
        order.append(left.pop(best))
        scores.append(float(values[best]))
        chosen = shown[best]
    return np.array(order), np.array(scores)


def efficient_search(case: Case, regions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What :func:`search` gives, from either end of the order: each round also gives up the region missed least.

    Most rounds try the front of the regions as they were last sorted, and the back of them.
    """
    left = [int(region) for region in np.unique(regions) if region]
    chosen, kept = np.zeros(regions.shape, bool), np.ones(regions.shape, bool)
    first: list[tuple[int, float]] = []  # each with the score of the set that it completes
    last: list[tuple[int, float]] = []  # each with the score of all but it and those given up before, the last first
    for turn in range(len(left)):
        if len(left) < 2:
            break
        tried = left[: SCOPE if turn % SORTED else None]
        values = worth(case, [chosen | (regions == region) for region in tried])
        if turn % SORTED == 0:
            order = np.argsort(-values, kind="stable")
            left, values = [left[k] for k in order], values[order]
        best = int(values.argmax())
        first.append((left.pop(best), float(values[best])))
        chosen |= regions == first[-1][0]
        if turn == 0 and len(left) > 1:
            # What is left of the others was scored with its complement.
            last.append((left.pop(), 2 - float(values[-1])))
        elif turn and len(left) > PENDING:
            values = worth(case, [kept & (regions != region) for region in left[-PENDING:]])
            best = int(values.argmax())
            last.append((left.pop(best - PENDING), float(values[best])))
        if last:
            kept &= regions != last[-1][0]
    (whole,) = worth(case, [np.ones(regions.shape, bool)])
    ordered = [region for region, _ in first] + left + [region for region, _ in reversed(last)]
    return np.array(ordered), np.array([score for _, score in first + last[::-1]] + [float(whole)])


def worth(case: Case, shown: Sequence[np.ndarray]) -> np.ndarray:
    """The scores of K sets of regions, float [K], each shown where its mask, bool [side, side], is true; 2 K passes."""
    images = [case.image * mask[..., None] for mask in (*shown, *(~mask for mask in shown))]
    insight, missing = np.exp(case.score(images)).mean(1).reshape(2, -1)
    value: np.ndarray = insight + 1 - missing
    return value


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [Eagle]
