"""The parts of a network, from its output down, and shuffling the weights of one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch


def parts_of(model: Any) -> dict[str, list[torch.Tensor]]:
    """The weights by part, the output's first.

    Each layer of a stack (a ``ModuleList``) is a part, and what lies between two stacks is one. They are in the reverse
    of the order in which the modules were set up, which in the vision-language models of transformers is that of the
    data: vision embedding, vision layers, projector and text embedding, decoder layers, final norm and head. A weight
    that two modules share belongs to the lower one.
    """
    stacks = tuple(f"{name}." for name, module in model.named_modules() if type(module).__name__ == "ModuleList")
    groups = [(layer, list(some)) for layer, some in groupby(_named(model), lambda named: _layer(named[0], stacks))]
    return {layer or _between([name for name, _ in some]): [w for _, w in some] for layer, some in reversed(groups)}


def shuffle(weights: list[torch.Tensor], seed: int) -> None:
    """Shuffle the entries of each tensor in place: the same numbers, and nothing that was learnt."""
    import torch

    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for tensor in weights:
            flat = tensor.reshape(-1)
            order = torch.from_numpy(rng.permutation(len(flat))).to(tensor.device)
            tensor.copy_(flat[order].reshape(tensor.shape))


def _named(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Every weight once, under its first name."""
    yield from model.named_parameters()


def _layer(name: str, stacks: tuple[str, ...]) -> str:
    """The layer of the outermost stack that a weight is in; empty where it is in none."""
    for stack in sorted(stacks, key=len):
        if name.startswith(stack):
            return stack + name.removeprefix(stack).partition(".")[0]
    return ""


def _between(names: list[str]) -> str:
    """What to call weights that are in no stack: by their modules."""
    modules = list(dict.fromkeys(name.rpartition(".")[0] for name in names))
    return modules[0] if len(modules) == 1 else f"{modules[0]} to {modules[-1]}"
