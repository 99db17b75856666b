"""Small checkpoints of RadEdit's real classes, random weights, saved in the layouts that the hub has."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from plugins.editors.radedit import RadEdit

WORDS = ["no", "abnormality", "pleural", "effusion", "left", "nodule"]
WIDTH = 32
_TEMPORARY = TemporaryDirectory()


@cache
def radedit_folder() -> Path:
    """A folder with ``unet``, ``vae`` and ``text_encoder``, built once a test run."""
    folder = Path(_TEMPORARY.name)
    save_unet(folder / "unet")
    save_vae(folder / "vae")
    save_text_encoder(folder / "text_encoder")
    return folder


def editor(folder: Path | None = None, **options: Any) -> RadEdit:
    """The loaded plugin, with the small networks in a folder, few steps and a small square."""
    root = folder or radedit_folder()
    chosen = {
        "unet": str(root), "vae": str(root), "text_encoder": str(root / "text_encoder"), "steps": 4, "size": 64,
        "device": "cpu",
    }  # fmt: skip
    plugin = RadEdit(RadEdit.Options(**(chosen | options)))
    plugin.load()
    return plugin


def save_unet(folder: Path, width: int = WIDTH, channels: int = 4) -> None:
    """A ``UNet2DConditionModel`` of 53 k parameters."""
    import torch
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    model = UNet2DConditionModel(
        sample_size=8, in_channels=channels, out_channels=channels, layers_per_block=1, block_out_channels=(8, 16),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=width, attention_head_dim=4, norm_num_groups=4,
    )  # fmt: skip
    model.save_pretrained(folder)


def save_vae(folder: Path) -> None:
    """An ``AutoencoderKL`` of 14 k parameters, with the real one's four blocks: 8 pixels a latent cell."""
    import torch
    from diffusers import AutoencoderKL

    torch.manual_seed(1)
    model = AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(4, 4, 4, 8), layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, norm_num_groups=2,
        sample_size=64, scaling_factor=0.13025,
    )  # fmt: skip
    model.save_pretrained(folder)


def save_text_encoder(folder: Path, width: int = WIDTH, positions: int = 128) -> None:
    """A checkpoint as BioViL-T's: a CXRBertModel, that is a masked-language BERT with a projection head.

    Its config names code of its own, which must not be run.
    """
    import torch
    from safetensors.torch import load_file, save_file
    from transformers import BertConfig, BertForMaskedLM

    torch.manual_seed(2)
    config = BertConfig(
        vocab_size=64, hidden_size=width, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=positions, initializer_range=0.2,
    )  # fmt: skip
    BertForMaskedLM(config).save_pretrained(folder)
    weights = folder / "model.safetensors"
    head = {"cls_projection_head.dense_to_hidden.weight": torch.randn(8, width)}
    save_file(load_file(weights) | head, weights, metadata={"format": "pt"})
    settings = json.loads((folder / "config.json").read_text())
    settings |= {"model_type": "cxr-bert", "architectures": ["CXRBertModel"], "projection_size": 8}
    settings["auto_map"] = {"AutoModel": "modeling_cxrbert.CXRBertModel"}
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "modeling_cxrbert.py").write_text("raise SystemExit('remote code was run')\n")
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]) + "\n")
