"""Findings of organs, which lie where the organ lies: each part as extra attenuation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from plugins.phantom.anatomy import Anatomy
from plugins.phantom.body import noise
from plugins.phantom.lesions import GAIN
from plugins.phantom.projection import smoothstep
from plugins.phantom.vocabulary import SIDES, SIGN, Side


def draw(a: Anatomy, kind: str, rng: np.random.Generator) -> list[np.ndarray]:
    """The parts of one finding, each float [HEIGHT, WIDTH], at a contrast of one."""
    return _MAKERS[kind](a, rng)


def _sides(rng: np.random.Generator) -> list[Side]:
    """One side, or now and then both."""
    first: Side = SIDES[int(rng.integers(2))]
    return list(SIDES) if rng.random() < 0.25 else [first]


def _cardiomegaly(a: Anatomy, rng: np.random.Generator) -> list[np.ndarray]:
    wide = a.heart(rng.uniform(1.34, 1.62)).chord(a.projection)
    gained = np.clip(a.replace(wide * a.in_cage) - a.replace(a.heart_chord * a.in_cage), 0, None)
    return [gaussian_filter(gained, 1.7)]


def _widened_mediastinum(a: Anatomy, rng: np.random.Generator) -> list[np.ndarray]:
    gained = np.clip(a.replace(a.upper_chord(rng.uniform(1.8, 2.4))) - a.replace(a.upper_chord()), 0, None)
    return [gaussian_filter(gained, 1.6)]


def _hilar_enlargement(a: Anatomy, rng: np.random.Generator) -> list[np.ndarray]:
    return [
        np.clip(1.5 * (a.replace(a.hilum_chord(side, rng.uniform(1.9, 2.4))) - a.replace(a.hilum_chord(side))), 0, None)
        for side in _sides(rng)
    ]


def _effusion(a: Anatomy, rng: np.random.Generator) -> list[np.ndarray]:
    made = []
    for side in _sides(rng):
        x, y = a.x * SIGN[side], a.y
        edge = a.cage_half_width(y)
        # The meniscus climbs towards the chest wall.
        level = a.dome_top(side) + rng.uniform(-52, -2) + 12 - 30 * (1 - smoothstep(edge - x, 0, 62))
        level = level + 2.5 * noise(rng, x, 12)
        filled = smoothstep(y, level - 7, level + 14) * (1 + 0.06 * noise(rng, x, 9))
        made.append(GAIN * a.lung_length[side] * filled * smoothstep(x, 34, 60) * 0.72)
    return made


_MAKERS: dict[str, Callable[[Anatomy, np.random.Generator], list[np.ndarray]]] = {
    "cardiomegaly": _cardiomegaly,
    "widened mediastinum": _widened_mediastinum,
    "hilar enlargement": _hilar_enlargement,
    "pleural effusion": _effusion,
}
