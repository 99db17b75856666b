"""Captures and path gradients of the real model classes against autograd through transformers' eager attention."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
import torch
from PIL import Image
from small_models import ANSWER, FAMILIES, QUESTION, Case, frames, prepared, turn

from harness.contracts.attributor import Case as Explained
from harness.contracts.model import Capture
from harness.imaging.frame import Box
from plugins.attributors.integrated_gradients import IntegratedGradients
from plugins.models.captures import into_frame

ALL = frozenset[Capture]({"attention", "rollout", "weighted_attention", "hidden"})


@pytest.fixture(params=sorted(FAMILIES))
def case(request: pytest.FixtureRequest) -> Case:
    # In Gemma's last layer a sliding window of 8 tokens would hide the image from the answer.
    return prepared(request.param, **({"sliding_window": 128} if request.param == "gemma3" else {}))


def inputs_of(case: Case, image: np.ndarray, answer: str) -> tuple[Any, int]:
    """The processor's own inputs for prompt and answer, and the prompt's length."""
    text = case.processor.apply_chat_template(turn(image), add_generation_prompt=True)
    encode = {"images": [[Image.fromarray(image)]], "return_tensors": "pt", "add_special_tokens": False}
    prompt = case.processor(text=[text], **encode)["input_ids"]
    return case.processor(text=[text + answer], **encode), prompt.shape[1]


def summed(case: Case, inputs: Any, start: int, **options: Any) -> tuple[torch.Tensor, Any]:
    """The answer's log-probabilities of one sequence, by the eager model, and the whole output."""
    output = case.eager(**inputs, **options)
    ids = inputs["input_ids"][0]
    logprobs = output.logits[0, start - 1 : -1].log_softmax(-1)
    return logprobs.gather(1, ids[start:, None]).sum(), output


def test_captures_equal_autograd_through_eager_attention(case: Case) -> None:
    image = frames(1)[0]
    trace = case.plugin.trace(image, QUESTION, ANSWER, ALL)
    inputs, start = inputs_of(case, image, ANSWER)
    total, output = summed(case, inputs, start, output_attentions=True, output_hidden_states=True)
    attention, hidden = output.attentions[-1], output.hidden_states[-2]
    by_attention, by_hidden = torch.autograd.grad(total, [attention, hidden])
    columns = inputs["input_ids"][0] == case.plugin.image_token
    rows = slice(start - 1, -1)

    def at_image(values: torch.Tensor) -> np.ndarray:
        found: np.ndarray = values[rows][:, columns].detach().numpy()
        return found

    expected = {
        "attention": at_image(attention[0].mean(0)),
        "weighted_attention": at_image((by_attention.relu() * attention)[0].mean(0)),
        "hidden": hidden[0, columns].detach().numpy(),
        "hidden_gradient": by_hidden[0, columns].numpy(),
    }
    for name, values in expected.items():
        found = getattr(trace, name)
        assert found.dtype == np.float64 and np.ptp(values) > 0
        np.testing.assert_allclose(found, values, rtol=1e-3, atol=1e-4 * np.abs(values).max(), err_msg=name)
    assert trace.rollout is not None
    np.testing.assert_allclose(trace.logprobs.sum(), total.item(), rtol=1e-5)


def test_a_capture_is_the_same_alone_and_merged(case: Case) -> None:
    image = frames(1)[0]
    merged = case.plugin.trace(image, QUESTION, ANSWER, ALL)
    for name in ALL:
        alone = case.plugin.trace(image, QUESTION, ANSWER, frozenset({name}))
        np.testing.assert_allclose(getattr(alone, name), getattr(merged, name), rtol=1e-5, atol=1e-7)
        others = ALL - {name}
        assert all(getattr(alone, other) is None for other in others)


def test_the_last_layer_s_own_output_at_the_image_moves_no_answer(case: Case) -> None:
    """Why Grad-CAM's activations are the last layer's input."""
    inputs, start = inputs_of(case, frames(1)[0], ANSWER)
    kept: list[torch.Tensor] = []
    layer = case.eager.model.language_model.layers[-1]

    def keep(module: Any, args: Any, output: Any) -> None:
        kept.append(output[0] if isinstance(output, tuple) else output)

    with layer.register_forward_hook(keep):
        total, _ = summed(case, inputs, start)
    (gradient,) = torch.autograd.grad(total, kept)
    columns = inputs["input_ids"][0] == case.plugin.image_token
    assert gradient[0, start:-1].abs().max() > 0
    assert not gradient[0, columns].any()


