"""Norm of the gradient at the image embeddings (Simonyan et al. 2014, arXiv 1312.6034, one stage further in).

How much the answer's log-probability would move at most if an image token's embedding moved a little: a sensitivity,
without sign, and blind to what the embedding is. The gradient is taken where the image enters the language model, past
the vision encoder, so that each token's rectangle stands for its whole token. At a later layer it tells what is still
read of each position there: at the last one, in models that read the image early (``scripts.reading_layers``), next to
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capture, Kind
from harness.contracts.plugin import NoOptions
from harness.hookspecs import hookimpl
from plugins.attributors.layers import AtLayer, EmbeddingLayer


class GradientNorm(AtLayer):
    """Length of the answer's gradient at each image token's embedding: 1 pass forward, 1 back."""

    name: ClassVar[str] = "gradient-norm"
    kind: ClassVar[Kind] = "hidden"
    captures: ClassVar[frozenset[Capture]] = frozenset({"hidden@embedding"})
    Options: ClassVar[type[NoOptions]] = EmbeddingLayer

    def attribute(self, case: Case) -> Attribution:
        """Each image token gets the Euclidean norm of its gradient."""
        gradient = case.captured("hidden_gradient", self.layer)
        return Attribution(saliency=case.spread(np.linalg.norm(gradient, axis=1)))


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [GradientNorm]
