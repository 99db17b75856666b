"""Findings that can lie anywhere: each lesion as extra attenuation, so that it can be left out exactly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from plugins.phantom.anatomy import BONE, LUNG, TISSUE, Anatomy
from plugins.phantom.body import noise, rib_profile
from plugins.phantom.projection import PIXEL_MM, ellipsoid, smoothstep
from plugins.phantom.vocabulary import SIDES, SIGN, Side

GAIN = TISSUE - LUNG  # tissue in the place of lung
Spot = tuple[float, float]


def draw(a: Anatomy, kind: str, rng: np.random.Generator) -> list[np.ndarray]:
    """The lesions of one finding, each float [HEIGHT, WIDTH], at a contrast of one."""
    return _MAKERS[kind](a, rng)


def outline(
    a: Anatomy, rng: np.random.Generator, spot: Spot, radius: float, rough: float, flat: float = 1.0
) -> np.ndarray:
    """Distance from a spot in units of an irregular outline's radius there: 1 on the outline, 0 in the middle.

    ``rough`` is the deviation of the radius as a share of it; ``flat`` shortens one axis.
    """
    turn = rng.uniform(0, np.pi)
    c, s = np.cos(turn), np.sin(turn)
    dx, dy = a.x - spot[0], a.y - spot[1]
    dx, dy = c * dx + s * dy, (-s * dx + c * dy) / flat
    angle = np.arctan2(dy, dx)
    reach = np.ones_like(angle)
    for k in range(2, 7):
        reach += rough * rng.normal(0, 1.0 / k**0.7) * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
    return np.hypot(dx, dy) / (radius * np.clip(reach, 0.4, 1.8))


def ball(distance: np.ndarray, radius: float) -> np.ndarray:
    """Path length, mm, through a ball-like body with this outline."""
    return 2 * radius * np.sqrt(np.clip(1 - distance**2, 0, None))


class Room:
    """Where lesions of the lungs can lie on one film: far enough from the lung's and the plate's edges."""

    def __init__(self, a: Anatomy) -> None:
        clear = (a.lungs > 40) & (a.heart_chord * a.in_cage < 20) & (np.abs(a.x) > 32)
        clear[[0, -1]] = clear[:, [0, -1]] = False
        self.a, self.deep = a, distance_transform_edt(clear) * PIXEL_MM / a.p["size"]
        self.taken: list[tuple[float, float, float]] = []

    def spot(self, rng: np.random.Generator, radius: float, inside: float = 0.55) -> Spot:
        """A place whose distance from the edges is at least ``inside`` radii, and which no other lesion has."""
        free = self.deep > inside * radius
        for x, y, r in self.taken:
            free &= np.hypot(self.a.x - x, self.a.y - y) > r + radius
        rows, cols = np.nonzero(free if free.any() else self.deep > 0.5 * self.deep.max())
        k = int(rng.integers(len(rows)))
        x, y = float(self.a.x[rows[k], cols[k]]), float(self.a.y[rows[k], cols[k]])
        self.taken.append((x, y, radius))
        return x, y


def _mass(a: Anatomy, rng: np.random.Generator) -> list[np.ndarray]:
    r = rng.uniform(22, 31)
    shape = outline(a, rng, Room(a).spot(rng, r), r, 0.10, rng.uniform(0.8, 1.0))
    return [2.2 * GAIN * gaussian_filter(ball(shape, r), 0.8) * smoothstep(a.lungs, 5, 40)]


def _nodules(a: Anatomy, rng: np.random.Generator) -> list[np.ndarray]:
    room, made = Room(a), []
    for _ in range(int(rng.integers(2, 4))):
        r = rng.uniform(10.5, 14)
        shape = outline(a, rng, room.spot(rng, r), r, 0.06, rng.uniform(0.85, 1.0))
        made.append(3.4 * GAIN * gaussian_filter(ball(shape, r), 0.6) * smoothstep(a.lungs, 5, 40))
    return made


def _consolidation(a: Anatomy, rng: np.random.Generator) -> list[np.ndarray]:
    room, made = Room(a), []
    for _ in range(1 + int(rng.random() < 0.3)):
        size = rng.uniform(0.95, 1.25)
        cx, cy = room.spot(rng, 30 * size, 0.4)
        chord = np.zeros_like(a.x)
        for _ in range(9):
            dx, dy = rng.normal(0, 15 * size, 2)
            r = size * rng.uniform(15, 25)
            chord += 0.55 * ellipsoid(a.x - cx - dx, a.y - cy - dy, r, r * rng.uniform(0.7, 1.2), r)
        mottle = 0.32 * noise(rng, a.x, 2.4) + 0.15 * noise(rng, a.x, 6)
        chord = gaussian_filter(np.minimum(chord, 58), 2.2) * np.clip(1 + mottle, 0.2, None)
        made.append(1.4 * GAIN * chord * smoothstep(a.lungs, 8, 45))
    return made


def _atelectasis(a: Anatomy, rng: np.random.Generator) -> list[np.ndarray]:
    room, made = Room(a), []
    for _ in range(1 + int(rng.random() < 0.35)):
        half, thick = rng.uniform(36, 48), rng.uniform(5.5, 7.5)
        cx, cy = room.spot(rng, half, 0.55)
        turn, bend = rng.uniform(-0.9, 0.9), rng.normal(0, 0.003)
        c, s = np.cos(turn), np.sin(turn)
        along, across = c * (a.x - cx) + s * (a.y - cy), -s * (a.x - cx) + c * (a.y - cy)
        across = across - bend * along**2
        band = np.exp(-((across / (thick * (1 + 0.2 * np.sin(along / 9)))) ** 2)) * smoothstep(
            np.abs(along), half, half - 12
        )
        made.append(1.05 * band * smoothstep(a.lungs, 6, 40))
    return made


def _cavity(a: Anatomy, rng: np.random.Generator) -> list[np.ndarray]:
    r, wall = rng.uniform(21, 29), rng.uniform(5, 7)
    shape = outline(a, rng, Room(a).spot(rng, r), r, 0.06, rng.uniform(0.85, 1.0))
    hollow = shape * r / (r - wall)
    chord = ball(shape, r) - 1.12 * ball(hollow, r - wall)
    return [2.4 * GAIN * gaussian_filter(chord, 0.7) * smoothstep(a.lungs, 5, 40)]


def _pneumothorax(a: Anatomy, rng: np.random.Generator) -> list[np.ndarray]:
    side: Side = SIDES[int(rng.integers(2))]
    x, y, lung = a.x * SIGN[side], a.y, a.lung_length[side]
    # Air lies against the wall at any height; the pleura's edge wavers.
    middle, half = rng.uniform(a.p["apex"] + 25, a.dome_top(side) - 25), rng.uniform(54, 76)
    reach = np.clip(1 - ((y - middle) / half) ** 2, 0, None) ** 0.7
    waver = 2.2 * np.sin(y / rng.uniform(9, 16) + rng.uniform(0, 6)) + 1.4 * np.sin(y / 5.1 + rng.uniform(0, 6))
    depth = rng.uniform(31, 43) * reach
    edge = a.cage_half_width(y) - depth - waver * reach
    there = smoothstep(lung, 4, 18) * smoothstep(depth, 2, 7)
    air = smoothstep(x, edge - 1.2, edge + 1.2) * there
    line = np.exp(-(((x - edge) / 1.6) ** 2)) * smoothstep(lung, 4, 18) * smoothstep(depth, 3, 8)
    collapsed = 0.12 * LUNG * lung * smoothstep(x, edge - 38, edge - 6) * (1 - smoothstep(x, edge - 3, edge)) * there
    return [-(0.95 * LUNG * lung + 0.95 * a.vessels) * air + 0.2 * line + collapsed]


def _loculated(a: Anatomy, rng: np.random.Generator) -> list[np.ndarray]:
    side: Side = SIDES[int(rng.integers(2))]
    x, y = a.x * SIGN[side], a.y
    middle, half, deep = rng.uniform(-105, a.dome_top(side) - 18), rng.uniform(32, 48), rng.uniform(25, 37)
    wall = a.cage_half_width(y)
    # A lens against the wall: smooth and convex towards the lung.
    lens = np.clip(1 - ((y - middle) / half) ** 2 - ((wall - x) / deep) ** 2, 0, None) ** 0.5
    inside = smoothstep(x, wall + 1, wall - 2) * smoothstep(a.lung_length[side], 0, 6)
    return [1.35 * GAIN * 52 * gaussian_filter(lens * inside, 0.8)]


def _plaque(a: Anatomy, rng: np.random.Generator) -> list[np.ndarray]:
    room, made = Room(a), []
    for _ in range(int(rng.integers(1, 4))):
        r = rng.uniform(16, 21)
        shape = outline(a, rng, room.spot(rng, r, 0.2), r, 0.22, rng.uniform(0.55, 0.9))
        inside = smoothstep(shape, 1.04, 0.96)
        rim = np.exp(-(((shape - 0.93) / 0.10) ** 2))
        speckle = np.clip(0.5 + 0.5 * noise(rng, a.x, 1.3), 0, 2)
        made.append((0.2 + 0.34 * speckle) * inside + 0.5 * rim)
    return made


def _bone(a: Anatomy, rng: np.random.Generator) -> list[np.ndarray]:
    curves, made = rib_profile(a), []
    height, width = a.x.shape
    for _ in range(1 + int(rng.random() < 0.3)):
        for _ in range(60):
            curve = curves[int(rng.integers(len(curves)))]
            at = int(rng.integers(12, len(curve) - 12))
            x, y = curve[at, 0], curve[at, 1]
            (col,), (row,) = a.projection.project(curve[at : at + 1])
            # Over the lung, where a reader can tell it from what lies behind.
            inside = 22 < row < height - 22 and 22 < col < width - 22
            if inside and abs(x) > 45 and a.lungs[int(row), int(col)] > 25:
                break
        way = curve[at + 4, :2] - curve[at - 4, :2]
        turn = float(np.arctan2(way[1], way[0]))
        xx, yy = a.projection.plane(float(curve[at, 2]))
        body = ellipsoid(xx - x, yy - y, rng.uniform(26, 35), rng.uniform(13, 17), 9.5, turn)
        patchy = np.clip(1 + 0.3 * noise(rng, a.x, 2.0), 0.3, None)
        made.append(BONE * 2.4 * gaussian_filter(body, 0.7) * patchy)
    return made


def _clips(a: Anatomy, rng: np.random.Generator) -> list[np.ndarray]:
    made = []
    for _ in range(1 + int(rng.random() < 0.25)):
        # Anywhere on the body, in the lungs or not.
        body = (a.cage_depth > 0) | (np.abs(a.x) < 120)
        body[:34], body[-34:], body[:, :34], body[:, -34:] = False, False, False, False
        rows, cols = np.nonzero(body & (a.y > -150))
        k = int(rng.integers(len(rows)))
        cx, cy = float(a.x[rows[k], cols[k]]), float(a.y[rows[k], cols[k]])
        curves = []
        for _ in range(int(rng.integers(6, 10))):
            dx, dy, turn, half = *rng.normal(0, 10, 2), rng.uniform(0, np.pi), rng.uniform(4.5, 7.5)
            t = np.linspace(-half, half, 12)
            curves.append(np.stack([cx + dx + t * np.cos(turn), cy + dy + t * np.sin(turn), 0 * t], 1))
        made.append(0.7 * a.projection.tubes(curves, 1.8))
    return made


_MAKERS: dict[str, Callable[[Anatomy, np.random.Generator], list[np.ndarray]]] = {
    "pneumothorax": _pneumothorax,
    "consolidation": _consolidation,
    "lung mass": _mass,
    "lung nodules": _nodules,
    "atelectasis": _atelectasis,
    "cavitary lesion": _cavity,
    "loculated fluid": _loculated,
    "pleural plaque": _plaque,
    "bone lesion": _bone,
    "surgical clips": _clips,
}
