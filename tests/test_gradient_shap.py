"""GradientSHAP against Captum's: the same maps from the same draws, and less noise from as many passes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import GradientShap
from small_models import ANSWER, QUESTION, frames, prepared
from test_captures import inputs_of, summed

from harness.contracts.case import Case
from harness.imaging.frame import Box
from harness.testing.region import SIDE, RegionModel, make_case
from plugins.attributors.baselines import baseline
from plugins.attributors.gradient_shap import KINDS, GradientSHAP

TOKEN = Box(112, 56, 140, 112)  # one image token's rectangle, and the answer's only cause


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(40, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def test_equals_captum_s_with_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    small, image, method = (
        prepared("gemma3", sliding_window=128),
        frames(1)[0],
        GradientSHAP(GradientSHAP.Options(samples=2)),
    )
    case = Case(small.plugin, image, QUESTION, ANSWER, Box(0, 0, image.shape[1], image.shape[0]), seed=3)
    starts = [baseline(case, kind) for kind in KINDS]
    points = np.array(method.points(case.seed))
    inputs, start = inputs_of(small, image, ANSWER)
    pixels = [inputs_of(small, begin, ANSWER)[0]["pixel_values"] for begin in starts]
    others = {name: value for name, value in inputs.items() if name != "pixel_values"}

    def score(images: torch.Tensor) -> torch.Tensor:
        return torch.stack([summed(small, others | {"pixel_values": one[None]}, start)[0] for one in images])

    monkeypatch.setattr("numpy.random.choice", lambda count, size: np.repeat(np.arange(count), 2)[:size])
    monkeypatch.setattr("numpy.random.uniform", lambda low, high, size: points.ravel()[:size])
    found = GradientShap(score).attribute(inputs["pixel_values"], torch.cat(pixels), n_samples=6, stdevs=0.0)
    expected = found[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(method.signed(case, starts), expected, atol=1e-3 * np.abs(expected).max())
    np.testing.assert_allclose(
        method.attribute(case).saliency, np.abs(expected).sum(-1), atol=3e-3 * np.abs(expected).max()
    )


def test_it_sums_to_what_the_image_adds_to_the_mean_beginning_with_less_noise_than_captum_s() -> None:
    image, answer, model = noise(), "yes it is", RegionModel(TOKEN)
    starts = [baseline(make_case(model, image, answer), kind) for kind in KINDS]
    ends = model.score([image, *starts], "", answer).sum(1)
    exact, weights = ends[0] - ends[1:].mean(), torch.linspace(0, 1, 4)[1:]

    def score(images: torch.Tensor) -> torch.Tensor:  # the toy's formula, for autograd
        bright = images[:, 56:112, 112:140].mean((1, 2, 3)) / 255
        return torch.log(0.05 + 0.9 * bright[:, None] * weights).sum(1)

    given, begun = torch.from_numpy(image)[None].float(), torch.from_numpy(np.stack(starts)).float()
    ours, theirs = [], []
    for seed in range(20):
        case = make_case(model, image, answer)
        case.seed = seed
        said = GradientSHAP().attribute(case)
        assert said.completeness is not None and (case.cost.forward, case.cost.backward) == (28, 24)
        ours.append(said.completeness)
        np.random.seed(seed)  # noqa: NPY002  # Captum draws from it
        torch.manual_seed(seed)
        theirs.append(abs(float(GradientShap(score).attribute(given, begun, n_samples=24).sum()) - exact))
    assert np.mean(ours) < np.mean(theirs) / 3  # 0.10 against 0.39 nats
    many = GradientSHAP(GradientSHAP.Options(samples=400)).attribute(make_case(model, image, answer))
    assert many.completeness is not None and many.completeness < 1e-3 * exact
    heat = many.saliency
    assert heat is not None and heat[56:112, 112:140].any()
    heat[56:112, 112:140] = 0
    assert not heat.any()
