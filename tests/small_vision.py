"""Small checkpoints of MedSAM's and OWL-ViT's real classes, random weights, saved as users have them."""

from __future__ import annotations

import re
from pathlib import Path
from string import ascii_lowercase, digits
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_MLP = r"(iou_prediction_head|output_hypernetworks_mlps\.\d)"
# What transformers calls the modules of segment_anything, in the order in which the names are changed.
_RENAMED = {
    r"^image_encoder": "vision_encoder",
    rf"{_MLP}\.layers\.0": r"\1.proj_in",
    rf"{_MLP}\.layers\.2": r"\1.proj_out",
    rf"{_MLP}\.layers\.1": r"\1.layers.0",
    r"output_upscaling\.0": "upscale_conv1",
    r"output_upscaling\.1": "upscale_layer_norm",
    r"output_upscaling\.3": "upscale_conv2",
    r"mask_downscaling\.0": "mask_embed.conv1",
    r"mask_downscaling\.1": "mask_embed.layer_norm1",
    r"mask_downscaling\.3": "mask_embed.conv2",
    r"mask_downscaling\.4": "mask_embed.layer_norm2",
    r"mask_downscaling\.6": "mask_embed.conv3",
    r"point_embeddings": "point_embed",
    r"pe_layer\.positional_encoding_gaussian_matrix": "shared_embedding.positional_embedding",
    r"neck\.0": "neck.conv1",
    r"neck\.1": "neck.layer_norm1",
    r"neck\.2": "neck.conv2",
    r"neck\.3": "neck.layer_norm2",
    r"patch_embed\.proj": "patch_embed.projection",
    r"\.norm": ".layer_norm",
    r"blocks": "layers",
}


def save_sam_of(weights: dict[str, torch.Tensor], folder: Path) -> None:
    """segment_anything's weights of a network like :func:`save_sam`'s, as transformers has them."""
    from transformers import SamModel

    save_sam(folder, iou_width=256, mask_channels=4)
    renamed = {}
    for name, weight in weights.items():
        for theirs, ours in _RENAMED.items():
            name = re.sub(theirs, ours, name)
        renamed[name] = weight
    position = renamed["prompt_encoder.shared_embedding.positional_embedding"]
    renamed["shared_image_embedding.positional_embedding"] = position
    model = SamModel.from_pretrained(folder, use_safetensors=True, trust_remote_code=False)
    model.load_state_dict(renamed)  # strict: every name has found its place
    model.save_pretrained(folder)


def save_sam(folder: Path, iou_width: int = 32, mask_channels: int = 16) -> None:
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
        hidden_size=32, mlp_dim=64, num_hidden_layers=2, num_attention_heads=4, iou_head_hidden_dim=iou_width
    )
    prompt = SamPromptEncoderConfig(
        hidden_size=32, image_size=64, patch_size=16, mask_input_channels=mask_channels
    )
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
