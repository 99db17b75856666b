"""Answers, scores and grids against plain forwards with the same weights and eager attention."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_models import (
    ANSWER,
    FAMILIES,
    QUESTION,
    Case,
    build,
    build_taught,
    frames,
    load,
    oracle,
    prepared,
    turn,
)

from harness.imaging.frame import Box
from plugins.models.lvlm import TransformersModel


@pytest.fixture(params=sorted(FAMILIES))
def case(request: pytest.FixtureRequest) -> Case:
    return prepared(request.param)


def test_answer_is_what_the_model_was_taught(case: Case, tmp_path: Path, recwarn: Any) -> None:
    build_taught(case.family, tmp_path)
    model = load(case.family, tmp_path)
    image = frames(1)[0]
    assert model.answer(image, QUESTION) == ANSWER  # without template, end-of-turn text or further turns
    assert np.exp(model.score([image], QUESTION, ANSWER)).min() > 0.5
    assert not [str(w.message) for w in recwarn if "generation" in str(w.message)]


def test_an_answer_knows_whether_the_token_limit_cut_it_off(case: Case, tmp_path: Path) -> None:
    build_taught(case.family, tmp_path)
    whole = load(case.family, tmp_path)
    image = frames(1)[0]
    count = len(whole._answer_ids(ANSWER))
    assert not whole.answer(image, QUESTION).cut_off
    # One token more than the answer has is its end.
    for limit, cut_off in ((1, True), (count, True), (count + 1, False)):
        whole.options = whole.options.model_copy(update={"max_new_tokens": limit})
        said = whole.answer(image, QUESTION)
        assert said.cut_off is cut_off and ANSWER.startswith(said)


def test_answer_is_the_argmax_under_score(case: Case, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    """Greedy in spite of the checkpoint's sampling settings and repetition penalty."""
    image, plugin = frames(1)[0], case.plugin
    generated: list[torch.Tensor] = []
    generate = plugin.model.generate

    def spy(**inputs: Any) -> torch.Tensor:
        generated.append(generate(**inputs))
        return generated[-1]

    monkeypatch.setattr(plugin.model, "generate", spy)
    text = plugin.answer(image, QUESTION)
    prompt = plugin._prompt(image, QUESTION)
    ids = generated[0][0, len(prompt.ids) :].tolist()
    assert torch.equal(generated[0][0, : len(prompt.ids)], prompt.ids)
    assert text == plugin.tokenizer.decode(ids, skip_special_tokens=True).strip()
    with torch.no_grad():
        logits = plugin.model(**plugin._inputs([image], prompt, ids)).logits[0, len(prompt.ids) - 1 :]
    assert logits.argmax(-1).tolist() == ids
    assert not caplog.records


def test_score_equals_a_plain_forward(case: Case) -> None:
    images = frames(3)
    scores = case.plugin.score(images, QUESTION, ANSWER)
    tokens = case.processor.tokenizer(ANSWER, add_special_tokens=False)["input_ids"]
    assert scores.shape == (3, len(tokens)) and scores.dtype == np.float64
    for image, score in zip(images, scores, strict=True):
        output, ids, start = oracle(case, image, ANSWER)
        assert ids[start:].tolist() == tokens
        plain = output.logits[0].double().log_softmax(-1)
        expected = [plain[start + t - 1, token].item() for t, token in enumerate(tokens)]
        np.testing.assert_allclose(score, expected, atol=1e-4)
    assert np.abs(scores[0] - scores[1]).max() > 1e-2  # the model does look at the image


def test_score_in_a_batch_equals_one_by_one(case: Case) -> None:
    images = frames(5)
    alone = np.concatenate([case.plugin.score([image], QUESTION, ANSWER) for image in images])
    np.testing.assert_allclose(case.plugin.score(images, QUESTION, ANSWER), alone, atol=1e-4)


