"""KernelSHAP over superpixels (Lundberg and Lee 2017, arXiv 1705.07874; Covert and Lee 2021, arXiv 2012.01536)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import ClassVar

import numpy as np
from pydantic import Field

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability
from harness.contracts.plugin import NoOptions
from harness.hookspecs import hookimpl
from plugins.attributors.baselines import Baseline, baseline, baseline_field
from plugins.attributors.superpixels import superpixels

BATCH = 32  # images asked for at once


class KernelSHAP(Attributor):
    """Shapley values of superpixels: what each adds to the answer's log-probability, over all orders of showing."""

    name: ClassVar[str] = "kernelshap"
    needs: ClassVar[frozenset[Capability]] = frozenset({"score"})

    class Options(NoOptions):
        """Every coalition is one forward pass; two more are for the whole image and the hidden one."""

        regions: int = Field(default=32, ge=2, le=256, description="Superpixels sought.")
        passes: int = Field(default=256, ge=2, le=65536, description="Coalitions tried, at most; more is less noise.")
        baseline: Baseline = baseline_field()

    options: Options  # type: ignore[assignment]

    def attribute(self, case: Case) -> Attribution:
        """Each superpixel gets its Shapley value where that is positive: it speaks for the answer."""
        regions = superpixels(case, self.options.regions)
        shown = coalitions(regions.max(), self.options.passes, np.random.default_rng(case.seed))
        gain = np.empty(len(shown))
        hidden = baseline(case, self.options.baseline)
        nothing = case.score([hidden])[0].sum()
        # Region 0 is the frame's padding, which is black in either. A label for each channel: masks of the image's own
        # shape take a quarter of the time of those that numpy has to broadcast.
        shows, labels = np.pad(shown, ((0, 0), (1, 0))), np.repeat(regions[..., None], 3, 2)
        for start in range(0, len(shown), BATCH):
            images = [np.where(some[labels], case.image, hidden) for some in shows[start : start + BATCH]]
            gain[start : start + BATCH] = case.score(images).sum(1) - nothing
        values = shapley(shown, gain, case.original.sum() - nothing)
        return Attribution(saliency=np.maximum(0, np.concatenate([[0.0], values]))[regions])


def coalitions(players: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Which players take part, bool [K, players]: all that there are where K <= ``count`` allows, else drawn in pairs.

    A coalition of s players is drawn with the probability that Shapley's kernel gives to all of that size,
    proportional to 1 / (s (players - s)); with it comes its complement, which cancels much of the noise.
    """
    if players < 2:
        return np.zeros((0, players), bool)
    if 2**players - 2 <= count:
        every = np.array(list(product([False, True], repeat=players)))
        return every[1:-1]
    sizes = np.arange(1, players)
    chance = 1 / (sizes * (players - sizes))
    ranks = rng.random((max(1, count // 2), players)).argsort(1).argsort(1)
    first = ranks < rng.choice(sizes, len(ranks), p=chance / chance.sum())[:, None]
    return np.concatenate([first, ~first])


def shapley(shown: np.ndarray, gain: np.ndarray, total: float) -> np.ndarray:
    """Values, float [players], that sum to ``total`` and explain best what each coalition gained, least squares.

    ``shown``: bool [K, players]. ``gain``: float [K], over the empty coalition. Where ``shown`` holds every coalition,
    they are the Shapley values exactly.
    """
    players = shown.shape[1]
    if players < 2:
        return np.full(players, total)
    sizes = shown.sum(1)
    weights = np.ones(len(shown))
    if len(shown) == 2**players - 2:
        # Drawn coalitions come as often as the kernel weighs them; a full list is weighed.
        count_of_size = np.bincount(sizes, minlength=players + 1)
        weights = 1 / (sizes * (players - sizes) * count_of_size[sizes])
    # The last value is what the others leave of the total.
    design = shown[:, :-1].astype(float) - shown[:, -1:]
    root = np.sqrt(weights)
    target = gain - shown[:, -1] * total
    first = np.linalg.lstsq(design * root[:, None], target * root, rcond=None)[0]
    return np.append(first, total - first.sum())


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [KernelSHAP]
