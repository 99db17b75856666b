"""EAGLE (Chen et al. 2025, arXiv 2509.22496): a greedy search for the regions that suffice and are needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability
from harness.contracts.plugin import NoOptions
from harness.hookspecs import hookimpl
from plugins.attributors.superpixels import superpixels


class Eagle(Attributor):
    """Add region after region: the one that, shown alone with the chosen, explains most and, hidden, is missed most."""

    name: ClassVar[str] = "eagle"
    needs: ClassVar[frozenset[Capability]] = frozenset({"score"})

    class Options(NoOptions):
        """The paper searches 64 superpixels, which costs 4,160 passes an answer."""

        regions: int = Field(
            default=24, ge=2, le=256, description="Superpixels sought, R; the cost is R x (R + 1) forward passes."
        )

    options: Options  # type: ignore[assignment]

    def attribute(self, case: Case) -> Attribution:
        """The first region gets the highest value, and each one after it less by how far it changed the score."""
        regions = superpixels(case, self.options.regions)
        order, scores = search(case, regions)
        steps = np.abs(np.diff(scores, prepend=scores[0]))
        values = np.zeros(regions.max() + 1)
        values[order] = np.cumsum(-steps)
        # Zero is "outside every region": the last region chosen keeps a trace of heat.
        values[1:] += steps.sum() + 1e-6
        return Attribution(saliency=values[regions])


def search(case: Case, regions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The order in which the R regions 1..R are chosen, int [R], and the score of each set chosen so far, float [R].

    The score is insight plus necessity (the paper's equations 3 to 5): the answer tokens' mean probability with only
    the set shown, plus one minus that with the set blacked out.
    """
    left = [int(region) for region in np.unique(regions) if region]
    chosen = np.zeros(regions.shape, bool)
    order, scores = [], []
    while left:
        shown = [chosen | (regions == region) for region in left]
        images = [case.image * mask[..., None] for mask in (*shown, *(~mask for mask in shown))]
        insight, missing = np.exp(case.score(images)).mean(1).reshape(2, -1)
        value = insight + 1 - missing
        best = int(value.argmax())
        order.append(left.pop(best))
        scores.append(float(value[best]))
        chosen = shown[best]
    return np.array(order), np.array(scores)


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [Eagle]
