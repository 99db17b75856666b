"""The radedit editor's images, their cost and their cells; small networks of the real classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("diffusers")

from small_diffusion import editor

from harness.building.causal import counterfactuals
from harness.contracts.editor import region_mask
from harness.contracts.source import Sample
from harness.errors import HarnessError
from harness.imaging.frame import Box, Letterbox
from harness.imaging.read import letterbox
from plugins.editors.radedit import RadEdit, edit_cells, levels_used, unletterbox

SHADES = np.random.default_rng(0).integers(0, 256, (45, 90), dtype=np.uint8)
IMAGE = np.repeat(SHADES[..., None], 3, axis=2)
BOX = Box(20, 12, 50, 30)
PROMPT = "No effusion"


@pytest.fixture(scope="module")
def plain() -> RadEdit:
    return editor()


@pytest.fixture(scope="module")
def uncut() -> RadEdit:
    return editor(composite=False)


@pytest.fixture
def calls(plain: RadEdit) -> Iterator[list[int]]:
    """The size of each batch that the noise predictor is given."""
    seen: list[int] = []
    hook = plain.networks.unet.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    yield seen
    hook.remove()


def forget(plugin: RadEdit) -> None:
    plugin._latest = None


# Images


@pytest.mark.parametrize("region", ["foreground", "background"])
def test_only_the_region_changes(plain: RadEdit, region: Any) -> None:
    edited = plain.edit(IMAGE, [BOX], PROMPT, region)
    assert edited.shape == IMAGE.shape and edited.dtype == np.uint8
    mask = region_mask(IMAGE.shape, [BOX], region)
    assert np.array_equal(edited[~mask], IMAGE[~mask])
    assert (edited[mask] != IMAGE[mask]).mean() > 0.5
    assert (edited == edited[..., :1]).all(), "a grey image stays grey"


@pytest.mark.parametrize("region", ["foreground", "background"])
def test_kept_cells_are_decoded_from_the_images_own_latent(
    uncut: RadEdit, region: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[torch.Tensor] = []
    decode = uncut.networks.decode
    monkeypatch.setattr(uncut.networks, "decode", lambda latent: decoded.append(latent) or decode(latent))
    edited = uncut.edit(IMAGE, [BOX], PROMPT, region)
    assert edited.shape == IMAGE.shape and edited.dtype == np.uint8
    frame, place = letterbox(IMAGE, 64)
    cells = torch.from_numpy(edit_cells([BOX], region, place, 8))
    clean = uncut.networks.encode(frame).double()
    assert torch.equal(decoded[0][:, ~cells], clean[:, ~cells])
    assert (decoded[0][:, cells] != clean[:, cells]).all()


@pytest.mark.parametrize("options", [{}, {"skip": 1.0}])
def test_without_an_edit_the_image_makes_a_round_trip_through_the_autoencoder(options: dict[str, Any]) -> None:
    plugin = editor(composite=False, **options)
    frame, place = letterbox(IMAGE, 64)
    trip = unletterbox(plugin.networks.decode(plugin.networks.encode(frame)), place)
    shades = trip @ (0.299, 0.587, 0.114)
    boxes = [BOX] if options else []
    np.testing.assert_allclose(plugin.edit(IMAGE, boxes, PROMPT)[..., 0], shades, atol=0.51)


def test_nothing_to_edit(plain: RadEdit, calls: list[int]) -> None:
    everything = Box(-5, -5, 1000, 1000)
    for boxes, region in (([], "foreground"), ([everything], "background"), ([Box(95, 0, 99, 9)], "foreground")):
        edited = plain.edit(IMAGE, boxes, PROMPT, region)  # type: ignore[arg-type]
        assert np.array_equal(edited, IMAGE) and edited is not IMAGE
    assert not calls
    assert (plain.edit(IMAGE, [everything], PROMPT) != IMAGE).mean() > 0.9
    assert (plain.edit(IMAGE, [], PROMPT, "background") != IMAGE).mean() > 0.9


def test_a_box_of_one_pixel_is_edited_and_kept(plain: RadEdit) -> None:
    image = np.repeat(IMAGE, 4, axis=1)  # 45 x 360: a pixel is a fiftieth of a cell
    edited = plain.edit(image, [Box(100, 20, 101, 21)], PROMPT)
    changed = np.argwhere((edited != image).any(-1))
    assert changed.tolist() == [[20, 100]]
    kept = edit_cells([Box(100, 20, 101, 21)], "background", Letterbox(360, 45, 64), 8)
    assert (~kept).sum() > 0


def test_an_overflow_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = editor()
    monkeypatch.setattr(plugin.networks, "predict", lambda latents, *_: torch.full_like(latents, torch.inf))
    with pytest.raises(HarnessError, match=r"not finite; set -o radedit\.dtype=float32"):
        plugin.edit(IMAGE, [BOX], PROMPT)


def test_colours_are_kept() -> None:
    image = np.random.default_rng(1).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    edited = editor().edit(image, [Box(0, 0, 30, 40)], PROMPT)
    assert (edited != edited[..., :1]).any()


def test_the_published_size_works() -> None:
    plugin = editor(size=224, steps=1, skip=0, composite=False)  # 28 cells: no power of two
    assert plugin.edit(IMAGE, [BOX], PROMPT).shape == IMAGE.shape


# Randomness and cost


def test_the_seed_fixes_everything(plain: RadEdit) -> None:
    first = plain.edit(IMAGE, [BOX], PROMPT, seed=5)
    torch.manual_seed(1)
    forget(plain)
    assert np.array_equal(first, plain.edit(IMAGE, [BOX], PROMPT, seed=5))
    assert not np.array_equal(first, plain.edit(IMAGE, [BOX], PROMPT, seed=6))
    assert not np.array_equal(first, plain.edit(IMAGE, [BOX], "No nodule", seed=5))


def test_one_inversion_serves_an_images_three_edits(plain: RadEdit, calls: list[int]) -> None:
    sample = Sample("vindr_cxr", 0, "a.png", "effusion", (BOX,))
    forget(plain)
    edits = counterfactuals(plain, IMAGE, sample, seed=3)
    # 4 steps, 3 of them used, the last without a map: 2 in one batch; then both texts in each of 3 steps, thrice.
    assert calls == [2] + [2] * 9
    prompts = ("No effusion", "No effusion", "No abnormality")
    regions: Any = ("foreground", "background", "background")
    for edit, prompt, region in zip(edits, prompts, regions, strict=True):
        forget(plain)
        assert np.array_equal(edit, plain.edit(IMAGE, [BOX], prompt, region, 3))
    calls.clear()
    plain.edit(IMAGE, [BOX], PROMPT, seed=3)
    plain.edit(IMAGE, [BOX], PROMPT, seed=4)
    plain.edit(255 - IMAGE, [BOX], PROMPT, seed=4)
    assert len(calls) == 3 + 4 + 4, "another seed or image is inverted anew"


def test_skip_counts_whole_steps() -> None:
    shares = {(4, 0.3): 3, (100, 0.29): 71, (200, 0.3): 140, (10, 1.0): 0, (7, 0.0): 7}
    for (steps, skip), levels in shares.items():
        assert levels_used(steps, skip) == levels


# Cells


def test_cells_that_a_box_touches() -> None:
    place = Letterbox(128, 128, 64)  # a cell is 16 native pixels wide
    cells = edit_cells([Box(16, 32, 48, 48)], "foreground", place, 8)
    assert np.argwhere(cells).tolist() == [[2, 1], [2, 2]], "exact edges touch no neighbour"
    cells = edit_cells([Box(15.5, 32, 48.5, 48)], "foreground", place, 8)
    assert np.argwhere(cells).tolist() == [[2, 0], [2, 1], [2, 2], [2, 3]]
    # 49 of 98 pixels are 3.9999999999999996 of 8 cells.
    assert edit_cells([Box(49, 49, 98, 98)], "foreground", Letterbox(98, 98, 64), 8).sum() == 16
    assert not edit_cells([Box(20, 20, 20, 40)], "foreground", place, 8).any()


@pytest.mark.parametrize("size", [(90, 45), (45, 90), (61, 64), (1000, 3), (2000, 2500)])
def test_cells_cover_the_pixels_and_complement_one_another(size: tuple[int, int]) -> None:
    place = Letterbox(*size, 64)
    rng = np.random.default_rng(sum(size))
    for _ in range(20):
        corners = np.sort(rng.random((2, 2)) * size, axis=0).ravel().tolist()
        inside = edit_cells([Box(*corners)], "foreground", place, 8)
        outside = edit_cells([Box(*corners)], "background", place, 8)
        content = edit_cells([], "background", place, 8)
        assert not (inside & outside).any() and np.array_equal(inside | outside, content)
        for y, x in np.argwhere(region_mask(size[::-1], [Box(*corners)], "foreground"))[::397]:
            spot = place.to_frame(Box(x + 0.5, y + 0.5, x + 0.5, y + 0.5))
            assert inside[int(spot.y0 // 8), int(spot.x0 // 8)]


def test_padding_is_never_edited() -> None:
    place = Letterbox(90, 45, 64)  # rows 16 to 48 of the square
    cells = edit_cells([], "background", place, 8)
    assert np.flatnonzero(cells.all(1)).tolist() == [2, 3, 4, 5] and cells.sum() == 32


@pytest.mark.parametrize("size", [(90, 45), (45, 91), (300, 301), (1, 50)])
def test_there_and_back(size: tuple[int, int]) -> None:
    y, x = np.mgrid[: size[1], : size[0]]
    smooth = np.round(120 + 60 * np.sin(x / size[0] * 3) + 60 * np.cos(y / size[1] * 3))
    image = np.repeat(smooth.astype(np.uint8)[..., None], 3, axis=2)
    back = unletterbox(*letterbox(image, 64))
    assert back.shape == image.shape and back.dtype == np.uint8
    assert np.abs(back.astype(int) - image)[2:-2].max(initial=0) <= 3
