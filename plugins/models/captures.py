"""What a pass through a transformers language model leaves behind for the attribution methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.contracts.model import BACKWARD, Capture, Trace
from plugins.models.attention import AttentionCall, Observer, Rollout, observing

if TYPE_CHECKING:
    import torch


def capture(
    model: Any,
    logprobs: Callable[[], torch.Tensor],
    start: int,
    stop: int,
    columns: torch.Tensor,
    captures: frozenset[Capture],
) -> Trace:
    """Run ``logprobs``, a pass of ``model`` over one sequence that gives the answer's T log-probabilities.

    The answer's rows are the positions start..stop, the image tokens lie at ``columns``. Where a capture needs a
    gradient, the graph begins at the last layer's input: all that lies below runs without one.
    """
    import torch

    last = _LastLayer(model)
    rollout = Rollout()
    observers: list[Observer] = [last]
    if "rollout" in captures:
        observers.append(rollout)
    backward = bool(captures & BACKWARD)
    with torch.set_grad_enabled(backward), observing(model, observers), last.watched(backward):
        said = logprobs()
    found: dict[str, torch.Tensor] = {}
    call = last.call
    if "rollout" in captures:
        assert rollout.matrix is not None
        found["rollout"] = rollout.matrix[start:stop]
    if "attention" in captures:
        found["attention"] = call.head_mean(start, stop)[0]
    if backward:
        of_hidden, of_output = torch.autograd.grad(said.sum(), [last.hidden, call.output])
        if "hidden" in captures:
            found |= {"hidden": last.hidden[0].T, "hidden_gradient": of_hidden[0].T}
        if "weighted_attention" in captures:
            weights = call.gradient(of_output, start, stop).relu() * call.probabilities(start, stop)
            found["weighted_attention"] = weights[0].mean(0)
    arrays = {name: value.detach().double().cpu()[:, columns].numpy() for name, value in found.items()}
    for name in ("hidden", "hidden_gradient"):
        if name in arrays:
            arrays[name] = arrays[name].T
    return Trace(said.detach().cpu().numpy(), **arrays)


class _LastLayer:
    """The last decoder layer's input and attention call. As an observer it keeps the last call it is shown."""

    call: AttentionCall
    hidden: torch.Tensor

    def __init__(self, model: Any) -> None:
        self.layer = model.model.language_model.layers[-1]

    def __call__(self, call: AttentionCall) -> None:
        self.call = call

    def watched(self, graph: bool) -> Any:
        """While the block runs the layer's input is kept, as the graph's only leaf where there is one."""

        def enter(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if args:
                self.hidden = args[0].detach().requires_grad_(graph)
                return (self.hidden, *args[1:]), kwargs
            self.hidden = kwargs["hidden_states"].detach().requires_grad_(graph)
            return args, kwargs | {"hidden_states": self.hidden}

        return self.layer.register_forward_pre_hook(enter, with_kwargs=True)


def into_frame(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Values of a model's input pixels [B, 3, h, w] gathered into a frame's [B, height, width, 3]; sums are kept.

    Each input pixel's value goes to the frame pixel that holds its centre.
    """
    h, w = values.shape[2:]
    rows = ((np.arange(h) + 0.5) * height / h).astype(int)
    columns = ((np.arange(w) + 0.5) * width / w).astype(int)
    frame = np.zeros((len(values), 3, height, width))
    where = np.ravel_multi_index((rows[:, None], columns[None, :]), (height, width)).ravel()
    for image, told in zip(frame.reshape(-1, height * width), values.reshape(-1, h * w), strict=True):
        image += np.bincount(where, told, height * width)
    return frame.transpose(0, 2, 3, 1)
