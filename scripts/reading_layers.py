"""At which layer do the embedded models read the image? How far the answer falls when a layer finds no image there.

``python -m scripts.reading_layers`` replaces the hidden states of all image tokens by their mean where one decoder
layer reads them, and prints by how much the answer's log-probability falls, mean over answers. A method that looks at
a layer where nothing falls has nothing to see.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from scripts.evaluate_phantom_models import MODELS
from scripts.recorded import recorded


def falls(name: str, limit: int) -> list[float]:
    """The mean fall in log-probability for each decoder layer, the first one first."""
    cls, answers = recorded(name, limit)
    model: Any = cls()
    model.load()
    layers = model.model.model.language_model.layers
    found = np.zeros((len(answers), len(layers)))
    for row, (frame, _, asked, answer, _) in zip(found, answers, strict=True):
        columns = (model._prompt(frame, asked).ids == model.image_token).nonzero()[:, 0]

        def flatten(
            module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], columns: Any = columns
        ) -> tuple[tuple[Any, ...], dict[str, Any]]:
            hidden = (args[0] if args else kwargs["hidden_states"]).clone()
            hidden[:, columns] = hidden[:, columns].mean(1, keepdim=True)
            return ((hidden, *args[1:]), kwargs) if args else (args, kwargs | {"hidden_states": hidden})

        whole = model.score([frame], asked, answer).sum()
        for k, layer in enumerate(layers):
            hook = layer.register_forward_pre_hook(flatten, with_kwargs=True)
            row[k] = whole - model.score([frame], asked, answer).sum()
            hook.remove()
    return [float(value) for value in found.mean(0)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit", type=int, default=24, help="answers of each model")
    args = parser.parse_args()
    for name in MODELS:
        print(name, *(f"layer {k}: {fall:.3f}" for k, fall in enumerate(falls(name, args.limit), 1)), sep="  ")


if __name__ == "__main__":
    main()
