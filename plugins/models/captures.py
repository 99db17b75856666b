"""What a pass through a transformers language model leaves behind for the attribution methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np

from harness.contracts.model import Capture, Kind, Trace
from harness.errors import HarnessError
from plugins.models.attention import AttentionCall, Observer, Rollout, observing
from plugins.models.attention_relevance import AttentionRelevance
from plugins.models.attnlrp import attnlrp_rules

if TYPE_CHECKING:
    import torch


_KEPT = 8  # layers whose graph may be held


class Place(NamedTuple):
    """Where a capture looks: its kind, and the index of its layer (0 is the first), -1 where it spans all."""

    kind: str
    layer: int


def place_of(name: Capture, layers: int) -> Place:
    """Where a capture looks in a decoder of so many layers. Raises ``HarnessError`` where there is no such place."""
    kind, at, layer = name.partition("@")
    if kind not in get_args(Kind):
        raise HarnessError(f"the kinds of capture are {', '.join(get_args(Kind))}.")
    if kind not in ("attention", "weighted_attention", "hidden"):
        if at:
            raise HarnessError(f"{kind} spans all layers.")
        return Place(kind, -1)
    if layer == "embedding":
        if kind != "hidden":
            raise HarnessError("nothing attends yet at the image embeddings; the first layer is 1.")
        return Place(kind, 0)
    number = int(layer) if layer.removeprefix("-").isdecimal() else 0 if at else -1
    if not 1 <= abs(number) <= layers:
        raise HarnessError(f"its decoder has the layers 1 to {layers}, counted from its end -1 to -{layers}.")
    return Place(kind, number - 1 if number > 0 else layers + number)


def capture(
    model: Any,
    logprobs: Callable[[], torch.Tensor],
    start: int,
    stop: int,
    columns: torch.Tensor,
    captures: frozenset[Capture],
) -> Trace:
    """Run ``logprobs``, a pass of ``model`` over one sequence that gives the answer's T log-probabilities.

    The answer's rows are the positions start..stop, the image tokens lie at ``columns``. All captures come of one
    forward and one backward pass; only AttnLRP's relevance, whose way back follows other rules, has a pass of its own.
    """
    wanted = {name: place_of(name, len(decoder_layers(model))) for name in captures}
    arrays: dict[str, torch.Tensor] = {}
    said = None
    if by_rules := wanted.pop("hidden_relevance", None):
        said, arrays["hidden_relevance"] = _relevance(model, logprobs)
    if wanted or not by_rules:
        said, found = _captured(model, logprobs, start, stop, wanted)
        arrays |= found
    assert said is not None

    def at_image(name: str) -> np.ndarray:
        values = arrays.pop(name).detach().double().cpu()
        found: np.ndarray = (values[columns] if name.startswith("hidden") else values[:, columns]).numpy()
        return found

    return Trace(said.detach().cpu().numpy(), **{name: at_image(name) for name in sorted(arrays)})


def _captured(
    model: Any, logprobs: Callable[[], torch.Tensor], start: int, stop: int, wanted: dict[Capture, Place]
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The answer's log-probabilities, and the trace's arrays at all S positions: [T, S], of hidden states [S, D].

    Where a capture needs a gradient, the graph begins at the input of the lowest layer that one looks at: all that
    lies below runs without one.
    """
    import torch

    def layers_of(*kinds: str) -> set[int]:
        return {place.layer for place in wanted.values() if place.kind in kinds}

    layers = decoder_layers(model)
    rollout, relevance = Rollout(), AttentionRelevance(start, stop)
    calls = _Calls(layers_of("attention", "weighted_attention"))
    observers: list[Observer] = [calls]
    observers += [rollout] if "rollout" in wanted else []
    observers += [relevance] if "attention_relevance" in wanted else []
    differentiated = layers_of("hidden", "weighted_attention") | ({0} if "attention_relevance" in wanted else set())
    lowest = min(differentiated, default=len(layers))
    inputs = _Inputs(layers, layers_of("hidden"), lowest)
    graph = torch.set_grad_enabled(bool(differentiated))
    with graph, observing(model, observers), inputs, _recomputing(layers[lowest:]):
        said = logprobs()
    gradients: dict[Place, torch.Tensor] = {}
    if differentiated:
        by = {Place("hidden", layer): hidden for layer, hidden in inputs.kept.items()}
        by |= {Place("weighted_attention", k): calls.kept[k].output for k in layers_of("weighted_attention")}
        gradients = dict(zip(by, torch.autograd.grad(said.sum(), list(by.values())), strict=True))
    found: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        for name, place in wanted.items():
            if place.kind == "hidden":
                found[name] = inputs.kept[place.layer][0]
                found[name.replace("hidden", "hidden_gradient")] = gradients[place][0]
            elif place.kind == "attention":
                found[name] = calls.kept[place.layer].head_mean(start, stop)[0]
            elif place.kind == "weighted_attention":
                found[name] = calls.kept[place.layer].weighted(gradients[place], start, stop)[0]
            elif place.kind == "rollout":
                assert rollout.matrix is not None
                found[name] = rollout.matrix[start:stop]
            else:
                assert relevance.rows is not None
                found[name] = relevance.rows
    return said, found


