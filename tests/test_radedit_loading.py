"""Loading RadEdit's networks: what is computed with them, and what is said where they cannot be loaded."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("diffusers")

from safetensors.torch import load_file, save_file
from small_diffusion import editor, radedit_folder, save_text_encoder, save_unet

from harness.errors import HarnessError
from plugins.editors.latent_diffusion import LatentDiffusion
from plugins.editors.radedit import RadEdit


@pytest.fixture(scope="module")
def plain() -> RadEdit:
    return editor()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(radedit_folder(), tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_the_text_encoders_last_hidden_state(plain: RadEdit, copied: Path) -> None:
    from transformers import BertForMaskedLM

    file = copied / "text_encoder" / "config.json"
    settings = json.loads(file.read_text()) | {"model_type": "bert"}
    del settings["auto_map"]
    file.write_text(json.dumps(settings))
    oracle = BertForMaskedLM.from_pretrained(copied / "text_encoder", trust_remote_code=False).eval()
    ids = torch.zeros(1, 128, dtype=torch.long)
    ids[0, :4] = torch.tensor([2, 5, 8, 3])  # [CLS] no effusion [SEP] [PAD] ...
    with torch.no_grad():
        seen = oracle(ids, attention_mask=torch.ones_like(ids), output_hidden_states=True).hidden_states[-1][0]
        unpadded = oracle(ids, attention_mask=(ids > 0).long(), output_hidden_states=True).hidden_states[-1][0]
    embedded = plain.networks.embed("No effusion")
    assert torch.equal(embedded, seen) and embedded.shape == (128, 32)
    masking = editor(attend_padding=False).networks.embed("No effusion")
    assert torch.equal(masking, unpadded) and not torch.allclose(masking, embedded)


def test_the_autoencoders_scale(plain: RadEdit) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    vae = plain.networks.vae
    pixels = torch.from_numpy(frame / 255).permute(2, 0, 1)[None].float() * 2 - 1
    with torch.no_grad():
        latent = vae.encode(pixels).latent_dist.mean * 0.13025
        shades = vae.decode(latent / 0.13025).sample[0].permute(1, 2, 0).numpy() / 2 + 0.5
    torch.testing.assert_close(plain.networks.encode(frame), latent[0])
    decoded = plain.networks.decode(latent[0].double())
    np.testing.assert_allclose(decoded, np.clip(shades, 0, 1) * 255, atol=0.51)


def test_half_precision_is_the_noise_predictors_alone() -> None:
    networks = editor(dtype="bfloat16").networks
    assert networks.unet.dtype == torch.bfloat16
    assert networks.vae.dtype == networks.encoder.dtype == torch.float32


def test_networks_that_do_not_fit(copied: Path) -> None:
    save_unet(copied / "wide", width=48)
    with pytest.raises(HarnessError, match=r"expects texts of width 48, the text encoder gives 32\.$"):
        editor(unet=str(copied / "wide"))
    save_unet(copied / "deep", channels=8)
    with pytest.raises(HarnessError, match=r"takes latents of 8 channels, the vae gives 4\.$"):
        editor(unet=str(copied / "deep"))
    save_text_encoder(copied / "short", positions=64)
    with pytest.raises(HarnessError, match=r"reads 64 tokens, not 128\.$"):
        editor(text_encoder=str(copied / "short"))
    with pytest.raises(HarnessError, match="holds a 'AutoencoderKL', but 'radedit' needs a 'UNet2DConditionModel'"):
        editor(unet=str(copied / "vae"))
    with pytest.raises(HarnessError, match=r"size=68: it must be a multiple of 8\.$"):
        editor(size=68)


@pytest.mark.parametrize("option", ["unet", "vae", "text_encoder"])
def test_checkpoints_that_are_not_there(option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HarnessError, match=rf"no config\.json there.*-o radedit\.{option}=DIR"):
        editor(**{option: str(tmp_path)})
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HarnessError, match=rf"hf auth login.*-o radedit\.{option}=DIR") as caught:
        editor(**{option: "microsoft/no-such-model-here"})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_checkpoints_that_are_damaged(part: str, copied: Path) -> None:
    file = next((copied / part).glob("*.safetensors"))
    weights = load_file(file)
    del weights[next(name for name in sorted(weights) if "attn" in name or "attention" in name)]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(HarnessError, match="lacks 1 of the weights of 'radedit'"):
        editor(copied)
    file.write_bytes(b"not safetensors at all")
    with pytest.raises(HarnessError, match=rf"{file.name} is no whole safetensors file .*; copy the checkpoint"):
        editor(copied)
    file.unlink()
    with pytest.raises(HarnessError, match=rf"holds a config but no weights \(no {file.name}\)"):
        editor(copied)


class Trap:
    """Unpickling it leaves a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return Path.touch, (self.file,)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_pickled_code_is_not_run(part: str, copied: Path) -> None:
    next((copied / part).glob("*.safetensors")).unlink()
    name = "pytorch_model.bin" if part == "text_encoder" else "diffusion_pytorch_model.bin"
    torch.save({"weight": Trap(copied / "sprung")}, copied / part / name)
    with pytest.raises(HarnessError, match=rf"{name} is a pickle, which is not read; `harness weights convert "):
        editor(copied)
    assert not (copied / "sprung").exists()


def test_a_tokenizer_without_words_is_refused(copied: Path) -> None:
    vocabulary = copied / "text_encoder" / "vocab.txt"
    vocabulary.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    with pytest.raises(HarnessError, match="knows no words"):
        editor(copied)
    vocabulary.unlink()
    with pytest.raises(HarnessError, match="knows no words"):
        editor(copied)


def test_diffusers_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    radedit_folder()
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(HarnessError, match=r"pip install 'medground-harness\[radedit\]'"):
        editor()


def test_import_is_light() -> None:
    code = (
        "import sys, plugins.editors.radedit\n"
        "print({'torch', 'transformers', 'diffusers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_loading_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    listener = logging.Handler()
    monkeypatch.setattr(listener, "emit", lambda record: said.append(record.getMessage()))
    folder = str(radedit_folder())
    for library in ("transformers", "diffusers"):
        logging.getLogger(library).addHandler(listener)
    LatentDiffusion("radedit", folder, folder, f"{folder}/text_encoder")
    for library in ("transformers", "diffusers"):
        logging.getLogger(library).removeHandler(listener)
    assert said == []
