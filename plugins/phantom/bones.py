"""The skeleton: ribs, clavicles, scapulae, humeral heads, spine. Maps are path lengths through bone, mm."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from plugins.phantom.patient import Patient
from plugins.phantom.projection import Projection, smoothstep
from plugins.phantom.vocabulary import SIGN, Side

CLAVICLE_RADIUS = 6.2


def rib_curves(
    p: dict[str, float], rng: np.random.Generator, half_width: np.ndarray, at_y: np.ndarray
) -> list[np.ndarray]:
    """Centre lines of the ribs, body mm [130, 3]: arcs from the spine around the cage, falling towards the front.

    ``half_width`` at heights ``at_y`` is the cage's profile that the ribs follow.
    """
    curves = []
    for sign in (-1.0, 1.0):
        for k in range(11):
            top = (
                p["apex"] + 12 + k * p["rib_gap"] * (0.86 if k < 3 else 1.0) + rng.normal(0, 0.8) - (4 if k < 3 else 0)
            )
            end = np.radians(148 if k < 7 else 122 - 6 * (k - 7))
            phi = np.linspace(np.radians(7), end, 130)
            fall = p["rib_slope"] * (0.55 + 0.07 * min(k, 6))
            y = top + fall * (1 - np.cos(phi)) / 1.6 - 9 * np.sin(phi * 1.9).clip(0)
            wide = np.interp(top + fall * 0.45, at_y, half_width) + 4
            x = sign * (wide * np.sin(phi) ** 0.86 + 12 * np.exp(-phi * 3))
            z = -(p["depth"] + 3) * np.cos(phi) * (0.78 + 0.22 * smoothstep(np.float64(k), -1, 4))
            curves.append(np.stack([x, y, z], 1))
    return curves


def ribs(
    projection: Projection, p: dict[str, float], rng: np.random.Generator, half_width: np.ndarray, at_y: np.ndarray
) -> np.ndarray:
    """Path length through eleven pairs of ribs."""
    return 0.82 * projection.tubes(rib_curves(p, rng, half_width, at_y), p["rib_r"], hollow=0.62)


def clavicle_curve(p: dict[str, float], side: Side) -> np.ndarray:
    """The centre line of a clavicle, body mm [n, 3]: an S from the sternum to the shoulder."""
    t = np.linspace(0, 1, 140)
    x = 14 + 138 * t
    y = p["clav_y"] + 12 - 138 * p["clav_tilt"] * t - 8.5 * np.sin(2 * np.pi * t) * (1 - 0.3 * t)
    z = 74 - 70 * t + 12 * np.sin(2 * np.pi * t)
    return np.stack([SIGN[side] * x, y, z], 1)


def clavicle(projection: Projection, curve: np.ndarray) -> np.ndarray:
    """Path length through a clavicle with this centre line."""
    return projection.tubes([curve], CLAVICLE_RADIUS, hollow=0.5)


def clavicle_mask(projection: Projection, p: dict[str, float], side: Side) -> np.ndarray:
    """The exact silhouette of the intact clavicle."""
    return projection.tubes([clavicle_curve(p, side)], CLAVICLE_RADIUS) > 2.44


def spine(projection: Projection, p: dict[str, float]) -> np.ndarray:
    """Vertebral bodies with discs between them, pedicles and spinous processes."""
    x, y = projection.plane(-70.0)
    x = x - p["scoliosis"] * np.sin(y / 90)
    pitch = 23.0
    phase = (y / pitch) % 1.0
    width = 15.5 + 2.5 * smoothstep(y, -120, 90)
    waist = width - 2.2 * np.sin(np.pi * phase)
    body = smoothstep(np.abs(x), waist + 1.5, waist - 1.5)
    disc = 1 - 0.45 * (smoothstep(phase, 0.10, 0.05) + smoothstep(phase, 0.90, 0.95))
    total = 10.5 * body * disc
    for px in (-9.5, 9.5):
        total += 9 * np.exp(-(((x - px) / 3.0) ** 2) - (((phase - 0.35) * pitch / 4.5) ** 2))
    total += 10 * np.exp(-((x / 2.6) ** 2) - (((phase - 0.7) * pitch / 5.5) ** 2))
    for px in (-21.0, 21.0):
        total += 6 * np.exp(-(((x - px) / 6.0) ** 2) - (((phase - 0.3) * pitch / 4.0) ** 2))
    return total


def shoulders(projection: Projection, p: dict[str, float], patient: Patient) -> np.ndarray:
    """Scapular blades and borders, acromion, humeral heads."""
    x, y = projection.plane(-60.0)
    total = np.zeros_like(x)
    curves = []
    for sign in (-1.0, 1.0):
        push = p["scapula"] + patient.rng(f"scapula {sign}").normal(0, 3)
        sx = x * sign - push
        medial = 118 - 14 * smoothstep(y, -110, 15)
        blade = (
            smoothstep(sx, medial - 1.0, medial + 3)
            * smoothstep(y, -118, -104)
            * smoothstep(y + 0.9 * (sx - 118), 42, 26)
        )
        total += 4.0 * blade * smoothstep(sx, 196, 176)
        t = np.linspace(0, 1, 80)
        my = -112 + 132 * t
        curves.append(np.stack([sign * (118 - 14 * smoothstep(my, -110, 15) + push), my, np.full_like(t, -60)], 1))
        curves.append(np.stack([sign * (104 + push + 62 * t), 20 - 112 * t, np.full_like(t, -55)], 1))
        curves.append(np.stack([sign * (116 + push + 58 * t), -96 - 34 * t, np.full_like(t, -50)], 1))
        r = np.hypot(x * sign - 184 - 0.4 * push, y + 118)
        total += 1.1 * np.sqrt(np.clip(25**2 - r**2, 0, None))
        shaft = np.abs(x * sign - 196 - 0.15 * (y + 118))
        total += 1.0 * np.sqrt(np.clip(14**2 - shaft**2, 0, None)) * smoothstep(y, -112, -95)
    return gaussian_filter(total, 0.7) + 0.656 * projection.tubes(curves, 3.4, hollow=0.4)
