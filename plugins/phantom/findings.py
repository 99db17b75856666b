"""Each finding as extra attenuation on top of the normal body; additive, so that it can be left out exactly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from plugins.phantom import bones
from plugins.phantom.anatomy import BONE, LUNG, TISSUE, Anatomy
from plugins.phantom.projection import PIXEL_MM, ellipsoid, smoothstep
from plugins.phantom.vocabulary import SIGN, Finding, Side


def delta(a: Anatomy, finding: Finding) -> np.ndarray:
    """Extra attenuation of one finding, float [HEIGHT, WIDTH]; its size and place follow from the patient's seed."""
    rng = a.patient.rng(finding.attribute)
    return _MAKERS[finding.kind](a, rng, finding.side or "left")


def _cardiomegaly(a: Anatomy, rng: np.random.Generator, side: Side) -> np.ndarray:
    wide = a.heart(rng.uniform(1.33, 1.58)).chord(a.projection)
    gained = a.replace(wide * a.in_cage) - a.replace(a.heart_chord * a.in_cage)
    return np.clip(gained, 0, None)


def _widened_mediastinum(a: Anatomy, rng: np.random.Generator, side: Side) -> np.ndarray:
    gained = a.replace(a.upper_chord(rng.uniform(1.75, 2.25))) - a.replace(a.upper_chord())
    return np.clip(gained, 0, None)


def _aortic_enlargement(a: Anatomy, rng: np.random.Generator, side: Side) -> np.ndarray:
    gained = a.replace(a.aorta_chord(rng.uniform(1.75, 2.15))) - a.replace(a.aorta_chord())
    return np.clip(gained, 0, None) * a.in_cage


def _effusion(a: Anatomy, rng: np.random.Generator, side: Side) -> np.ndarray:
    x, y = a.x * SIGN[side], a.y
    edge = a.cage_half_width(y)
    # The meniscus climbs towards the chest wall.
    level = a.dome_top(side) + rng.uniform(-34, 2) + 30 * (1 - smoothstep(edge - x, 0, 62)) * -1 + 12
    filled = smoothstep(y, level - 5, level + 9)
    return (TISSUE - LUNG) * a.lung_length[side] * filled * smoothstep(x, 38, 58) * 0.85


def _pneumothorax(a: Anatomy, rng: np.random.Generator, side: Side) -> np.ndarray:
    x, y = a.x * SIGN[side], a.y
    lung = a.lung_length[side]
    # The lung falls away from the wall, most at the apex; y is where the air ends.
    bottom = rng.uniform(5, 50)
    depth = rng.uniform(30, 44) * smoothstep(y, bottom, a.p["apex"] + 40)
    edge = a.cage_half_width(y) - depth
    edge = np.where(y < a.p["apex"] + 26, edge - 0.5 * (a.p["apex"] + 26 - y), edge)
    air = smoothstep(x, edge - 1.2, edge + 1.2) * smoothstep(lung, 4, 18) * smoothstep(depth, 2, 6)
    line = np.exp(-(((x - edge) / 1.5) ** 2)) * smoothstep(lung, 4, 18) * smoothstep(depth, 3, 8)
    # Beyond the line there are neither lung tissue nor vessels; the collapsed lung is denser.
    collapsed = 0.10 * LUNG * lung * (1 - smoothstep(x, edge - 3, edge)) * smoothstep(y, bottom + 10, bottom - 40)
    inner = collapsed * smoothstep(x, edge - 40, edge - 8)
    return -(0.85 * LUNG * lung + 0.9 * a.vessels) * air + 0.17 * line + inner


def _spot(
    a: Anatomy, rng: np.random.Generator, side: Side, low: float, high: float, margin: float, medial: float = 0
) -> tuple[float, float]:
    """A random place in the lung, ``margin`` mm from its edges, ``medial`` from the midline, between two heights."""
    clear = a.lung_length[side] * (a.heart_chord * a.in_cage < 5) * (np.abs(a.x) > medial)
    inside = gaussian_filter((clear > 45).astype(float), margin / PIXEL_MM / 1.6) > 0.93
    rows, cols = np.nonzero(inside & (a.y > low) & (a.y < high))
    if not len(rows):
        rows, cols = np.nonzero((clear > 45) & (a.y > low) & (a.y < high))
    k = int(rng.integers(len(rows)))
    return float(a.x[rows[k], cols[k]]), float(a.y[rows[k], cols[k]])


