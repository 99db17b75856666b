"""The mathematics of inversion and denoising, with a small network of the real class."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

pytest.importorskip("diffusers")

from small_diffusion import radedit_folder

from plugins.editors.ddpm_inversion import Inversion, Predict, Schedule, denoise, invert
from plugins.editors.latent_diffusion import LatentDiffusion, radedit_schedule

# The networks compute in float32 and round otherwise with the batch and the threads; a few steps make more of it.
ROUNDING = 5e-5

GENERATOR = torch.Generator().manual_seed(3)
CLEAN = torch.randn(4, 8, 8, generator=GENERATOR)
EDIT = torch.zeros(8, 8, dtype=torch.bool)
EDIT[2:5, 3:7] = True
NOWHERE = torch.zeros_like(EDIT)
EVERYWHERE = ~NOWHERE


@dataclass
class Spy:
    """A network that remembers what it was asked: latents [b, c, h, w] of each call."""

    predict: Predict
    asked: list[torch.Tensor] = field(default_factory=list)

    def __call__(self, latents: torch.Tensor, timesteps: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
        self.asked.append(latents)
        return self.predict(latents, timesteps, texts)


@dataclass
class Film:
    """A latent, inverted, and what is needed to edit it."""

    networks: LatentDiffusion
    steps: int = 10
    levels: int = 7
    seed: int = 0

    def __post_init__(self) -> None:
        self.schedule = radedit_schedule(self.steps)
        self.empty, self.prompt = self.networks.embed(""), self.networks.embed("no effusion")
        self.inversion = self.invert(self.levels)

    def invert(self, levels: int, batch_size: int = 1) -> Inversion:
        generator = torch.Generator().manual_seed(self.seed)
        return invert(CLEAN, self.empty, self.networks.predict, self.schedule, levels, generator, batch_size)

    def denoise(
        self,
        edit: torch.Tensor | None = None,
        keep: torch.Tensor | None = None,
        guidance: float = 7.5,
        inversion: Inversion | None = None,
        predict: Predict | None = None,
    ) -> torch.Tensor:
        return denoise(
            inversion or self.inversion,
            self.empty,
            self.prompt,
            predict or self.networks.predict,
            self.schedule,
            guidance,
            edit,
            keep,
        )


@pytest.fixture(scope="module")
def networks() -> LatentDiffusion:
    folder = str(radedit_folder())
    return LatentDiffusion("radedit", folder, folder, f"{folder}/text_encoder")


@pytest.fixture(scope="module")
def film(networks: LatentDiffusion) -> Film:
    return Film(networks)


def leftover(schedule: Schedule) -> float:
    """Deviation of the noise that is left in a latent of level 1."""
    return float(np.sqrt(1 - schedule.signal[1]))


@pytest.mark.parametrize("steps", [4, 10, 200])
def test_steps_are_those_of_diffusers(steps: int) -> None:
    from diffusers import DDIMScheduler

    oracle = DDIMScheduler(
        beta_schedule="linear", clip_sample=False, timestep_spacing="trailing", steps_offset=1
    )
    oracle.set_timesteps(steps)
    schedule = radedit_schedule(steps)
    assert schedule.timesteps == tuple(oracle.timesteps.tolist()[::-1])
    latent, noise, fresh = torch.randn(3, 1, 4, 8, 8, generator=GENERATOR, dtype=torch.float64)
    for level in range(1, steps + 1):
        mine = schedule.mean(latent, noise, level) + schedule.deviation(level) * fresh
        timestep = schedule.timesteps[level - 1]
        theirs = oracle.step(noise, timestep, latent, eta=1.0, variance_noise=fresh).prev_sample
        torch.testing.assert_close(mine, theirs, atol=2e-6, rtol=0)
    assert schedule.deviation(1) == 0


@pytest.mark.parametrize("steps", [1, 3, 7, 61, 103, 150, 1000])
def test_any_number_of_steps_ends_at_the_clean_level(steps: int) -> None:
    schedule = radedit_schedule(steps)
    assert len(schedule.timesteps) == steps == schedule.steps
    assert schedule.timesteps[0] >= 0 and schedule.timesteps[-1] == 999
    assert list(schedule.signal) == sorted(schedule.signal, reverse=True) and schedule.signal[0] == 1
    generator = torch.Generator().manual_seed(0)
    deaf: Predict = lambda latents, timesteps, texts: torch.zeros_like(latents)  # noqa: E731
    text = torch.zeros(2, 3)
    inversion = invert(CLEAN, text, deaf, schedule, steps, generator)
    ended = denoise(inversion, text, text, deaf, schedule, 7.5, EDIT, ~EDIT)
    assert inversion.maps.isfinite().all() and ended.isfinite().all()
    assert torch.equal(ended[:, ~EDIT], CLEAN.double()[:, ~EDIT])


def test_the_level_below_is_the_next_of_the_list() -> None:
    # t - 1000 // 7 would be 857, 715, ...
    assert radedit_schedule(7).timesteps == (142, 285, 428, 570, 713, 856, 999)


def test_the_latents_are_drawn_from_the_forward_process() -> None:
    schedule, text = radedit_schedule(200), torch.zeros(2, 3)
    clean = torch.full((4, 64, 64), 2.0)
    generator = torch.Generator().manual_seed(0)
    deaf: Predict = lambda latents, timesteps, texts: torch.zeros_like(latents)  # noqa: E731
    latents = invert(clean, text, deaf, schedule, 140, generator).latents
    noises = []
    for level in (1, 20, 70, 140):
        noise = (latents[level] - schedule.signal[level] ** 0.5 * 2) / (1 - schedule.signal[level]) ** 0.5
        assert abs(noise.mean()) < 0.03 and abs(noise.std() - 1) < 0.03
        noises.append(noise.flatten())
    assert torch.corrcoef(torch.stack(noises)).fill_diagonal_(0).abs().max() < 0.03, "each level has its own noise"


def test_the_maps_lead_through_the_latents_that_were_drawn(film: Film) -> None:
    spy = Spy(film.networks.predict)
    film.denoise(edit=NOWHERE, predict=spy)
    seen = torch.cat(spy.asked)
    assert len(seen) == film.levels
    assert (seen - film.inversion.latents.flip(0)[:-1]).abs().max() < 1e-12
    # The same with both texts in a batch, where the network rounds otherwise.
    spy = Spy(film.networks.predict)
    film.denoise(edit=None, guidance=0.0, predict=spy)
    seen = torch.stack([asked[0] for asked in spy.asked])
    torch.testing.assert_close(seen, film.inversion.latents.flip(0)[:-1], atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("steps", [4, 10])
def test_the_last_step_ends_at_the_networks_idea_of_the_clean_latent(networks: LatentDiffusion, steps: int) -> None:
    film = Film(networks, steps, steps)
    signal, noisy = film.schedule.signal[1], film.inversion.latents[1]
    timestep = torch.tensor([film.schedule.timesteps[0]])
    guess = networks.predict(noisy[None], timestep, film.empty[None])[0]
    true = (noisy - signal**0.5 * CLEAN) / (1 - signal) ** 0.5
    error = film.denoise(edit=NOWHERE) - CLEAN
    torch.testing.assert_close(error, -(((1 - signal) / signal) ** 0.5) * (guess - true), atol=ROUNDING, rtol=0)


def test_no_guidance_is_reconstruction(film: Film) -> None:
    plain = film.denoise(edit=NOWHERE)
    assert torch.equal(plain, film.denoise(edit=NOWHERE, guidance=0.0))
    torch.testing.assert_close(film.denoise(edit=EDIT, guidance=0.0), plain, atol=ROUNDING, rtol=0)
    film_of_empty = Film(film.networks)
    film_of_empty.prompt = film_of_empty.empty
    torch.testing.assert_close(film_of_empty.denoise(edit=EDIT), plain, atol=1e-4, rtol=0)
    assert (film.denoise(edit=EDIT) - plain).abs().max() > 0.1, "the prompt must matter"


def test_the_prompt_guides_inside_the_edit_alone(networks: LatentDiffusion) -> None:
    film = Film(networks, levels=1)  # one step: later ones spread what the first has changed
    plain, edited = film.denoise(NOWHERE), film.denoise(EDIT)
    torch.testing.assert_close(edited[:, ~EDIT], plain[:, ~EDIT], atol=ROUNDING, rtol=0)
    assert (edited - plain)[:, EDIT].abs().max() > 1e-3


def test_kept_cells_end_as_they_were(film: Film) -> None:
    clean = CLEAN.double()
    assert torch.equal(film.denoise(EDIT, EVERYWHERE), clean), "keep wins over edit"
    edited = film.denoise(EDIT, ~EDIT)
    assert torch.equal(edited[:, ~EDIT], clean[:, ~EDIT])
    assert (edited[:, EDIT] - clean[:, EDIT]).abs().min() > 0
    assert not torch.equal(edited, film.denoise(EDIT, ~EDIT, guidance=2.0))


def test_what_is_kept_is_what_the_mask_says(film: Film) -> None:
    assert torch.equal(film.denoise(EDIT, NOWHERE), film.denoise(EDIT, None))
    keep = EVERYWHERE.clone()
    keep[1:6, 2:8] = False  # a free band of one cell about the edit
    banded, tight = film.denoise(EDIT, keep), film.denoise(EDIT, ~EDIT)
    band = ~keep & ~EDIT
    assert (banded[:, band] - tight[:, band]).abs().max() > 1e-3, "the band may drift"
    assert torch.equal(banded[:, keep], tight[:, keep])


def test_pasting_one_level_too_noisy_would_be_seen(networks: LatentDiffusion) -> None:
    # The public pipeline's fault: after the step to level k - 1 it pastes the latent of level k.
    film = Film(networks, steps=4, levels=4)
    latents = film.inversion.latents
    faulty = Inversion(torch.cat([latents[1:], latents[-1:]]), film.inversion.maps)
    error = (film.denoise(EDIT, ~EDIT, inversion=faulty) - CLEAN)[:, ~EDIT]
    assert error.std() > 0.5 and leftover(film.schedule) > 0.6
    assert (film.denoise(EDIT, ~EDIT) - CLEAN)[:, ~EDIT].abs().max() == 0


def test_nothing_is_divided_by_the_last_steps_deviation(film: Film) -> None:
    assert film.inversion.latents.isfinite().all() and film.inversion.maps.isfinite().all()
    assert torch.equal(film.inversion.latents[0], CLEAN.double())
    assert not film.inversion.maps[0].any()


def test_skipping_levels(film: Film) -> None:
    assert torch.equal(film.denoise(inversion=film.invert(0)), CLEAN.double())
    all_levels = film.invert(10)
    assert torch.equal(all_levels.latents[:8], film.inversion.latents), "a seed gives a level the same noise"
    assert torch.equal(all_levels.maps[:7], film.inversion.maps)


def test_the_seed_fixes_everything(film: Film) -> None:
    again, other = Film(film.networks), Film(film.networks, seed=1)
    assert torch.equal(film.denoise(EDIT, ~EDIT), again.denoise(EDIT, ~EDIT))
    assert (film.denoise(EDIT, ~EDIT) - other.denoise(EDIT, ~EDIT)).abs().max() > 1e-3


def test_calls_of_the_network(networks: LatentDiffusion) -> None:
    schedule, text = radedit_schedule(200), torch.zeros(2, 3)
    spy = Spy(lambda latents, timesteps, texts: torch.zeros_like(latents))
    inversion = invert(CLEAN, text, spy, schedule, 140, torch.Generator().manual_seed(0), batch_size=8)
    assert [len(asked) for asked in spy.asked] == [8] * 17 + [3], "level 1 has no map to look for"
    spy.asked.clear()
    denoise(inversion, text, text, spy, schedule, 7.5, EDIT, ~EDIT)
    assert [len(asked) for asked in spy.asked] == [2] * 140
    spy.asked.clear()
    denoise(inversion, text, text, spy, schedule, 7.5, NOWHERE)
    assert [len(asked) for asked in spy.asked] == [1] * 140


def test_batches_change_nothing(film: Film) -> None:
    torch.testing.assert_close(film.invert(7, batch_size=4).maps, film.inversion.maps, atol=1e-4, rtol=0)
