"""Grad-CAM and Grad-CAM++ against the package ``grad-cam``: its weights, and its whole maps of a small network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAM as TheirGradCAM
from pytorch_grad_cam import GradCAMPlusPlus as TheirGradCAMPlusPlus
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

from harness.contracts.model import Capture, Trace
from harness.testing.region import SIDE, RegionModel, make_case
from plugins.attributors.gradcam import GradCAM, GradCAMPlusPlus

PAIRS = [(GradCAM, TheirGradCAM), (GradCAMPlusPlus, TheirGradCAMPlusPlus)]
ROWS, COLUMNS, CHANNELS = 7, 14, 6


def network() -> nn.Sequential:
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Conv2d(3, CHANNELS, (32, 16), (32, 16)), nn.Sigmoid(),
        nn.Conv2d(CHANNELS, 8, 3, padding=1), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2),
    ).double().eval()  # fmt: skip
    made[-1].weight.data *= 1e4  # so that the 1e-6 that the package adds to its denominators does not count
    return made


class Network(RegionModel):
    """A model whose image tokens are the small network's activations, with the gradient of its second output."""

    def __init__(self) -> None:
        super().__init__(rows=ROWS, columns=COLUMNS)
        self.network = network()

    def trace(self, image: np.ndarray, question: str, answer: str, captures: frozenset[Capture]) -> Trace:
        seen = self.network[:2](pixels(image))
        (gradient,) = torch.autograd.grad(self.network[2:](seen)[0, 1], seen)
        tokens, slopes = (values[0].flatten(1).T.detach().numpy() for values in (seen, gradient))
        return Trace(np.zeros(1), hidden=tokens, hidden_gradient=slopes)


def pixels(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image / 255.0).permute(2, 0, 1)[None]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_weights_equal_the_packages(ours: type[GradCAM], theirs: Any) -> None:
    rng = np.random.default_rng(0)
    hidden, gradient = rng.normal(size=(CHANNELS, ROWS, COLUMNS)), rng.normal(size=(CHANNELS, ROWS, COLUMNS))
    cam = theirs(nn.Sequential(nn.Conv2d(3, 3, 1)), [])
    expected = cam.get_cam_weights(None, None, None, hidden[None], gradient[None])[0]
    found = ours.weights(hidden.reshape(CHANNELS, -1).T, gradient.reshape(CHANNELS, -1).T)
    np.testing.assert_allclose(found, expected, rtol=2e-3)  # theirs adds 1e-6 to each denominator


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_maps_equal_the_packages(ours: type[GradCAM], theirs: Any) -> None:
    image = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    model = Network()
    found = ours().attribute(make_case(model, image)).saliency
    assert found is not None and np.ptp(found) > 0
    with theirs(model.network, [model.network[1]]) as cam:
        expected = cam(pixels(image), [ClassifierOutputTarget(1)])[0]
    # They scale it to 0..1, in float32, before they enlarge it and after.
    np.testing.assert_allclose((found - found.min()) / np.ptp(found), expected, atol=1e-4)


def test_equation_19_by_hand() -> None:
    """Three positions, two channels, by hand: only the activation is summed, each gradient cubed is the position's own.

    Channel 1: the activations sum to 4, and 0.5 / (2 + 4 * 0.5) + 0.1 / (2 + 4 * 0.1) = 0.125 + 0.041667.
    """
    hidden = np.array([[1.0, 2], [3, 1], [0, 1]])
    gradient = np.array([[0.5, -0.2], [0.1, 0.4], [-0.3, 0.2]])
    np.testing.assert_allclose(GradCAMPlusPlus.weights(hidden, gradient), [0.16667, 0.18254], atol=5e-6)


def test_tiny_gradients_and_none() -> None:
    rng = np.random.default_rng(0)
    hidden, gradient = rng.normal(size=(32, 5)), rng.normal(size=(32, 5))
    assert not GradCAMPlusPlus.weights(hidden, 0 * gradient).any()
    # Where gradients are tiny, each alpha is a half, however tiny they are.
    for scale in (1e-9, 1e-30, 1e-120):
        found = GradCAMPlusPlus.weights(hidden, scale * gradient)
        np.testing.assert_allclose(found, scale * np.maximum(gradient, 0).sum(0) / 2, rtol=1e-6)