def _consolidation(a: Anatomy, rng: np.random.Generator, side: Side) -> np.ndarray:
    cx, cy = _spot(a, rng, side, -15, 55, 14)  # of the lower lobe; masses lie above
    chord = np.zeros_like(a.x)
    for _ in range(9):
        dx, dy = rng.normal(0, 17, 2)
        r = rng.uniform(17, 27)
        chord += 0.6 * ellipsoid(a.x - cx - dx, a.y - cy - dy, r, r * rng.uniform(0.7, 1.2), r)
    mottle = gaussian_filter(rng.standard_normal(a.x.shape), 2.2)
    chord = gaussian_filter(np.minimum(chord, 60), 1.8) * (1 + 0.18 * mottle / mottle.std())
    return 1.1 * (TISSUE - LUNG) * np.clip(chord, 0, None) * smoothstep(a.lung_length[side], 10, 50)


def _mass(a: Anatomy, rng: np.random.Generator, side: Side) -> np.ndarray:
    cx, cy = _spot(a, rng, side, -110, -45, 15, medial=50)  # clear of aorta and hilum
    r = rng.uniform(18, 25)
    ball = ellipsoid(a.x - cx, a.y - cy, r, r * rng.uniform(0.9, 1.1), r, rng.uniform(0, 3))
    return 1.6 * (TISSUE - LUNG) * gaussian_filter(ball, 0.6)


def _atelectasis(a: Anatomy, rng: np.random.Generator, side: Side) -> np.ndarray:
    top = a.dome_top(side)
    cx, cy = SIGN[side] * rng.uniform(72, 92), top - rng.uniform(10, 32)
    slope = rng.uniform(-0.28, 0.28)
    x, y = a.x - cx, a.y - cy - slope * (a.x - cx)
    half, thick = rng.uniform(32, 42), rng.uniform(5.5, 8.0)
    band = np.exp(-((y / thick) ** 2)) * smoothstep(np.abs(x), half, half - 9)
    return 0.85 * band * smoothstep(a.lung_length[side], 6, 40)


def _hilar_enlargement(a: Anatomy, rng: np.random.Generator, side: Side) -> np.ndarray:
    gained = a.replace(a.hilum_chord(side, rng.uniform(1.7, 2.1))) - a.replace(a.hilum_chord(side))
    return np.clip(1.3 * gained, 0, None)


def _clavicle_fracture(a: Anatomy, rng: np.random.Generator, side: Side) -> np.ndarray:
    whole = bones.clavicle_curve(a.p, side)
    t = np.linspace(0, 1, len(whole))
    at, reach = rng.uniform(0.42, 0.6), 0.34
    up, down, gap = rng.uniform(14, 19), rng.uniform(11, 16), 0.035
    # The neck muscle lifts the inner fragment, the arm's weight pulls the outer one down.
    inner, outer = whole[t < at - gap].copy(), whole[t > at + gap].copy()
    inner[:, 1] -= up * np.clip(1 - (at - t[t < at - gap]) / reach, 0, 1) ** 1.3
    outer[:, 1] += down * np.clip(1 - (t[t > at + gap] - at) / reach, 0, 1) ** 1.3
    broken = a.projection.tubes([inner, outer], bones.CLAVICLE_RADIUS, hollow=0.5)
    return 2.1 * BONE * a.p["bone"] * (broken - bones.clavicle(a.projection, whole))


_MAKERS: dict[str, Callable[[Anatomy, np.random.Generator, Side], np.ndarray]] = {
    "cardiomegaly": _cardiomegaly,
    "widened mediastinum": _widened_mediastinum,
    "aortic enlargement": _aortic_enlargement,
    "pleural effusion": _effusion,
    "pneumothorax": _pneumothorax,
    "consolidation": _consolidation,
    "lung mass": _mass,
    "atelectasis": _atelectasis,
    "hilar enlargement": _hilar_enlargement,
    "clavicle fracture": _clavicle_fracture,
}
