"""Token activation maps (Li et al. 2025, arXiv 2506.23270): where the image tokens themselves would say a token.

A token's map is its logit at each image token, the last hidden state times the language model head's row, cut at zero.
It also shows what earlier tokens leave in the context. Their maps, weighed by the logit that the token has at each of
them, make an interference map, which is subtracted as far as it explains the token's own (least squares). What is left
is scaled together with those logits, so that a token that owes more to the text counts less, and smoothed by a filter
of ranks. The paper explains one token; here the answer's map is the mean over its tokens.

The embedded models have little to say at their image tokens: on direct answers half of the maps are empty and the mean
IoU is 0.7%, where ``center-prior`` has 14.9% (``harness eval --attributor tam --attributor center-prior --limit 16``).

The formulas are the paper's as its release computes them, but for two things: the answer's first token is explained by
its own class, where the release takes the class of the token before it, and where all of a window is one value the
filter gives that value, where the release divides by zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability, Capture
from harness.contracts.plugin import NoOptions
from harness.hookspecs import hookimpl


class TAM(Attributor):
    """The answer's tokens' logits at the image tokens less earlier tokens': 1 pass forward (arXiv 2506.23270)."""

    name: ClassVar[str] = "tam"
    aliases: ClassVar[tuple[str, ...]] = ("token-activation-map",)
    needs: ClassVar[frozenset[Capability]] = frozenset({"trace"})
    captures: ClassVar[frozenset[Capture]] = frozenset({"token_logits"})

    class Options(NoOptions):
        """What users set by ``-o tam.filter=false``."""

        filter: bool = Field(default=True, description="Smooth each token's map by the paper's filter of ranks.")

    options: Options

    def attribute(self, case: Case) -> Attribution:
        """Each image token gets the mean of its values in the maps of the answer's tokens."""
        ids, logits = case.captured("token_ids"), np.maximum(case.captured("token_logits"), 0)
        grid = case.model.image_grid(case.image)
        maps, relevance = logits[:, : len(grid)], logits[:, len(grid) :]
        rows, total = len({box.y0 for box in grid}), np.zeros(len(grid))
        answer = range(len(ids) - len(case.trace.logprobs), len(ids))
        for k in answer:
            # The same word earlier shows the same thing: it is no interference.
            others = np.flatnonzero(ids[:k] != ids[k])
            alone = without_interference(maps[k], maps[others], relevance[k, others])
            values = np.concatenate([alone, relevance[k, :k]])
            scaled = (alone - values.min()) / (np.ptp(values) or 1)
            heat = scaled.reshape(rows, -1)
            total += (rank_gaussian(heat) if self.options.filter else heat).ravel() / len(answer)
        return Attribution(saliency=case.spread(total))


def without_interference(own: np.ndarray, others: np.ndarray, relevance: np.ndarray) -> np.ndarray:
    """A map [N] less the multiple that fits it best of the mean of others [K, N] by relevance [K], cut at zero."""
    interference = relevance @ others / (relevance.sum() + 1e-8)
    fit = interference @ own / (interference @ interference or 1)
    return np.maximum(own - fit * interference, 0)


def rank_gaussian(heat: np.ndarray, side: int = 3) -> np.ndarray:
    """A map smoothed by a Gaussian over the ranks in each window, about the median, as wide as the values vary there.

    Its standard deviation, in ranks, is that of the window's values over their mean: where they are alike the filter
    gives the median, where they differ much nearly the mean.
    """
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(heat, side // 2, mode="reflect"), (side, side))
    values = np.sort(windows.reshape(*heat.shape, -1), -1)
    mean, ranks = values.mean(-1, keepdims=True), np.arange(side**2) - side**2 // 2
    width = np.divide(values.std(-1, keepdims=True), mean, out=np.zeros_like(mean), where=mean > 0)
    weights = np.exp(-(ranks**2) / np.maximum(2 * width**2, 1e-12))
    smooth: np.ndarray = (values * weights).sum(-1) / weights.sum(-1)
    return smooth


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [TAM]
