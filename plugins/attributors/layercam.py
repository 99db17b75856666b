"""LayerCAM (Jiang et al. 2021, IEEE Transactions on Image Processing 30): each place weighs its own channels.

Grad-CAM weights a channel by its mean gradient over all places, which suits late layers whose channels mean the same
everywhere. LayerCAM weights each activation by its own positive gradient, and was made to be read at early layers too.
Here that is the image embeddings by default, which the first layer reads: what the answer owes to the image has yet to
pass them, whichever layer reads it. At a later layer only what is read there or above is left: in the embedded models,
which read the image in their first layers (``scripts.reading_layers``), next to nothing at the last one.
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


class LayerCAM(AtLayer):
    """Hidden channels weighted by their own positive gradients, summed, and cut at zero: 1 pass forward, 1 back."""

    name: ClassVar[str] = "layercam"
    aliases: ClassVar[tuple[str, ...]] = ("layer-cam",)
    kind: ClassVar[Kind] = "hidden"
    captures: ClassVar[frozenset[Capture]] = frozenset({"hidden@embedding"})
    Options: ClassVar[type[NoOptions]] = EmbeddingLayer

    def attribute(self, case: Case) -> Attribution:
        """Each image token gets ReLU(sum over channels of ReLU(gradient) x activation)."""
        hidden, gradient = case.captured("hidden", self.layer), case.captured("hidden_gradient", self.layer)
        return Attribution(saliency=case.spread(self.map(hidden, gradient)))

    @staticmethod
    def map(hidden: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """One value a token, float [N], from activations and gradients [N, D]: equations 5 to 7 of the paper."""
        return np.maximum((np.maximum(gradient, 0) * hidden).sum(1), 0)


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [LayerCAM]
