"""The networks of a text-guided latent diffusion model, by their classes in diffusers and transformers.

No pipeline and no code of a checkpoint's is used, and only safetensors are read.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import HarnessError
from plugins.checkpoint import check_complete, opened, pinned
from plugins.editors.ddpm_inversion import Schedule

if TYPE_CHECKING:
    import torch

TOKENS = 128
"""Length of every text, padded or cut: what RadEdit was trained with."""


class LatentDiffusion:
    """A text encoder, an autoencoder and a noise predictor that fit one another.

    Each is a folder or a hub id, and belongs to the option of the editor ``name`` that is called like it. Raises
    ``HarnessError`` where diffusers or a checkpoint is missing, damaged, or does not fit the others.
    ``attend_padding``: the text encoder sees a text's padding as if it were words. ``dtype`` is the noise
    predictor's; the others compute in float32 (SDXL's autoencoder overflows in float16).
    """

    def __init__(
        self,
        name: str,
        unet: str,
        vae: str,
        text_encoder: str,
        dtype: str = "float32",
        device: str = "cpu",
        attend_padding: bool = True,
    ) -> None:
        import torch

        try:
            import diffusers
        except ImportError as error:
            raise HarnessError(
                f"{name!r} needs diffusers, which is not installed: pip install 'medground-harness[{name}]'."
            ) from error
        self.device, self.dtype, self.attend_padding = device, getattr(torch, dtype), attend_padding
        self.tokenizer, self.encoder = _text_encoder(name, text_encoder)
        self.vae = _part(name, "vae", vae, diffusers.AutoencoderKL, torch.float32)
        self.unet = _part(name, "unet", unet, diffusers.UNet2DConditionModel, self.dtype)
        self._check(name)
        for network in (self.encoder, self.vae, self.unet):
            network.to(device)
        # Pixels a latent cell is wide.
        self.factor = 2 ** (len(self.vae.config.block_out_channels) - 1)

    def _check(self, name: str) -> None:
        unet, vae, text = self.unet.config, self.vae.config, self.encoder.config
        faults = {
            f"the unet expects texts of width {unet.cross_attention_dim}, the text encoder gives {text.hidden_size}": (
                unet.cross_attention_dim != text.hidden_size
            ),
            f"the unet takes latents of {unet.in_channels} channels, the vae gives {vae.latent_channels}": (
                unet.in_channels != vae.latent_channels
            ),
            f"the unet takes {unet.in_channels} channels and gives {unet.out_channels}": (
                unet.in_channels != unet.out_channels
            ),
            f"the text encoder reads {text.max_position_embeddings} tokens, not {TOKENS}": (
                text.max_position_embeddings < TOKENS
            ),
        }
        for fault, found in faults.items():
            if found:
                raise HarnessError(f"The checkpoints of {name!r} do not fit one another: {fault}.")

    def embed(self, text: str) -> torch.Tensor:
        """The text encoder's last hidden state, float32 [TOKENS, width]."""
        import torch

        tokens = self.tokenizer(text, padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt").to(
            self.device
        )
        mask = torch.ones_like(tokens.input_ids) if self.attend_padding else tokens.attention_mask
        with torch.inference_mode():
            return self.encoder(input_ids=tokens.input_ids, attention_mask=mask).last_hidden_state[0]

    def encode(self, image: np.ndarray) -> torch.Tensor:
        """The most likely latent, float32 [c, s / factor, s / factor], of an image uint8 [s, s, 3]."""
        import torch

        pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.inference_mode():
            latent = self.vae.encode(pixels.to(self.device)).latent_dist.mode()[0]
        return latent * self.vae.config.scaling_factor

    def decode(self, latent: torch.Tensor) -> np.ndarray:
        """The image, uint8 [s, s, 3], of a latent [c, s / factor, s / factor]."""
        import torch

        with torch.inference_mode():
            pixels = self.vae.decode(latent[None].float() / self.vae.config.scaling_factor).sample[0]
        shades = ((pixels / 2 + 0.5).clamp(0, 1) * 255).round()
        return np.ascontiguousarray(shades.permute(1, 2, 0).to(torch.uint8).cpu().numpy())

    def predict(self, latents: torch.Tensor, timesteps: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
        """The noise in latents: :data:`plugins.editors.ddpm_inversion.Predict`."""
        import torch

        with torch.inference_mode():
            told = texts.to(self.dtype)
            return self.unet(latents.to(self.dtype), timesteps, encoder_hidden_states=told).sample


def radedit_schedule(steps: int) -> Schedule:
    """RadEdit's noise schedule, with ``steps`` of its 1000 timesteps."""
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(
        beta_schedule="linear",
        clip_sample=False,
        prediction_type="epsilon",
        timestep_spacing="trailing",
        steps_offset=1,
    )
    scheduler.set_timesteps(steps)
    # For some numbers of steps (61, 103, ...) diffusers appends a timestep -1, through a rounding error.
    return Schedule.of(scheduler.timesteps[:steps].tolist(), scheduler.alphas_cumprod)


def _part(name: str, option: str, location: str, cls: Any, dtype: torch.dtype) -> Any:
    """One network of diffusers, from the folder itself or from its subfolder called like the option."""
    nested = Path(location).expanduser() / option
    nearest = str(nested) if nested.is_dir() else location
    with opened(name, nearest, option, "diffusion_pytorch_model") as place:
        # On the hub, RadEdit's network lies in a subfolder and SDXL's autoencoder does not.
        on_hub = not Path(place).is_dir()
        where = {"subfolder": "unet"} if on_hub and option == "unet" else {}
        where |= pinned(place, option)
        found = cls.load_config(place, **where).get("_class_name")
        if found != cls.__name__:
            raise HarnessError(f"{place} holds a {found!r}, but {name!r} needs a {cls.__name__!r} there.")
        model, report = cls.from_pretrained(
            place,
            torch_dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,
            low_cpu_mem_usage=False,  # True needs accelerate
            output_loading_info=True,
            **where,
        )
    check_complete(name, place, report)
    return model.eval().requires_grad_(False)


def _text_encoder(name: str, location: str) -> tuple[Any, Any]:
    """Tokenizer and BERT of BioViL-T. Its checkpoint is a CXRBertModel: a BERT with heads that are not needed here."""
    from transformers import BertConfig, BertModel, BertTokenizer

    # It is quiet, which it must be: transformers finds a CXRBertModel's type and heads odd.
    with opened(name, location, "text_encoder") as place:
        revision = pinned(place)
        tokenizer = BertTokenizer.from_pretrained(place, model_max_length=TOKENS, trust_remote_code=False, **revision)
        config = BertConfig.from_pretrained(place, trust_remote_code=False, **revision)
        model, report = BertModel.from_pretrained(
            place,
            config=config,
            add_pooling_layer=False,
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **revision,
        )
    check_complete(name, place, report)
    # Without its vocabulary a tokenizer still loads, and then every word is the unknown one.
    if tokenizer.unk_token_id in tokenizer("no abnormality", add_special_tokens=False)["input_ids"]:
        raise HarnessError(f"The tokenizer of {name!r} in {place} knows no words; is its vocab.txt there?")
    return tokenizer, model.eval().requires_grad_(False)
