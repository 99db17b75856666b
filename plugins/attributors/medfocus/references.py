"""The pool of reference chest X-rays with concept masks, and how one of them is fitted to a target image."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from harness.errors import HarnessError
from harness.imaging.frame import Box
from plugins.attributors.medfocus import uot
from plugins.attributors.medfocus.concepts import CONCEPTS

Choice = Literal["cost", "debiased"]

DEFAULT_POOL = Path(__file__).parent / "pools" / "phantom.npz"
SUPPORT = 0.02  # of the largest intensity: darker pixels (padding, air outside the body) carry no mass


@dataclass(frozen=True)
class Pool:
    """R normal chest X-rays in one frame.

    ``images``: uint8 [R, side, side]; ``masks``: bool [R, 11, side, side]. The masks are in the order of
    :data:`CONCEPTS`; ``origin`` says in words where the pool comes from.
    """

    images: np.ndarray
    masks: np.ndarray
    origin: str

    def choose(self, target: np.ndarray, epsilon: float, lam: float, by: Choice) -> int:
        """Index of the reference nearest to a target mass [g, g]: of the least transport cost, or divergence."""
        sources = np.stack([mass(image, target.shape[0]) for image in self.images])
        if by == "cost":
            return int(np.argmin(uot.solve(sources, target, epsilon, lam).cost()))
        return int(np.argmin(uot.divergence(sources, target, epsilon, lam)))

    def transfer(self, index: int, target: np.ndarray, epsilon: float, lam: float) -> np.ndarray:
        """Mass that reference ``index`` moves from each concept into each target cell, float [11, g, g]."""
        g = target.shape[0]
        plan = uot.solve(mass(self.images[index], g), target, epsilon, lam)
        return plan.push(average(self.masks[index], g))


def save_pool(pool: Pool, path: Path) -> None:
    """Write a pool for :func:`load_pool`; equal pools give equal bytes.

    The file appears whole or not at all. Raises ``HarnessError`` where it cannot be written.
    """
    partial = path.with_name(f"writing-{path.name}")
    try:
        with partial.open("wb") as file:
            np.savez_compressed(
                file,
                images=pool.images,
                masks=np.packbits(pool.masks),
                concepts=np.array(CONCEPTS),
                origin=np.array(pool.origin),
            )
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise HarnessError(f"The reference pool {path} cannot be written: {error.strerror or error}.") from error


def load_pool(path: Path) -> Pool:
    """A pool from an ``.npz`` file.

    Its arrays: ``images`` uint8 [R, side, side]; ``masks``, ``np.packbits`` of bool [R, 11, side, side];
    ``concepts``, the 11 names of :data:`CONCEPTS` in any order; ``origin``, text. Raises ``HarnessError`` for
    a file that is missing, broken or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            images, packed = file["images"], file["masks"]
            names, origin = [str(name) for name in file["concepts"]], str(file["origin"])
    except FileNotFoundError:
        raise HarnessError(f"The reference pool {path} does not exist; set the option pool to an .npz file.") from None
    except KeyError as error:
        raise HarnessError(f"The reference pool {path} lacks an array: {error.args[0]}") from error
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise HarnessError(f"The reference pool {path} cannot be read as an .npz file: {error}") from error
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1] != images.shape[2] or not len(images):
        raise HarnessError(
            f"The reference pool {path} must hold images uint8 [R, side, side]; it holds {images.dtype} {images.shape}."
        )
    if sorted(names) != sorted(CONCEPTS):
        odd = sorted(set(names) ^ set(CONCEPTS)) or "repeated names"
        raise HarnessError(f"The reference pool {path} must have the {len(CONCEPTS)} concepts; these differ: {odd}")
    shape = (len(images), len(CONCEPTS), *images.shape[1:])
    count = int(np.prod(shape))
    if packed.dtype != np.uint8 or packed.size != -(-count // 8):
        raise HarnessError(f"The reference pool {path} must hold masks of {count} packed bits for {shape}.")
    masks = np.unpackbits(packed.ravel(), count=count).astype(bool).reshape(shape)
    order = [names.index(concept) for concept in CONCEPTS]
    return Pool(images, masks[:, order], origin)


def mass(image: np.ndarray, grid: int, content: Box | None = None) -> np.ndarray:
    """An image [side, side] or [side, side, 3] as a distribution on a grid, float64 [grid, grid] with sum 1.

    The intensity is stretched to 0..1 and averaged over each cell; cells at or below :data:`SUPPORT` are
    empty, and so is all that lies outside ``content``. An image that is constant gives a uniform distribution
    over its content.
    """
    grey = image.astype(np.float64)
    grey = grey.mean(-1) if grey.ndim == 3 else grey
    grey = grey - grey.min()
    inside = np.ones(grey.shape, bool)
    if content is not None:
        inside[:] = False
        inside[round(content.y0) : round(content.y1), round(content.x0) : round(content.x1)] = True
    cells = average(np.where(inside, grey / (grey.max() or 1.0), 0.0), grid)
    cells[cells <= SUPPORT] = 0
    if not cells.any():
        cells = average(inside, grid)
    return cells / cells.sum()


def average(images: np.ndarray, grid: int) -> np.ndarray:
    """Area averages over grid x grid equal cells, float64 [..., grid, grid], from [..., side, side].

    Exact where the cells cut through pixels too.
    """
    side = images.shape[-1]
    edges = np.linspace(0, side, grid + 1)
    pixels = np.arange(side)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.clip(overlap, 0, None) * grid / side
    return weights @ images.astype(np.float64) @ weights.T
