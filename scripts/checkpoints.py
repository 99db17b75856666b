"""Small checkpoints of the real classes, untrained: Qwen2.5-VL and Gemma 3 with their real processors.

The shipped phantom models are trained from these, and the tests load them. Every part is the class that the
large checkpoint uses (model, image processor, tokenizer, processor); only the widths, the depths and the
vocabulary are small, so what holds for these holds for the real weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from scripts.small_tokenizers import (
    GEMMA_SPECIAL_TOKENS,
    QWEN_SPECIAL_TOKENS,
    gemma_tokenizer,
    qwen_tokenizer,
)

QWEN_CHAT_TEMPLATE = """\
{%- if messages[0]['role'] != 'system' %}
{{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
{{- '<|im_start|>' + message['role'] + '\\n' }}
{%- if message['content'] is string %}{{ message['content'] }}
{%- else %}
{%- for part in message['content'] %}
{%- if part['type'] == 'image' %}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}
{%- elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}
{%- endfor %}
{%- endif %}
{{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""

GEMMA_CHAT_TEMPLATE = """\
{{- bos_token }}
{%- for message in messages %}
{{- '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\\n' }}
{%- if message['content'] is string %}{{ message['content'] | trim }}
{%- else %}
{%- for part in message['content'] %}
{%- if part['type'] == 'image' %}{{ '<start_of_image>' }}
{%- elif part['type'] == 'text' %}{{ part['text'] | trim }}{% endif %}
{%- endfor %}
{%- endif %}
{{- '<end_of_turn>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"""


def qwen2_5_vl(
    folder: Path | str | None,
    texts: Iterable[str],
    *,
    vocab_size: int = 600,
    patch_size: int = 14,
    window_size: int = 112,
    vision_hidden: int = 96,
    vision_layers: int = 4,
    vision_heads: int = 4,
    vision_intermediate: int = 192,
    full_attention_layers: Sequence[int] = (1, 3),
    text_hidden: int = 128,
    text_layers: int = 4,
    text_heads: int = 4,
    text_kv_heads: int = 2,
    text_intermediate: int = 256,
    initializer_range: float = 0.02,
    seed: int = 0,
) -> tuple[Any, Any]:
    """A small float32 ``Qwen2_5_VLForConditionalGeneration`` in eval mode and its ``Qwen2_5_VLProcessor``.

    ``texts`` train the tokenizer (byte level: any text can be encoded; ``vocab_size`` is an upper bound).
    Every image becomes (height / 2 patch_size) x (width / 2 patch_size) image tokens. ``text_hidden /
    text_heads`` must be a multiple of 16. Both are saved to ``folder`` where one is given.
    """
    import torch
    from transformers import (
        GenerationConfig,
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
    )

    tokenizer = qwen_tokenizer(texts, vocab_size)
    images = Qwen2VLImageProcessor(patch_size=patch_size)
    videos = Qwen2VLVideoProcessor(patch_size=patch_size)
    processor = Qwen2_5_VLProcessor(images, tokenizer, videos, chat_template=QWEN_CHAT_TEMPLATE)
    token = {name: tokenizer.convert_tokens_to_ids(name) for name in QWEN_SPECIAL_TOKENS}
    half = text_hidden // text_heads // 2
    config = Qwen2_5_VLConfig(
        vision_config={
            "depth": vision_layers,
            "hidden_size": vision_hidden,
            "num_heads": vision_heads,
            "intermediate_size": vision_intermediate,
            "patch_size": patch_size,
            "window_size": window_size,
            "out_hidden_size": text_hidden,
            "fullatt_block_indexes": list(full_attention_layers),
            "initializer_range": initializer_range,
        },
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": text_hidden,
            "intermediate_size": text_intermediate,
            "num_hidden_layers": text_layers,
            "num_attention_heads": text_heads,
            "num_key_value_heads": text_kv_heads,
            "max_position_embeddings": 4096,
            "initializer_range": initializer_range,
            "rms_norm_eps": 1e-6,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1_000_000.0,
                # time, height, width: the shares of the real [16, 24, 24]
                "mrope_section": [half // 4, 3 * half // 8, 3 * half // 8],
            },
            "bos_token_id": token["<|endoftext|>"],
            "eos_token_id": token["<|im_end|>"],
        },
        image_token_id=token["<|image_pad|>"],
        video_token_id=token["<|video_pad|>"],
        vision_start_token_id=token["<|vision_start|>"],
        vision_end_token_id=token["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    torch.manual_seed(seed)
    model = Qwen2_5_VLForConditionalGeneration(config).float().eval()
    model.generation_config = GenerationConfig(
        bos_token_id=token["<|endoftext|>"],
        eos_token_id=[token["<|im_end|>"], token["<|endoftext|>"]],
        pad_token_id=token["<|endoftext|>"],
    )
    return _saved(folder, model, processor)


def gemma3(
    folder: Path | str | None,
    texts: Iterable[str],
    *,
    vocab_size: int = 600,
    image_size: int = 224,
    patch_size: int = 14,
    image_tokens: int = 64,
    vision_hidden: int = 96,
    vision_layers: int = 4,
    vision_heads: int = 4,
    vision_intermediate: int = 192,
    text_hidden: int = 128,
    text_layers: int = 4,
    text_heads: int = 4,
    text_kv_heads: int = 2,
    text_intermediate: int = 256,
    sliding_window: int = 512,
    full_attention_every: int = 2,
    initializer_range: float = 0.02,
    seed: int = 0,
) -> tuple[Any, Any]:
    """A small float32 ``Gemma3ForConditionalGeneration`` in eval mode and its ``Gemma3Processor``.

    Images are resized to ``image_size`` squared, cut into patches and pooled to ``image_tokens`` (a square
    number whose root divides image_size / patch_size). Every ``full_attention_every``-th layer sees the
    whole text, the others a sliding window. Both are saved to ``folder`` where one is given.
    """
    import torch
    from transformers import (
        Gemma3Config,
        Gemma3ForConditionalGeneration,
        Gemma3ImageProcessor,
        Gemma3Processor,
        GenerationConfig,
    )

    tokenizer = gemma_tokenizer(texts, vocab_size)
    images = Gemma3ImageProcessor(size={"height": image_size, "width": image_size})
    processor = Gemma3Processor(images, tokenizer, chat_template=GEMMA_CHAT_TEMPLATE, image_seq_length=image_tokens)
    token = {name: tokenizer.convert_tokens_to_ids(name) for name in GEMMA_SPECIAL_TOKENS}
    head_dim = text_hidden // text_heads
    config = Gemma3Config(
        vision_config={
            "model_type": "siglip_vision_model",
            "hidden_size": vision_hidden,
            "intermediate_size": vision_intermediate,
            "num_hidden_layers": vision_layers,
            "num_attention_heads": vision_heads,
            "image_size": image_size,
            "patch_size": patch_size,
            "vision_use_head": False,
        },
        text_config={
            "model_type": "gemma3_text",
            "vocab_size": len(tokenizer),
            "hidden_size": text_hidden,
            "intermediate_size": text_intermediate,
            "num_hidden_layers": text_layers,
            "num_attention_heads": text_heads,
            "num_key_value_heads": text_kv_heads,
            "head_dim": head_dim,
            "query_pre_attn_scalar": head_dim,
            "max_position_embeddings": 4096,
            "sliding_window": sliding_window,
            "layer_types": [
                "sliding_attention" if (i + 1) % full_attention_every else "full_attention" for i in range(text_layers)
            ],
            "initializer_range": initializer_range,
            "pad_token_id": token["<pad>"],
            "bos_token_id": token["<bos>"],
            "eos_token_id": token["<eos>"],
        },
        mm_tokens_per_image=image_tokens,
        boi_token_index=token["<start_of_image>"],
        eoi_token_index=token["<end_of_image>"],
        image_token_index=token["<image_soft_token>"],
        initializer_range=initializer_range,
        tie_word_embeddings=True,
    )
    torch.manual_seed(seed)
    model = Gemma3ForConditionalGeneration(config).float().eval()
    # transformers starts the projector at zero, which makes an untrained model blind; give image tokens the
    # scale of text tokens instead.
    projection = model.model.multi_modal_projector.mm_input_projection_weight
    torch.nn.init.normal_(projection, std=initializer_range * math.sqrt(text_hidden / vision_hidden))
    model.generation_config = GenerationConfig(
        bos_token_id=token["<bos>"],
        eos_token_id=[token["<eos>"], token["<end_of_turn>"]],
        pad_token_id=token["<pad>"],
    )
    return _saved(folder, model, processor)


def _saved(folder: Path | str | None, model: Any, processor: Any) -> tuple[Any, Any]:
    """Both as they are, after saving them where a folder is given."""
    if folder is not None:
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
    return model, processor