def test_a_batch_is_halved_where_memory_runs_out(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load(case.family, case.folder, batch_size=16)
    images = frames(5)
    expected = model.score(images, QUESTION, ANSWER)
    asked: list[int] = []
    plain, room = type(model)._logprobs, 2

    def cramped(self: TransformersModel, inputs: dict[str, Any], answer: Sequence[int]) -> torch.Tensor:
        asked.append(len(inputs["input_ids"]))
        if asked[-1] > room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return plain(self, inputs, answer)

    monkeypatch.setattr(type(model), "_logprobs", cramped)
    np.testing.assert_allclose(model.score(images, QUESTION, ANSWER), expected, atol=1e-4)
    assert asked == [5, 5, 4, 2, 2, 1]
    grey = np.full_like(images[0], 90)
    # What it has learnt it keeps.
    assert model.path_gradients(images[0], grey, [0.1, 0.5, 0.9], QUESTION, ANSWER).shape == (3, *grey.shape)
    assert asked[6:] == [2, 1]
    room = 0
    with pytest.raises(torch.OutOfMemoryError):
        model.score(images, QUESTION, ANSWER)
    assert asked[8:] == [2, 1]


def test_other_errors_are_not_taken_for_memory(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> torch.Tensor:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(type(case.plugin), "_logprobs", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        case.plugin.score(frames(5), QUESTION, ANSWER)


def test_score_covers_the_answer_and_no_template(case: Case) -> None:
    """The scored tokens are those between the generation prompt and the end of the turn in the full chat."""
    options: dict[str, Any] = {"tokenize": True, "return_dict": True, "return_tensors": "pt"}
    said = {"role": "assistant", "content": [{"type": "text", "text": ANSWER}]}
    chat = case.processor.apply_chat_template([*turn(frames(1)[0]), said], **options)["input_ids"][0].tolist()
    prompt = case.plugin._prompt(frames(1)[0], QUESTION).ids.tolist()
    assert chat[: len(prompt)] == prompt
    end = case.plugin.model.generation_config.eos_token_id
    length = next(t for t, token in enumerate(chat[len(prompt) :]) if token in end)
    assert case.plugin.score(frames(1), QUESTION, ANSWER).shape == (1, length)


def test_score_of_nothing(case: Case) -> None:
    assert case.plugin.score(frames(2), QUESTION, "").shape == (2, 0)
    assert case.plugin.score([], QUESTION, ANSWER).shape == (0, len(case.plugin.tokens(ANSWER)))


@pytest.mark.parametrize("answer", ["yes", ANSWER, "Élan:  naïve\n\n→ 3 µm 😀, no.", ""])
def test_tokens_joined_are_the_answer(case: Case, answer: str) -> None:
    tokens = case.plugin.tokens(answer)
    assert "".join(tokens) == answer
    assert len(tokens) == case.plugin.score(frames(1), QUESTION, answer).shape[1]


def seen_patches(model: TransformersModel, images: list[np.ndarray]) -> torch.Tensor:
    """What the patch embedding makes of each image, by image token: [images, tokens, patches, width]."""
    kept: list[torch.Tensor] = []
    core = model.model.model
    qwen = hasattr(core, "visual")
    vision = core.visual.patch_embed if qwen else core.vision_tower.embeddings.patch_embedding
    hook = vision.register_forward_hook(lambda module, args, output: kept.append(output.detach()))
    try:
        model.score(images, QUESTION, "yes")
    finally:
        hook.remove()
    patches = torch.cat(kept)
    rows, columns = model.grid(*images[0].shape[:2])
    if qwen:  # patches of a token follow each other
        return patches.reshape(len(images), rows * columns, -1, patches.shape[-1])
    count, width, height_, width_ = patches.shape
    cells = patches.reshape(count, width, rows, height_ // rows, columns, width_ // columns)
    return cells.permute(0, 2, 4, 3, 5, 1).reshape(count, rows * columns, -1, width)


def painted(image: np.ndarray, box: Box) -> np.ndarray:
    copy = image.copy()
    copy[round(box.y0) : round(box.y1), round(box.x0) : round(box.x1)] ^= 128
    return copy


def test_image_grid_is_where_the_tokens_look(case: Case) -> None:
    image = frames(1)[0]
    grid = case.plugin.image_grid(image)
    assert len(grid) == 16 and grid[1] == Box(28, 0, 56, 28)
    seen = seen_patches(case.plugin, [image, *(painted(image, box) for box in grid)])
    changed = (seen[1:] != seen[0]).any(-1)  # [painted, tokens, patches]
    assert torch.equal(changed.any(-1), torch.eye(16, dtype=torch.bool))
    assert changed[torch.eye(16, dtype=torch.bool)].all()  # and the whole of the token


@pytest.mark.parametrize(("height", "width"), [(112, 224), (224, 112), (100, 150)])
def test_image_grid_of_other_shapes(case: Case, height: int, width: int) -> None:
    image = frames(1, height, width)[0]
    grid = case.plugin.image_grid(image)
    expected = {(112, 224): (4, 8), (224, 112): (8, 4), (100, 150): (4, 5)} if "qwen" in case.family else {}
    rows, columns = expected.get((height, width), (4, 4))
    assert len(grid) == rows * columns
    assert len(grid) == (case.plugin._prompt(image, QUESTION).ids == case.plugin.image_token).sum()
    cell = np.array([width / columns, height / rows] * 2)
    np.testing.assert_allclose(grid[columns + 1], cell * [1, 1, 2, 2])
    assert sum(box.area for box in grid) == pytest.approx(height * width)
    # Resizing mixes a little across the edges, so the token changes most, not alone.
    flat = np.full_like(image, 100)
    seen = seen_patches(case.plugin, [flat, *(painted(flat, box) for box in grid)])
    change = (seen[1:] - seen[0]).abs().sum((-1, -2))
    assert change.argmax(1).tolist() == list(range(len(grid)))


def test_qwen_tokens_see_their_window_only() -> None:
    """Where every vision layer is windowed, painting a token changes only the tokens of its window."""
    model, processor = build("qwen2.5-vl", None, full_attention_layers=())
    plugin = FAMILIES["qwen2.5-vl"]()
    plugin.model, plugin.processor = model, processor
    image = frames(1)[0]
    grid = plugin.image_grid(image)
    embedded = []
    for frame in [image, *(painted(image, box) for box in grid)]:
        pixels = processor.image_processor([frame], return_tensors="pt")
        with torch.no_grad():
            embedded.append(model.model.get_image_features(**pixels).pooler_output[0])
    changed = (torch.stack(embedded[1:]) != embedded[0]).any(-1)
    window = np.array([(box.x0 // 56, box.y0 // 56) for box in grid])
    assert np.array_equal(changed.numpy(), (window[:, None] == window).all(-1))


def test_prompt_is_the_real_template(case: Case) -> None:
    """Image first, then the question, one turn, ready for the answer; one <bos>."""
    plugin = case.plugin
    prompt = plugin._prompt(frames(1)[0], QUESTION)
    token = plugin.tokenizer.convert_ids_to_tokens(plugin.image_token)
    text = plugin.tokenizer.decode(prompt.ids)
    assert text.count(token) == len(plugin.image_grid(frames(1)[0]))
    expected = {
        "qwen2.5-vl": "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        f"<|vision_start|>{{}}<|vision_end|>{QUESTION}<|im_end|>\n<|im_start|>assistant\n",
        "gemma3": "<bos><start_of_turn>user\n\n\n<start_of_image>{}<end_of_image>\n\n"
        f"{QUESTION}<end_of_turn>\n<start_of_turn>model\n",
    }[case.family]
    assert text == expected.format(token * 16)
    assert [types.tolist() for types in prompt.types.values()] == [
        (prompt.ids == plugin.image_token).tolist()
    ]
