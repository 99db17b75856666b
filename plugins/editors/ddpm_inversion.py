"""Edit-friendly DDPM inversion (Huberman-Spiegelglas et al. 2024, arXiv 2304.06140) with RadEdit's two masks
(Pérez-García et al. 2024, arXiv 2312.12865).

Everything is indexed by the noise level k: 0 is the clean latent x_0, 1 the least noisy one that the network sees,
n pure noise. A step leads from level k to k - 1. Latents are float64 [c, h, w], whatever the network computes in:
a noise map is a difference divided by a deviation that gets small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TypeAlias

import torch

# Latents [b, c, h, w], their timesteps [b] and texts [b, tokens, width]: the noise in them, [b, c, h, w].
Predict: TypeAlias = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Schedule:
    """The timesteps t_1 < ... < t_n that the network is asked about, and how much signal each level holds.

    ``signal[k]`` is the cumulative product of the alphas at level k, 1 at level 0. The level before is the next of
    this list: ``t - 1000 // n``, which many implementations take for it, is another one unless n divides 1000.
    """

    timesteps: tuple[int, ...]
    signal: tuple[float, ...]

    @classmethod
    def of(cls, timesteps: Sequence[int], alphas_cumprod: torch.Tensor) -> Schedule:
        """From timesteps in any order and the signal at each timestep of training, [steps of training]."""
        ascending = sorted(int(t) for t in timesteps)
        return cls(tuple(ascending), (1.0, *(float(alphas_cumprod[t]) for t in ascending)))

    @property
    def steps(self) -> int:
        """n, the number of levels above the clean one."""
        return len(self.timesteps)

    def noised(self, clean: torch.Tensor, noise: torch.Tensor, level: int) -> torch.Tensor:
        """A draw from q(x_k | x_0)."""
        return sqrt(self.signal[level]) * clean + sqrt(1 - self.signal[level]) * noise

    def deviation(self, level: int) -> float:
        """Standard deviation of p(x_{k-1} | x_k), as DDPM has it (DDIM with eta = 1); 0 at level 1."""
        here, below = self.signal[level], self.signal[level - 1]
        return sqrt((1 - below) / (1 - here) * (1 - here / below))

    def mean(self, latent: torch.Tensor, noise: torch.Tensor, level: int) -> torch.Tensor:
        """Mean of p(x_{k-1} | x_k), where ``noise`` is the network's prediction for x_k."""
        here, below = self.signal[level], self.signal[level - 1]
        clean = (latent - sqrt(1 - here) * noise) / sqrt(here)
        towards = sqrt(1 - below - self.deviation(level) ** 2)
        return sqrt(below) * clean + towards * noise


@dataclass(frozen=True)
class Inversion:
    """An image's latents at the levels 0..m, and the noise maps that lead down from one to the next.

    ``latents``: [m + 1, c, h, w]. ``maps``: [m, c, h, w], where maps[k - 1] is z_k = (x_{k-1} - mean) / deviation.
    With them, the same predictions lead from the noisiest latent through all the others, but for the last step:
    it has no deviation, hence no map, and ends at the network's idea of the clean latent. It serves any number of
    edits.
    """

    latents: torch.Tensor
    maps: torch.Tensor


def invert(
    clean: torch.Tensor,
    empty: torch.Tensor,
    predict: Predict,
    schedule: Schedule,
    levels: int,
    generator: torch.Generator,
    batch_size: int = 1,
) -> Inversion:
    """The inversion of a clean latent [c, h, w] up to level ``levels``, under the empty text [tokens, width].

    The latents of the levels are drawn independently, each with fresh noise; the least noisy first, so that a seed
    gives a level the same noise however many are asked for. Since no latent depends on another, ``batch_size`` of
    them go through the network at once. ``generator`` is the CPU's: the same noise on every device.
    """
    clean = clean.double()
    latents = [clean]
    for level in range(1, levels + 1):
        noise = torch.randn(clean.shape, generator=generator).to(clean)
        latents.append(schedule.noised(clean, noise, level))
    maps = [torch.zeros_like(clean)] * levels
    asked = [level for level in range(1, levels + 1) if schedule.deviation(level) > 0]
    for start in range(0, len(asked), batch_size):
        part = asked[start : start + batch_size]
        noises = _predict(predict, [latents[level] for level in part], part, [empty] * len(part), schedule)
        for level, noise in zip(part, noises, strict=True):
            mean = schedule.mean(latents[level], noise, level)
            # No need to set x_{k-1} to mean + deviation * z, as others do against growing errors: in float64 the
            # two differ by less than the network, which is fed float32, can see.
            maps[level - 1] = (latents[level - 1] - mean) / schedule.deviation(level)
    return Inversion(torch.stack(latents), torch.stack(maps) if maps else clean.new_zeros((0, *clean.shape)))


def denoise(
    inversion: Inversion,
    empty: torch.Tensor,
    prompt: torch.Tensor,
    predict: Predict,
    schedule: Schedule,
    guidance: float,
    edit: torch.Tensor | None = None,
    keep: torch.Tensor | None = None,
) -> torch.Tensor:
    """The clean latent [c, h, w] that the noisiest one of the inversion leads to under a prompt [tokens, width].

    ``edit``: bool [h, w], where the prompt guides; elsewhere the unconditional prediction holds; None is everywhere.
    ``keep``: bool [h, w], where the inversion's own latent is pasted after each step; None is nowhere. Where both
    are set, keep wins; where neither is, the latent may drift, which blends the seam. The pasted latent is that of
    the level just reached, so that the kept region ends as the clean latent itself.
    """
    guided = edit is None or bool(edit.any())
    latent = inversion.latents[-1]
    for level in range(len(inversion.maps), 0, -1):
        texts = [empty, prompt] if guided else [empty]
        noises = _predict(predict, [latent] * len(texts), [level] * len(texts), texts, schedule)
        noise = noises[0]
        if guided:
            towards = noises[0] + guidance * (noises[1] - noises[0])
            noise = towards if edit is None else torch.where(edit, towards, noises[0])
        latent = schedule.mean(latent, noise, level) + schedule.deviation(level) * inversion.maps[level - 1]
        if keep is not None:
            latent = torch.where(keep, inversion.latents[level - 1], latent)
    return latent


def _predict(
    predict: Predict,
    latents: Sequence[torch.Tensor],
    levels: Sequence[int],
    texts: Sequence[torch.Tensor],
    schedule: Schedule,
) -> torch.Tensor:
    """One call of the network for several latents, each with its own level and text."""
    stacked = torch.stack(list(latents))
    timesteps = torch.tensor([schedule.timesteps[level - 1] for level in levels], device=stacked.device)
    return predict(stacked, timesteps, torch.stack(list(texts))).double()
