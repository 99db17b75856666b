"""AttnLRP (Achtibat et al. 2024, arXiv 2402.05602) through a language model, as rules for its backward pass.

Under these rules a layer's input times its gradient is its relevance, so that one backward pass does it all:

- a norm, whose variance counts as a constant, and an activation function pass on relevance as it is (the identity
  rule): the slope of each becomes output / input;
- of a product each factor gets half (the uniform rule): the gated one of the MLP, attention times value, and query
  times key, which lies behind it. So the gated product's gradient is halved, the value's too, query's and key's are
  quartered;
- all else, linear layers, sums and the softmax, keeps its gradient (the epsilon rule, and Taylor's at the softmax).

The forward pass computes what it always does, to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

from plugins.models.attention import attending

NAME = "harness_attnlrp_sdpa"


@contextmanager
def attnlrp_rules(model: Any) -> Iterator[None]:
    """While the block runs, gradients through ``model``'s language model follow the rules."""
    scaled, identity = _rules()
    language = model.model.language_model
    same = [layer.mlp.act_fn for layer in language.layers]
    same += [module for module in language.modules() if type(module).__name__.endswith("RMSNorm")]
    with ExitStack() as stack:
        for module in same:
            hook = module.register_forward_hook(lambda module, args, output: identity.apply(args[0], output))
            stack.callback(hook.remove)
        for layer in language.layers:
            hook = layer.mlp.down_proj.register_forward_pre_hook(lambda module, args: (scaled.apply(args[0], 1 / 2),))
            stack.callback(hook.remove)
        stack.enter_context(attending(model, NAME, _attnlrp_sdpa))
        yield


def _attnlrp_sdpa(module: Any, query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
    """transformers' SDPA attention, with the uniform rule for its two products."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    scaled = _rules()[0]
    parts = scaled.apply(query, 1 / 4), scaled.apply(key, 1 / 4), scaled.apply(value, 1 / 2)
    return ALL_ATTENTION_FUNCTIONS["sdpa"](module, *parts, *args, **kwargs)


@cache
def _rules() -> tuple[Any, Any]:
    """The rules as torch has them; made at the first use, since listing plugins must not import torch."""
    import torch

    class Scaled(torch.autograd.Function):
        """The same values; the gradient times a factor."""

        @staticmethod
        def forward(ctx: Any, values: torch.Tensor, factor: float) -> torch.Tensor:
            ctx.factor = factor
            return values.view_as(values)

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:  # type: ignore[override]
            return gradient * ctx.factor, None

    class Identity(torch.autograd.Function):
        """The same output; its gradient reaches the input times output / input, 0 / 0 counts as 0."""

        @staticmethod
        def forward(ctx: Any, values: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(torch.where(values == 0, 0, output / values))
            return output.view_as(output)

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:  # type: ignore[override]
            return gradient * ctx.saved_tensors[0], None

    return Scaled, Identity
