"""Small tokenizers of the real classes, trained on a few texts: Qwen2's byte-level BPE and Gemma's BPE."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

QWEN_SPECIAL_TOKENS = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>",
    "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>",
    "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
]  # fmt: skip

GEMMA_SPECIAL_TOKENS = [
    "<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>",
    "<end_of_image>", "<image_soft_token>",
]  # fmt: skip


def qwen_tokenizer(texts: Iterable[str], vocab_size: int) -> Any:
    """A ``Qwen2Tokenizer`` (byte-level BPE) of at most ``vocab_size`` tokens, special tokens included."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers
    from transformers import Qwen2Tokenizer

    untrained = Qwen2Tokenizer(vocab={}, merges=[])
    bpe = Tokenizer(models.BPE())
    bpe.normalizer = untrained.backend_tokenizer.normalizer
    bpe.pre_tokenizer = untrained.backend_tokenizer.pre_tokenizer
    vocab, merges = _train(
        bpe,
        trainers.BpeTrainer(
            vocab_size=vocab_size - len(QWEN_SPECIAL_TOKENS),
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
        texts,
    )
    tokenizer = Qwen2Tokenizer(vocab=vocab, merges=merges, model_max_length=4096)
    tokenizer.add_tokens([AddedToken(token, special=True) for token in QWEN_SPECIAL_TOKENS])
    return tokenizer


def gemma_tokenizer(texts: Iterable[str], vocab_size: int) -> Any:
    """A ``GemmaTokenizer`` (byte fallback) of at most ``vocab_size`` tokens, special tokens included."""
    from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import GemmaTokenizer

    reserved = GEMMA_SPECIAL_TOKENS + [f"<0x{byte:02X}>" for byte in range(256)]
    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.Replace(" ", "▁")
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split("▁", "merged_with_next"),
            pre_tokenizers.Split("\n", "isolated"),
            pre_tokenizers.Punctuation(),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(reserved), initial_alphabet=["\n", "▁"], show_progress=False
    )
    learned, merges = _train(bpe, trainer, texts)
    vocab = {token: i for i, token in enumerate(reserved)}
    for token in sorted(learned, key=lambda token: learned[token]):
        vocab.setdefault(token, len(vocab))
    tokenizer = GemmaTokenizer(
        vocab=vocab,
        merges=merges,
        model_max_length=4096,
        add_bos_token=True,
        extra_special_tokens={
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
            "image_token": "<image_soft_token>",
        },
    )
    tokenizer.add_tokens([AddedToken(token, special=True) for token in GEMMA_SPECIAL_TOKENS])
    return tokenizer


def _train(bpe: Any, trainer: Any, texts: Iterable[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """The vocabulary and the merges, in order, that ``trainer`` learns from ``texts``."""
    bpe.train_from_iterator(texts, trainer)
    model = json.loads(bpe.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]
