"""RadEdit (Pérez-García et al. 2024, arXiv 2312.12865): text-guided editing of chest X-rays by masked diffusion."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from harness.contracts.editor import Editor, Region, region_mask
from harness.contracts.plugin import NEUTRAL, NoOptions
from harness.contracts.source import Sample
from harness.errors import HarnessError
from harness.hookspecs import hookimpl
from harness.imaging.frame import Box, Letterbox
from harness.imaging.read import letterbox

if TYPE_CHECKING:
    from plugins.editors.ddpm_inversion import Inversion


class RadEdit(Editor):
    """Edit a region by RadEdit's diffusion model as the prompt says; the rest is held to the image.

    The image is letterboxed into a square, inverted into noise (once for all its edits), denoised under the prompt
    and brought back to its own size. Latent cells that a box touches belong to it, so that no box is too small to
    be edited or kept. Where ``composite`` is on, pixels outside the edited region are the image's own, exactly;
    otherwise they have been through the autoencoder, which blurs and moves all of them a little.

    The published MedGround-Bench runs used ``size=224`` and nothing like ``composite``, and a pipeline with two
    faults that this one does not have: expect images like theirs, not equal ones. A GPU is needed in practice: an
    image's three edits are 979 passes of a network of about 860 M parameters.
    """

    name: ClassVar[str] = "radedit"

    class Options(NoOptions):
        """Where the weights lie, as safetensors (`harness weights convert` makes them of a pickle), and how they are
        used. Steps, guidance and skip are MedGround-Bench's."""

        unet: str = Field(
            default="microsoft/radedit",
            description="Folder or hub id of the noise predictor (its subfolder unet, where it has one).",
            json_schema_extra=NEUTRAL,
        )
        vae: str = Field(
            default="stabilityai/sdxl-vae",
            description="Folder or hub id of the autoencoder (AutoencoderKL).",
            json_schema_extra=NEUTRAL,
        )
        text_encoder: str = Field(
            default="microsoft/BiomedVLP-BioViL-T",
            description="Folder or hub id of the text encoder (BERT).",
            json_schema_extra=NEUTRAL,
        )
        steps: int = Field(default=200, ge=1, le=1000, description="Noise levels between the image and pure noise.")
        guidance: float = Field(default=7.5, ge=0, description="Weight of the prompt inside the edited region.")
        skip: float = Field(
            default=0.3, ge=0, le=1, description="Share of the noisiest levels left out; 1 changes nothing."
        )
        size: int = Field(
            default=512, ge=64, le=2048, description="Side of the square that is edited; RadEdit was trained at 512."
        )
        composite: bool = Field(
            default=True, description="Take the pixels outside the edited region from the image itself."
        )
        attend_padding: bool = Field(
            default=True,
            description="The text encoder attends to padding, as in diffusers' pipelines; RadEdit's own is not known.",
        )
        batch_size: int = Field(
            default=8,
            ge=1,
            description="Noise levels in one forward pass of the inversion.",
            json_schema_extra=NEUTRAL,
        )
        dtype: Literal["float32", "bfloat16", "float16"] = Field(
            default="float32", description="Number format of the noise predictor; all else is float32 or float64."
        )
        device: str = Field(
            default="auto",
            pattern=r"^(auto|cpu|cuda(:\d+)?)$",
            description="auto, cpu, cuda or cuda:N.",
            json_schema_extra=NEUTRAL,
        )

    options: Options  # type: ignore[assignment]

    def __init__(self, options: NoOptions | None = None) -> None:
        super().__init__(options)
        self.tolerance = 0 if self.options.composite else 255

    def files(self) -> list[Path]:
        """The weights of the three networks."""
        from plugins.checkpoint import checkpoint_files

        chosen = self.options
        text = checkpoint_files(chosen.text_encoder)
        return [*checkpoint_files(chosen.unet, "unet"), *checkpoint_files(chosen.vae, "vae"), *text]

    def load(self) -> None:
        """Bring the networks into memory; ``HarnessError`` where diffusers or weights are missing or do not fit."""
        from plugins.checkpoint import pick_device
        from plugins.editors.latent_diffusion import LatentDiffusion, radedit_schedule

        chosen = self.options
        self.networks = LatentDiffusion(
            self.name,
            chosen.unet,
            chosen.vae,
            chosen.text_encoder,
            chosen.dtype,
            pick_device(self.name, chosen.device),
            chosen.attend_padding,
        )
        if chosen.size % self.networks.factor:
            raise HarnessError(
                f"Bad option {self.name}.size={chosen.size}: it must be a multiple of {self.networks.factor}."
            )
        self.schedule = radedit_schedule(chosen.steps)
        self.levels = levels_used(chosen.steps, chosen.skip)
        self.empty = self.networks.embed("")
        self._latest: tuple[bytes, Inversion] | None = None

    def edit(
        self,
        image: np.ndarray,
        boxes: Sequence[Box],
        prompt: str,
        region: Region = "foreground",
        seed: int = 0,
        sample: Sample | None = None,
    ) -> np.ndarray:
        """The contract's; the padding of the square is never edited. ``seed`` fixes all randomness."""
        mask = region_mask(image.shape, boxes, region)
        if self.options.composite and not mask.any():
            return image.copy()
        frame, place = letterbox(image, self.options.size)
        cells = edit_cells(boxes, region, place, self.networks.factor)
        edited = unletterbox(self._edit_frame(frame, cells, prompt, seed), place)
        if (image == image[..., :1]).all():
            edited = _grey(edited)
        return np.where(mask[..., None], edited, image) if self.options.composite else edited

    def _edit_frame(self, frame: np.ndarray, cells: np.ndarray, prompt: str, seed: int) -> np.ndarray:
        """``frame``, uint8 [size, size, 3], edited in the latent ``cells``, bool [size / factor, size / factor]."""
        import torch

        from plugins.editors.ddpm_inversion import denoise

        if not cells.any():  # all is kept, so nothing but the way through the autoencoder is left
            return self.networks.decode(self.networks.encode(frame))
        inversion = self._inversion(frame, seed)
        edit = torch.from_numpy(cells).to(inversion.latents.device)
        with torch.inference_mode():
            latent = denoise(
                inversion,
                self.empty,
                self.networks.embed(prompt),
                self.networks.predict,
                self.schedule,
                self.options.guidance,
                edit,
                ~edit,
            )
        if not latent.isfinite().all():
            remedy = f"set -o {self.name}.dtype=float32"
            raise HarnessError(f"The noise predictor of {self.name!r} gave numbers that are not finite; {remedy}.")
        return self.networks.decode(latent)

    def _inversion(self, frame: np.ndarray, seed: int) -> Inversion:
        """The inversion of a frame. The latest one is kept: an image's edits come one after the other."""
        import torch

        from plugins.editors.ddpm_inversion import invert

        key = blake2b(frame.tobytes() + str(seed).encode()).digest()
        if self._latest is None or self._latest[0] != key:
            self._latest = None  # never two in memory
            with torch.inference_mode():
                inversion = invert(
                    self.networks.encode(frame),
                    self.empty,
                    self.networks.predict,
                    self.schedule,
                    self.levels,
                    torch.Generator().manual_seed(seed),
                    self.options.batch_size,
                )
            self._latest = key, inversion
        return self._latest[1]


