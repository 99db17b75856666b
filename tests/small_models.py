"""Small checkpoints of the real classes, built in a second (scripts/checkpoints.py), and an oracle."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from plugins.models.gemma3 import PhantomGemma3
from plugins.models.lvlm import TransformersModel
from plugins.models.qwen2_5_vl import PhantomQwen2_5VL
from scripts import checkpoints

if TYPE_CHECKING:
    import torch

FAMILIES: dict[str, type[TransformersModel]] = {"qwen2.5-vl": PhantomQwen2_5VL, "gemma3": PhantomGemma3}
SIDE = 112
QUESTION = "Is there evidence of left pleural effusion in the image? Answer directly with yes or no."
ANSWER = "The left costophrenic angle is blunted. Yes."
TEXTS = [QUESTION, ANSWER, "The heart is wide. No, the right lung is clear.", "yes", "no"] * 3

# Weights ten times wider than usual: a freshly initialised model is otherwise nearly deaf to its inputs.
SHARED = {
    "vocab_size": 400, "vision_hidden": 32, "vision_layers": 2, "vision_heads": 2, "vision_intermediate": 48,
    "text_hidden": 64, "text_layers": 3, "text_heads": 4, "text_kv_heads": 2, "text_intermediate": 96,
    "initializer_range": 0.2,
}  # fmt: skip
OWN: dict[str, dict[str, Any]] = {
    "qwen2.5-vl": {"window_size": 56, "full_attention_layers": (1,)},
    "gemma3": {"image_size": SIDE, "image_tokens": 16, "sliding_window": 8},
}
_TEMPORARY = TemporaryDirectory()
BUILD = {"qwen2.5-vl": checkpoints.qwen2_5_vl, "gemma3": checkpoints.gemma3}


def build(family: str, folder: Path | None, **overrides: Any) -> tuple[Any, Any]:
    """A model of about 0.2M parameters and its processor; 4 x 4 image tokens for a frame of ``SIDE``.

    Its generation settings sample, as those of the real checkpoints do.
    """
    model, processor = BUILD[family](folder, TEXTS, **{**SHARED, **OWN[family], **overrides})
    if folder is not None:
        _leave_sampling_settings(folder)
    return model, processor


def build_taught(family: str, folder: Path, answer: str = ANSWER) -> None:
    """A checkpoint that was trained, for some steps on one image, to give ``answer`` and end its turn."""
    import torch

    model, processor = build(family, None, initializer_range=0.05)
    asking = turn(frames(1)[0])
    options: dict[str, Any] = {"tokenize": True, "return_dict": True, "return_tensors": "pt"}
    asked = processor.apply_chat_template(asking, add_generation_prompt=True, **options)
    said = {"role": "assistant", "content": [{"type": "text", "text": answer}]}
    told = processor.apply_chat_template([*asking, said], **options)
    labels = told["input_ids"].clone()
    labels[:, : asked["input_ids"].shape[1]] = -100
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(40):
        optimiser.zero_grad()
        model(**told, labels=labels).loss.backward()
        optimiser.step()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    _leave_sampling_settings(folder)


def frames(count: int, height: int = SIDE, width: int = SIDE, seed: int = 0) -> list[np.ndarray]:
    """Frames of noise, uint8 [height, width, 3]."""
    rng = np.random.default_rng(seed)
    return list(rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8))


def turn(image: np.ndarray) -> list[dict[str, Any]]:
    """The user's turn of a chat: the image and ``QUESTION``."""
    parts = [{"type": "image", "image": Image.fromarray(image)}, {"type": "text", "text": QUESTION}]
    return [{"role": "user", "content": parts}]


@dataclass
class Case:
    """One family: its plugin, loaded from a folder, and the same weights loaded plainly and eagerly."""

    family: str
    folder: Path
    plugin: TransformersModel
    eager: Any
    processor: Any


@cache
def prepared(family: str, **overrides: Any) -> Case:
    """The case of a family, built once a test run; ``overrides`` of the checkpoint's settings make another."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    folder = Path(_TEMPORARY.name) / "-".join([family, *map(str, overrides.values())])
    build(family, folder, **overrides)
    eager = AutoModelForImageTextToText.from_pretrained(
        folder, attn_implementation="eager", trust_remote_code=False
    ).eval()
    plugin = load(family, folder, batch_size=2, max_new_tokens=12)
    return Case(family, folder, plugin, eager, AutoProcessor.from_pretrained(folder, trust_remote_code=False))


def load(family: str, folder: Path, **options: Any) -> TransformersModel:
    """The family's plugin with the checkpoint in ``folder``, on the CPU."""
    cls = FAMILIES[family]
    model = cls(cls.Options(path=str(folder), device="cpu", **options))
    model.load()
    return model


def oracle(case: Case, image: np.ndarray, answer: str, **options: Any) -> tuple[Any, torch.Tensor, int]:
    """A forward over the full text of prompt and answer: its output, the ids [S], the prompt's length."""
    import torch

    text = case.processor.apply_chat_template(turn(image), add_generation_prompt=True)
    encode = {"images": [[Image.fromarray(image)]], "return_tensors": "pt", "add_special_tokens": False}
    prompt = case.processor(text=[text], **encode)["input_ids"]
    inputs = case.processor(text=[text + answer], **encode)
    assert torch.equal(inputs["input_ids"][:, : prompt.shape[1]], prompt)
    with torch.no_grad():
        return case.eager(**inputs, **options), inputs["input_ids"][0], prompt.shape[1]


def _leave_sampling_settings(folder: Path) -> None:
    file = folder / "generation_config.json"
    settings = json.loads(file.read_text())
    settings.update(do_sample=True, temperature=0.7, top_k=5, top_p=0.9, repetition_penalty=1.3)
    file.write_text(json.dumps(settings))
