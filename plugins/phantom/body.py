"""The normal body of the second edition as attenuation along each ray, and the harmless things on it."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from plugins.phantom import bones
from plugins.phantom.anatomy import BONE, LUNG, TISSUE, Anatomy
from plugins.phantom.projection import ellipsoid, smoothstep
from plugins.phantom.vocabulary import SIDES


def attenuation(a: Anatomy) -> np.ndarray:
    """Attenuation of the body without any finding, float [HEIGHT, WIDTH]."""
    p, total = a.p, _soft(a)
    gone = 1 - np.exp(-a.lungs / 25)
    # The heart beats while the film is taken.
    for chord, blur in ((a.heart_chord * a.in_cage, 1.7), (a.upper_chord(), 1.6), (a.aorta_chord() * a.in_cage, 1.0)):
        total += gaussian_filter(a.replace(chord) * gone, blur)
    for side in SIDES:
        total += 1.1 * a.replace(a.hilum_chord(side))
    total += a.vessels
    total -= TISSUE * 0.7 * _airways(a)
    total += BONE * p["bone"] * _skeleton(a)
    total += _abdomen(a)
    if p["leads"] > 0.82:
        total += _leads(a)
    if p["line"] > 0.85:
        total += _line(a)
    if p["pacemaker"] > 0.95:
        total += _pacemaker(a)
    return np.clip(total, 0.02, 6.5)


def rib_profile(a: Anatomy) -> list[np.ndarray]:
    """Centre lines of this patient's ribs."""
    at_y = np.linspace(-170, 220, 100)
    return bones.rib_curves(a.p, a.patient.rng("ribs"), a.cage_half_width(at_y), at_y)


