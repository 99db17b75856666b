"""Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391) and Grad-CAM++ (Chattopadhyay et al. 2018, arXiv 1710.11063).

The activations are the decoder's hidden states at the image tokens, where a layer reads them: by default the last one,
as in the benchmark's paper, where little is left to see. What the last layer writes at the image tokens no answer
depends on (its gradient is exactly zero), and what it reads there is what it may still fetch: in the embedded models
next to nothing, since they read the image in their first layers (``scripts.reading_layers``). At ``layer=1``, which is
``layer=embedding``, all that the answer owes to the image has yet to pass the activations, but they are not yet mixed
with one another or with the question. ``layer=-1`` counts from the end, so that one setting fits models of any depth.
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
from plugins.attributors.layers import AtLayer, HiddenLayer


class GradCAM(AtLayer):
    """Hidden channels weighted by their mean gradient, summed, and cut at zero."""

    name: ClassVar[str] = "gradcam"
    aliases: ClassVar[tuple[str, ...]] = ("grad-cam",)
    kind: ClassVar[Kind] = "hidden"
    captures: ClassVar[frozenset[Capture]] = frozenset({"hidden"})
    Options: ClassVar[type[NoOptions]] = HiddenLayer

    def attribute(self, case: Case) -> Attribution:
        """Each image token gets ReLU(sum over channels of weight x activation)."""
        hidden, gradient = case.captured("hidden", self.layer), case.captured("hidden_gradient", self.layer)
        return Attribution(saliency=case.spread(np.maximum(hidden @ self.weights(hidden, gradient), 0)))

    @staticmethod
    def weights(hidden: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """One weight a channel, float [D], from activations and gradients [N, D]: equation 1 of the paper."""
        weights: np.ndarray = gradient.mean(0)
        return weights


class GradCAMPlusPlus(GradCAM):
    """Grad-CAM whose positive gradients weigh by how much each place alone explains the score."""

    name: ClassVar[str] = "gradcam++"
    aliases: ClassVar[tuple[str, ...]] = ("grad-cam++", "gradcam-plus-plus")

    @staticmethod
    def weights(hidden: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Equations 5 and 19 of the paper, which hold for the exponential of the score; 0 / 0 counts as 0."""
        # g^2 / (2 g^2 + sum(A) g^3) without g^2 on both sides, which would vanish where g is small.
        below = 2 + hidden.sum(0) * gradient
        share = np.divide(1, below, out=np.zeros_like(below), where=(gradient != 0) & (below != 0))
        weights: np.ndarray = (share * np.maximum(gradient, 0)).sum(0)
        return weights


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [GradCAM, GradCAMPlusPlus]