def explained(case: Case, image: np.ndarray) -> Explained:
    return Explained(case.plugin, image, QUESTION, ANSWER, Box(0, 0, image.shape[1], image.shape[0]))


def test_integrated_gradients_are_complete(case: Case) -> None:
    """At 256 steps they sum to the difference that the image makes, within 1%."""
    image = frames(1)[0]
    this = explained(case, image)
    ends = case.plugin.score([image, np.zeros_like(image)], QUESTION, ANSWER).sum(1)
    signed = IntegratedGradients(IntegratedGradients.Options(steps=256)).signed(this)
    assert abs(ends[0] - ends[1]) > 0.05
    assert signed.sum() == pytest.approx(ends[0] - ends[1], rel=0.01)
    assert this.cost.forward == this.cost.backward == 256


@pytest.mark.parametrize("kind", ["black", "zero"])
def test_integrated_gradients_equal_captum(case: Case, kind: Literal["black", "zero"]) -> None:
    captum = pytest.importorskip("captum.attr")
    image = frames(1)[0]
    inputs, start = inputs_of(case, image, ANSWER)
    black = inputs_of(case, np.zeros_like(image), ANSWER)[0]["pixel_values"]
    start_of_line = black if kind == "black" else torch.zeros_like(black)
    others = {name: value for name, value in inputs.items() if name != "pixel_values"}

    def score(pixels: torch.Tensor) -> torch.Tensor:
        return summed(case, others | {"pixel_values": pixels[0]}, start)[0][None]

    found = captum.IntegratedGradients(score).attribute(
        inputs["pixel_values"][None], start_of_line[None], n_steps=24, method="riemann_middle", internal_batch_size=1
    )[0]
    method = IntegratedGradients(IntegratedGradients.Options(baseline=kind))
    signed = method.signed(explained(case, image))
    if case.family == "gemma3":  # an image's pixels in their own order
        expected = found[0].permute(1, 2, 0).numpy()
    else:  # patches in the order (rows / 2, columns / 2, 2, 2), each 3 x 2 x 14 x 14
        expected = np.zeros((112, 112, 3))
        places = [(2 * i + k, 2 * j + m) for i in range(4) for j in range(4) for k in range(2) for m in range(2)]
        for patch, (row, column) in zip(found, places, strict=True):
            block = patch.reshape(3, 2, 14, 14).sum(1).permute(1, 2, 0)
            expected[14 * row : 14 * row + 14, 14 * column : 14 * column + 14] = block
    np.testing.assert_allclose(signed, expected, atol=1e-3 * np.abs(expected).max())


def test_path_gradients_in_batches_equal_one_by_one(case: Case) -> None:
    image, start = frames(2)
    together = case.plugin.path_gradients(image, start, [0.1, 0.5, 0.9], QUESTION, ANSWER)
    for k, fraction in enumerate([0.1, 0.5, 0.9]):
        (alone,) = case.plugin.path_gradients(image, start, [fraction], QUESTION, ANSWER)
        np.testing.assert_allclose(together[k], alone, atol=1e-4 * np.abs(alone).max())


@pytest.mark.parametrize("height, width", [(112, 168), (140, 84)])
def test_path_gradients_of_frames_that_are_not_square(case: Case, height: int, width: int) -> None:
    image = frames(1, height, width)[0]
    found = case.plugin.path_gradients(image, np.zeros_like(image), [0.5], QUESTION, ANSWER)
    assert found.shape == (1, height, width, 3) and found.any()


@pytest.mark.parametrize("height, width", [(6, 6), (3, 2), (12, 10), (5, 7)])
def test_into_frame_keeps_sums_and_places(height: int, width: int) -> None:
    values = np.random.default_rng(0).random((2, 3, 6, 6))
    frame = into_frame(values, height, width)
    np.testing.assert_allclose(frame.sum((1, 2)), values.sum((2, 3)))
    slow = np.zeros_like(frame)
    for y in range(6):
        for x in range(6):
            slow[:, int((y + 0.5) * height / 6), int((x + 0.5) * width / 6)] += values[:, :, y, x]
    np.testing.assert_allclose(frame, slow)
