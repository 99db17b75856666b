"""Watching the attention of a transformers language model while SDPA still computes its output.

SDPA returns no attention, and asking a model for ``output_attentions`` switches it to the eager kernel and
keeps an S x S matrix for every head of every layer. Here the language model runs under an attention function
of our own in transformers' attention-interface registry: it hands each layer's queries, keys, values, mask and
output to the observers of the running block, which compute what they need and no more, and returns exactly what
SDPA returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

NAME = "harness_observed_sdpa"
_CHUNK = 2**24  # most attention probabilities held at once, 64 MB in float32


@dataclass(frozen=True)
class AttentionCall:
    """What one layer attended with: B sequences, H query heads, G key heads, Q queries, K keys.

    ``query``: [B, H, Q, width]; ``key``, ``value``: [B, G, K, width]; ``output``: [B, Q, H, width]; ``mask``: None,
    bool (True is seen) or additive float, broadcastable to [B, H, Q, K]; ``causal``: the mask is None and stands for
    the lower triangle.
    """

    layer: int
    query: torch.Tensor
    key: torch.Tensor
    mask: torch.Tensor | None
    scaling: float
    causal: bool
    value: torch.Tensor
    output: torch.Tensor

    def head_mean(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Attention of queries start..stop averaged over heads, float32 [B, stop - start, K]."""
        import torch

        stop = self.query.shape[2] if stop is None else stop
        return torch.cat([self.probabilities(*step).mean(1) for step in self.steps(start, stop)], 1)

    def probabilities(self, start: int, stop: int) -> torch.Tensor:
        """Attention of queries start..stop of every head, float32 [B, H, stop - start, K]."""
        import torch

        batch, heads, _, width = self.query.shape
        groups, keys = self.key.shape[1:3]
        key = self.key.float()[:, :, None].transpose(-1, -2)  # [B, G, 1, width, K], one for a group's heads
        query = self.query[:, :, start:stop].float().reshape(batch, groups, heads // groups, -1, width)
        scores = (query @ key).reshape(batch, heads, stop - start, keys) * self.scaling
        seen = self._mask_rows(start, stop)
        if seen is not None and seen.dtype == torch.bool:
            scores = scores.masked_fill(~seen, torch.finfo(scores.dtype).min)
        elif seen is not None:
            scores = scores + seen.float()
        return scores.softmax(-1)

    def gradient(self, of_output: torch.Tensor, start: int, stop: int) -> torch.Tensor:
        """The gradient with respect to the attention of queries start..stop, float32 [B, H, stop - start, K].

        ``of_output``: the gradient with respect to ``output``. The output is attention times value, so that the
        attention's gradient follows from the output's and no attention matrix is needed in the graph.
        """
        batch, heads, _, width = self.query.shape
        groups, keys = self.key.shape[1:3]
        value = self.value.float()[:, :, None].transpose(-1, -2)  # [B, G, 1, width, K]
        rows = of_output[:, start:stop].transpose(1, 2).float().reshape(batch, groups, heads // groups, -1, width)
        return (rows @ value).reshape(batch, heads, stop - start, keys)

    def weighted(self, of_output: torch.Tensor, start: int, stop: int) -> torch.Tensor:
        """Attention of queries start..stop times its gradient's positive part, mean over heads, [B, stop - start, K].

        ``of_output``: as :meth:`gradient` takes it.
        """
        return (self.gradient(of_output, start, stop).relu() * self.probabilities(start, stop)).mean(1)

    def steps(self, start: int, stop: int, held: int = 1) -> list[tuple[int, int]]:
        """The queries start..stop in parts whose attention, of all heads, may be held ``held`` times at once."""
        batch, heads = self.query.shape[:2]
        rows = max(1, _CHUNK // (held * batch * heads * self.key.shape[2]))
        return [(first, min(first + rows, stop)) for first in range(start, stop, rows)]

    def _mask_rows(self, first: int, last: int) -> torch.Tensor | None:
        """The mask of queries first..last, written out where it is implied."""
        import torch

        if self.mask is not None:
            return self.mask[..., first:last, : self.key.shape[2]]
        if not self.causal:
            return None
        rows = torch.arange(first, last, device=self.query.device)
        return torch.arange(self.key.shape[2], device=self.query.device) <= rows[:, None]


Observer = Callable[[AttentionCall], None]
_OBSERVERS: ContextVar[tuple[Observer, ...]] = ContextVar("harness_attention_observers", default=())


class Rollout:
    """Attention rollout of one sequence (Abnar and Zuidema 2020): the product of the layers' mixing matrices.

    Each layer's matrix is the mean over heads plus the identity, rows normalised to one; the product is
    formed while the layers run, so that a few S x S matrices are held and never one a layer. ``matrix``:
    float32 [S, S], how much of each input position (column) is in each output position (row).
    """

    def __init__(self) -> None:
        self.matrix: torch.Tensor | None = None

    def __call__(self, call: AttentionCall) -> None:
        """Take in the next layer up; the batch must be of one sequence."""
        import torch

        with torch.no_grad():
            mixing = call.head_mean()[0]
            mixing.diagonal().add_(1.0)
            mixing /= mixing.sum(-1, keepdim=True)
            self.matrix = mixing if self.matrix is None else mixing @ self.matrix.to(mixing.device)


@contextmanager
def observing(model: Any, observers: Sequence[Observer]) -> Iterator[None]:
    """While the block runs, every layer of ``model``'s language model shows its attention to ``observers``.

    The vision tower is left alone. The model gets its own attention function back, whatever the block raises.
    """
    token = _OBSERVERS.set(tuple(observers))
    try:
        with attending(model, NAME, _observed_sdpa):
            yield
    finally:
        _OBSERVERS.reset(token)


@contextmanager
def attending(model: Any, name: str, function: Callable[..., Any]) -> Iterator[None]:
    """While the block runs, ``model``'s language model attends by a function that transformers knows by ``name``.

    It gets SDPA's masks; the vision tower is left alone.
    """
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    if name not in ALL_ATTENTION_FUNCTIONS:
        ALL_MASK_ATTENTION_FUNCTIONS.register(name, ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])
        ALL_ATTENTION_FUNCTIONS.register(name, function)
    before = model.config.get_text_config()._attn_implementation
    try:
        model.set_attn_implementation({"text_config": name})
        yield
    finally:
        model.set_attn_implementation({"text_config": before})


def _observed_sdpa(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *args: Any,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' SDPA attention; the call is shown to the observers."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    sdpa = ALL_ATTENTION_FUNCTIONS["sdpa"]
    result = sdpa(module, query, key, value, attention_mask, *args, scaling=scaling, **kwargs)
    observers = _OBSERVERS.get()
    if observers:
        is_causal = kwargs.get("is_causal")
        is_causal = module.is_causal if is_causal is None else is_causal
        call = AttentionCall(
            layer=module.layer_idx,
            query=query,
            key=key,
            mask=attention_mask,
            scaling=query.shape[-1] ** -0.5 if scaling is None else scaling,
            causal=bool(is_causal) and attention_mask is None and query.shape[2] > 1,
            value=value,
            output=result[0],
        )
        for observer in observers:
            observer(call)
    return result