def _relevance(model: Any, logprobs: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """The answer's log-probabilities, and AttnLRP's relevance of what the first layer reads at all positions, [S]."""
    import torch

    layers = decoder_layers(model)
    inputs = _Inputs(layers, set(), 0)
    with torch.enable_grad(), attnlrp_rules(model), inputs, _recomputing(layers):
        said = logprobs()
        (gradient,) = torch.autograd.grad(said.sum(), inputs.kept[0])
    return said, (inputs.kept[0].detach().double() * gradient.double())[0].sum(-1)


def decoder_layers(model: Any) -> Any:
    """The layers of the language model, the first one first."""
    return model.model.language_model.layers


class _Calls:
    """Keeps what some layers attended with. It is an observer."""

    def __init__(self, layers: set[int]) -> None:
        self.layers = layers
        self.kept: dict[int, AttentionCall] = {}

    def __call__(self, call: AttentionCall) -> None:
        if call.layer in self.layers:
            self.kept[call.layer] = call


class _Inputs:
    """While the block runs, what some layers of the decoder read is kept; the graph begins at what ``leaf`` reads.

    A leaf past the last layer is none: the pass has no graph.
    """

    def __init__(self, decoder: Any, layers: set[int], leaf: int) -> None:
        self.decoder, self.leaf = decoder, leaf
        self.layers = layers | {leaf} if leaf < len(decoder) else layers
        self.kept: dict[int, torch.Tensor] = {}

    def __enter__(self) -> None:
        self._hooks = [
            self.decoder[k].register_forward_pre_hook(partial(self._enter, k), with_kwargs=True) for k in self.layers
        ]

    def __exit__(self, *error: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _enter(self, layer: int, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        hidden = args[0] if args else kwargs["hidden_states"]
        if layer == self.leaf:
            hidden = hidden.detach().requires_grad_()
        self.kept[layer] = hidden
        return ((hidden, *args[1:]), kwargs) if args else (args, kwargs | {"hidden_states": hidden})


@contextmanager
def _recomputing(layers: Sequence[Any]) -> Iterator[None]:
    """While the block runs, these layers keep in the graph what they read alone, and compute the rest again on its way.

    A few layers' graph is small, and they keep all of it: it is faster.
    """
    from torch.utils.checkpoint import checkpoint

    own = [vars(layer).get("forward") for layer in layers]  # accelerate sets one
    if len(layers) > _KEPT:
        for layer in layers:
            layer.forward = partial(checkpoint, layer.forward, use_reentrant=False, preserve_rng_state=False)
    try:
        yield
    finally:
        for layer, forward in zip(layers, own, strict=True):
            vars(layer).pop("forward", None)
            if forward is not None:
                layer.forward = forward


def into_frame(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Values of a model's input pixels [B, 3, h, w] gathered into a frame's [B, height, width, 3]; sums are kept.

    Each input pixel's value goes to the frame pixel that holds its centre.
    """
    h, w = values.shape[2:]
    if (h, w) == (height, width):
        return values.transpose(0, 2, 3, 1)
    rows = ((np.arange(h) + 0.5) * height / h).astype(int)
    columns = ((np.arange(w) + 0.5) * width / w).astype(int)
    frame = np.zeros((len(values), 3, height, width))
    where = np.ravel_multi_index((rows[:, None], columns[None, :]), (height, width)).ravel()
    for image, told in zip(frame.reshape(-1, height * width), values.reshape(-1, h * w), strict=True):
        image += np.bincount(where, told, height * width)
    return frame.transpose(0, 2, 3, 1)
