"""Relevance through the attention of all layers (Chefer et al. 2021, arXiv 2103.15679), while gradients come down."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from plugins.models.attention import AttentionCall

if TYPE_CHECKING:
    import torch


class AttentionRelevance:
    """The answer's rows of R, where R is the identity and each layer, from below, adds (gradient x attention)+ R.

    The paper multiplies from the first layer up and keeps S x S matrices. The answer's rows of the product are the
    same from the last layer down, in the order in which the backward pass reaches the layers: row vectors times one
    layer's matrix, a few of whose rows are held at a time. It is an observer of a pass with a graph, of one sequence.

    ``rows``: float32 [T, S], once the backward pass is through.
    """

    def __init__(self, start: int, stop: int) -> None:
        self.start, self.stop = start, stop
        self.rows: torch.Tensor | None = None

    def __call__(self, call: AttentionCall) -> None:
        """Wait for the gradient of a layer's output."""
        import torch

        if self.rows is None:
            positions = torch.zeros((self.stop - self.start, call.query.shape[2]), device=call.query.device)
            positions[:, self.start : self.stop].fill_diagonal_(1)
            self.rows = positions
        # Detached, or the output's own hook would keep the output, and with it all of the graph, alive; and without the
        # output itself, whose gradient is all that is needed of it on the way down.
        parts = {name: getattr(call, name).detach() for name in ("query", "key", "value")}
        kept = replace(call, **parts, output=call.output.new_empty(0))
        call.output.register_hook(lambda gradient: self._descend(kept, gradient))

    def _descend(self, call: AttentionCall, of_output: torch.Tensor) -> None:
        """Hand the relevance of the positions above a layer on to those below it."""
        import torch

        assert self.rows is not None
        with torch.no_grad():
            rows = self.rows = self.rows.to(of_output.device)
            more = torch.zeros_like(rows)
            for first, last in call.steps(0, rows.shape[1], held=4):
                if rows[:, first:last].any():  # at the last layer only the answer's own rows
                    more += rows[:, first:last] @ call.weighted(of_output, first, last)[0]
            self.rows = rows + more