def levels_used(steps: int, skip: float) -> int:
    """How many of the noise levels are left when the share ``skip`` of the noisiest is left out."""
    return steps - floor(steps * skip + 1e-9)  # 100 * 0.29 is a little less than 29


def edit_cells(boxes: Sequence[Box], region: Region, place: Letterbox, factor: int) -> np.ndarray:
    """The latent cells to edit, bool [side / factor, side / factor], each ``factor`` frame pixels wide.

    ``foreground``: all that the pixels of a box touch, by however little. ``background``: all others that hold any
    of the image; so the two complement each other, and the padding belongs to neither.
    """
    shape = (place.side // factor,) * 2

    def touched(native: Sequence[Box]) -> np.ndarray:
        frame = [place.to_frame(box) for box in native]
        # Rounded: a box that ends on a cell's edge must not touch the next for a rounding error's sake.
        cells = [Box(*(round(edge / factor, 6) for edge in box)) for box in frame]
        return region_mask(shape, cells, "foreground")

    clipped = [box.clip(place.width, place.height) for box in boxes]
    whole = [Box(floor(b.x0), floor(b.y0), ceil(b.x1), ceil(b.y1)) for b in clipped]
    inside = touched([box for box in whole if box.area > 0])
    return inside if region == "foreground" else touched([Box(0, 0, place.width, place.height)]) & ~inside


def unletterbox(frame: np.ndarray, place: Letterbox) -> np.ndarray:
    """The image in a frame, back in its own size, uint8 [height, width, 3]: padding cut off, bicubic."""
    from PIL import Image

    (x, y), (width, height) = place.offset, place.size
    content = Image.fromarray(frame[y : y + height, x : x + width])
    return np.asarray(content.resize((place.width, place.height), Image.Resampling.BICUBIC))


def _grey(image: np.ndarray) -> np.ndarray:
    """The luma in all three channels: the autoencoder tints grey images a little."""
    from PIL import Image

    return np.repeat(np.asarray(Image.fromarray(image).convert("L"))[..., None], 3, axis=2)


@hookimpl
def editors() -> Sequence[type[Editor]]:
    """The editors of this plugin."""
    return [RadEdit]
