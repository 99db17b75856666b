"""Monte Carlo arithmetic (Parker 1997): a network that rounds at random, to learn how much of a result is rounding.

A number format keeps so many digits of each result, and drops the rest: an error of up to half a step, which is the
same at each repetition, so that computing once more shows nothing of it. Here what each module of the network gives is
moved by chance within half a step either way. What then changes is what the format cannot hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def rounded_otherwise(model: Any, seed: int) -> Iterator[None]:
    """While the block runs, every module of a torch network that has no modules in it rounds at random."""
    import torch

    generators: dict[Any, torch.Generator] = {}

    def perturb(module: Any, inputs: Any, output: Any) -> Any:
        if not torch.is_tensor(output) or not output.is_floating_point():
            return output
        if output.device not in generators:
            generators[output.device] = torch.Generator(output.device).manual_seed(seed)
        wide = torch.float64 if output.dtype in (torch.float32, torch.float64) else torch.float32
        part = torch.rand(output.shape, generator=generators[output.device], device=output.device, dtype=wide) - 0.5
        return (output.to(wide) * (1 + torch.finfo(output.dtype).eps * part)).to(output.dtype)

    hooks = [module.register_forward_hook(perturb) for module in model.modules() if not list(module.children())]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