def noise(rng: np.random.Generator, like: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth noise of unit deviation, drawn coarse and enlarged: its grain is ``sigma`` pixels."""
    step = max(1, int(sigma / 2))
    rows, cols = like.shape[0] // step + 2, like.shape[1] // step + 2
    small = gaussian_filter(rng.standard_normal((rows, cols)), sigma / step)
    large = np.repeat(np.repeat(small, step, 0), step, 1)[: like.shape[0], : like.shape[1]]
    large = gaussian_filter(large, step / 2) if step > 1 else large
    return large / large.std()


def _soft(a: Anatomy) -> np.ndarray:
    """Soft tissue and air: the outline from the neck to the flanks, less what the lungs hold."""
    p, x, y = a.p, a.x, a.y
    far = np.abs(x)
    torso = p["cage"] + p["wall"] + 8 * smoothstep(y, 60, 160)
    # The neck passes into the shoulders in one slope.
    out = np.clip(far - p["neck"], 0, None)
    top = -262 + (p["slope"] + 46) * (1 - np.exp(-out / 34)) + 0.0016 * np.clip(far - 140, 0, None) ** 2
    rise = np.sqrt(np.clip((y - top) / 60, 0, 1)) * (0.6 + 0.4 * smoothstep(y, -185, -115))
    arms = 1 - smoothstep(far, torso - 10, torso + 12) * smoothstep(y, -70, -20) * (0.72 + 0.28 * p["arms"])
    across = np.sqrt(np.clip(1 - (far / (torso + 55)) ** 2.2, 0, 1))
    soft = (2 * p["depth"] + 1.1 * p["wall"] + 18) * across * rise * arms
    rng = a.patient.rng("tissue")
    grain = 0.05 * noise(rng, x, 16) + 0.03 * noise(rng, x, 5)
    soft = soft * (1 + p["texture"] * grain)
    cavity = a.lungs
    total = TISSUE * np.maximum(soft - np.minimum(soft, cavity), 0.55 * p["wall"] * rise * arms) + LUNG * cavity
    for sign in (-1.0, 1.0):
        if p["pectoral"] > 0.35:
            total += TISSUE * 0.25 * p["pectoral"] * ellipsoid(x - sign * 98, y + 62, 66, 46, 26, sign * 0.5)
        if p["breast"] > 0:
            total += TISSUE * 0.5 * p["breast"] * ellipsoid(x - sign * 78, y - p["breast_y"], 60, 45, 24)
    return total


def _airways(a: Anatomy) -> np.ndarray:
    """Path length through the trachea and the main bronchi."""
    xt, yt = a.projection.plane(-10.0)
    air = 2 * np.sqrt(np.clip(8.2**2 - (xt + 1 - 0.02 * yt) ** 2, 0, None)) * smoothstep(yt, -58, -66)
    t = np.linspace(0, 1, 40)
    bronchi = [
        np.stack([sign * (2 + run * t), -63 + drop * t, np.full_like(t, -10)], 1)
        for sign, run, drop in ((1, 34, 22), (-1, 26, 30))
    ]
    return gaussian_filter(air, 1.0) + 0.82 * a.projection.tubes(bronchi, 5.5)


def _skeleton(a: Anatomy) -> np.ndarray:
    """Path length through bone, mm, weighted by how much of it is mineral."""
    p, projection = a.p, a.projection
    ribs = 0.82 * projection.tubes(rib_profile(a), p["rib_r"], hollow=0.62)
    total = p["ribs"] * ribs * smoothstep(a.y, 200, 120)
    total += p["spine"] * gaussian_filter(bones.spine(projection, p), p["spine_blur"])
    total += 0.7 * gaussian_filter(bones.shoulders(projection, p, a.patient), 0.8)
    for side in SIDES:
        total += 1.8 * bones.clavicle(projection, bones.clavicle_curve(p, side))
    return total


def _abdomen(a: Anatomy) -> np.ndarray:
    """The stomach's bubble and gas in the bowel, below the diaphragm."""
    p, total = a.p, np.zeros_like(a.x)
    if p["gastric"] > 0:
        x, y = a.projection.plane(20.0)
        top = a.dome_top("left") + 26
        gas = ellipsoid(x - p["gas_x"], y - top - 13, 27 + 9 * p["gastric"], 14 + 5 * p["gastric"], 34)
        total -= TISSUE * 0.8 * p["gastric"] ** 0.5 * gas * smoothstep(y, top - 12, top)
    rng = a.patient.rng("bowel")
    for _ in range(int(rng.integers(0, 4))):
        cx, cy = rng.uniform(-90, 90), a.dome_top("left") + rng.uniform(58, 95)
        total -= TISSUE * 0.6 * ellipsoid(a.x - cx, a.y - cy, rng.uniform(12, 26), rng.uniform(8, 15), 22)
    return total


def _leads(a: Anatomy) -> np.ndarray:
    """Monitoring wires with their electrodes."""
    rng = a.patient.rng("wires")
    t = np.linspace(0, 1, 90)
    curves, dots = [], np.zeros_like(a.x)
    x, y = a.projection.plane(95.0)
    for _ in range(int(rng.integers(1, 4))):
        ex, ey = rng.uniform(-100, 100), rng.uniform(-90, 60)
        sway, drift = rng.uniform(-16, 16), rng.uniform(-70, 70)
        curves.append(np.stack([ex + drift * t**1.5, ey + (190 - ey) * t + sway * np.sin(5 * t), 95 + 0 * t], 1))
        dots += (np.hypot(x - ex, y - ey) < 5) * 6.0
    return 0.02 * dots + 0.06 * a.projection.tubes(curves, 0.9)


def _line(a: Anatomy) -> np.ndarray:
    """A catheter from the neck, or a drain from the flank."""
    rng = a.patient.rng("line")
    t, sign = np.linspace(0, 1, 120), float(rng.choice([-1.0, 1.0]))
    if rng.random() < 0.5:
        way = [sign * (46 * (1 - t) ** 2) - 10, -190 + 160 * t, 0 * t]
    else:
        end = rng.uniform(20, 70)
        way = [sign * (165 - (165 - end) * t), rng.uniform(10, 60) - rng.uniform(60, 120) * t**1.6, 0 * t]
    return 0.075 * a.projection.tubes([np.stack(way, 1)], rng.uniform(1.0, 2.2))


def _pacemaker(a: Anatomy) -> np.ndarray:
    """A generator below a clavicle and its lead to the heart."""
    rng = a.patient.rng("pacemaker")
    sign = float(rng.choice([-1.0, 1.0], p=[0.2, 0.8]))
    x, y = a.projection.plane(60.0)
    x0, y0 = sign * rng.uniform(92, 112), rng.uniform(-92, -70)
    case = smoothstep(np.hypot((x - x0) / 22, (y - y0) / 19), 1.03, 0.97)
    t = np.linspace(0, 1, 140)
    way = [x0 * (1 - t) ** 1.3 + 18 * t, y0 - 34 * np.sin(np.pi * t) * (1 - t) + (45 - y0) * t**1.5, 60 - 50 * t]
    return 1.5 * case + 0.2 * a.projection.tubes([np.stack(way, 1)], 0.9)
