"""Small checkpoints of MedSAM's and OWL-ViT's real classes, random weights, saved as users have them."""

from __future__ import annotations

from pathlib import Path
from string import ascii_lowercase, digits


def save_sam(folder: Path) -> None:
    """A transformers ``SamModel`` of 64-pixel input."""
    import torch
    from transformers import (
        SamConfig,
        SamMaskDecoderConfig,
        SamModel,
        SamPromptEncoderConfig,
        SamVisionConfig,
    )

    torch.manual_seed(0)
    vision = SamVisionConfig(
        hidden_size=32, output_channels=32, num_hidden_layers=2, num_attention_heads=4, image_size=64,
        patch_size=16, window_size=3, global_attn_indexes=[1], num_pos_feats=16, mlp_dim=64,
        initializer_range=0.02,  # the default, 1e-10, makes a model that does not see the image
    )  # fmt: skip
    decoder = SamMaskDecoderConfig(
        hidden_size=32, mlp_dim=64, num_hidden_layers=2, num_attention_heads=4, iou_head_hidden_dim=32
    )
    prompt = SamPromptEncoderConfig(hidden_size=32, image_size=64, patch_size=16)
    model = SamModel(
        SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder)
    )
    model.save_pretrained(folder)


def save_owlvit(folder: Path) -> None:
    """An ``OwlViTForObjectDetection`` of 64-pixel input, 4 x 4 patches, with a tokenizer of single letters."""
    import torch
    from transformers import (
        CLIPTokenizer,
        OwlViTConfig,
        OwlViTForObjectDetection,
        OwlViTImageProcessor,
        OwlViTProcessor,
    )

    letters = [*ascii_lowercase, *digits]
    pieces = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocab = {piece: number for number, piece in enumerate(pieces)}
    tower = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {
        "vocab_size": len(vocab),
        "max_position_embeddings": 16,
        "bos_token_id": vocab["<|startoftext|>"],
        "eos_token_id": vocab["<|endoftext|>"],
        "pad_token_id": 0,
    }
    torch.manual_seed(0)
    model = OwlViTForObjectDetection(
        OwlViTConfig(
            text_config=tower | text,
            vision_config=tower | {"image_size": 64, "patch_size": 16},
            projection_dim=32,
        )
    )
    for weight in model.box_head.parameters():  # as initialised, every box is a sliver
        torch.nn.init.normal_(weight, std=0.05)
    model.save_pretrained(folder)
    OwlViTProcessor(
        image_processor=OwlViTImageProcessor(size={"height": 64, "width": 64}),
        tokenizer=CLIPTokenizer(vocab=vocab, merges=[], model_max_length=16),
    ).save_pretrained(folder)
