"""The pool's mean film: references laid upon each other by where their concepts are, not by their greys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_erosion, gaussian_filter

from plugins.attributors.medfocus.film_area import film_area
from plugins.attributors.medfocus.references import Pool
from plugins.attributors.medfocus.structure import SIDE, at, structure

DIRECTIONS = 24  # in which each mask's outermost point is kept: these give its box, however the film is turned
ROOM = 1.25  # the mean film's side over the anatomy's
MARGIN = 5.0  # cells about the anatomy that are compared; beyond it films are framed differently


@dataclass(frozen=True)
class Template:
    """The mean film on ``SIDE`` x ``SIDE`` cells.

    ``structure``: float [SIDE, SIDE], see :mod:`~plugins.attributors.medfocus.structure`; ``known``: bool, the cells
    that are compared. ``outlines``: float [R, 11, DIRECTIONS, 2], the outermost points (x, y), in cells, of each
    reference's concepts; not a number where a mask is empty.
    """

    structure: np.ndarray
    known: np.ndarray
    outlines: np.ndarray


def make_template(pool: Pool) -> Template:
    """The mean film of a pool.

    Each reference is turned, scaled and shifted so that the centres and the boxes of its concepts lie nearest to
    those of all.
    """
    outlines = np.array([[outline(mask) for mask in masks] for masks in pool.masks])
    marks = np.concatenate([outlines.mean(2), outlines.min(2), outlines.max(2)], axis=1)
    goal = np.nanmedian(marks, axis=0)
    for _ in range(3):
        moves = [similarity(own, goal) for own in marks]
        goal = np.nanmean([own @ turn.T + shift for own, (turn, shift) in zip(marks, moves, strict=True)], axis=0)
    placed = np.stack([own @ turn.T + shift for own, (turn, shift) in zip(outlines, moves, strict=True)])
    low, high = (np.nanmedian(edge(placed, axis=(1, 2)), axis=0) for edge in (np.nanmin, np.nanmax))
    cell = ROOM * float(max(high - low)) / SIDE
    corner = (low + high) / 2 - cell * SIDE / 2

    y, x = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    cells = np.stack([x, y], -1)
    there = cells * cell + corner
    films = [
        _placed(image, (there - shift) @ np.linalg.inv(turn).T, cell)
        for image, (turn, shift) in zip(pool.images, moves, strict=True)
    ]
    count = np.sum([inside for _, inside in films], axis=0)
    mean = np.sum([level * inside for level, inside in films], axis=0) / np.maximum(count, 1)
    most = 2 * count >= len(films)
    low, high = (low - corner) / cell - MARGIN, (high - corner) / cell + MARGIN
    near = ((cells > low) & (cells < high)).all(-1)
    return Template(structure(mean, most), most & near, (placed - corner) / cell)


def outline(mask: np.ndarray) -> np.ndarray:
    """The outermost corners (x, y) of a mask's pixels in each of ``DIRECTIONS``, float [DIRECTIONS, 2]."""
    rows, cols = np.nonzero(mask & ~binary_erosion(mask))
    if not len(rows):
        return np.full((DIRECTIONS, 2), np.nan)
    angles = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
    ways = np.stack([np.cos(angles), np.sin(angles)], 1).round(9)
    furthest = np.argmax(ways @ np.stack([cols, rows]), axis=1)
    return np.stack([cols[furthest], rows[furthest]], 1) + 0.5 + 0.5 * np.sign(ways)


def similarity(start: np.ndarray, goal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The turn and scale, [2, 2], and the shift, [2], that bring points [n, 2] nearest to others (least squares).

    Points that are no numbers do not count.
    """
    sound = np.isfinite(start).all(1) & np.isfinite(goal).all(1)
    if sound.sum() < 2:
        return np.eye(2), np.zeros(2)
    a, b = start[sound], goal[sound]
    p, q = ((points - points.mean(0)) @ np.array([1, 1j]) for points in (a, b))
    ratio = np.vdot(p, q) / (np.vdot(p, p).real or 1.0)
    turn = np.array([[ratio.real, -ratio.imag], [ratio.imag, ratio.real]])
    return turn, b.mean(0) - turn @ a.mean(0)


def _placed(image: np.ndarray, points: np.ndarray, cell: float) -> tuple[np.ndarray, np.ndarray]:
    """A reference's levels at points [..., 2] of its frame, and which of them lie on its film."""
    grey = image.astype(np.float64)
    rows, cols = film_area(grey)
    film = gaussian_filter(grey[rows, cols], 0.4 * cell)
    x, y = points[..., 0] - cols.start, points[..., 1] - rows.start
    inside = (x >= 0) & (x < film.shape[1]) & (y >= 0) & (y < film.shape[0])
    ranks = np.sort(film.ravel())
    return np.searchsorted(ranks, at(film, x, y)) / len(ranks) - 0.5, inside
