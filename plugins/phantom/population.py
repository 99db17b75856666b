"""The patients of the second edition: bodies, framing, exposure and findings, all drawn from one seed."""

from __future__ import annotations

import numpy as np

from plugins.phantom.kinds import KINDS
from plugins.phantom.patient import Patient

ORDINARY = 0.75  # contrast from which a finding counts as ordinary; below it is subtle
MORE = 1.4  # times as many findings on the further films of a body


def parameters(seed: int) -> dict[str, float]:
    """The scalars of one body, its framing and its exposure, by name; lengths in mm, angles in radians."""
    p = _average(np.random.default_rng([seed, 1]))
    rng = np.random.default_rng([seed, 3])

    def normal(mean: float, sd: float, spread: float = 2.0) -> float:
        return float(mean + sd * np.clip(rng.standard_normal(), -spread, spread))

    def uniform(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    p |= {
        # Framing as on real films: the chest fills the plate, but not always the same part of it.
        "roll": normal(0, 0.05, 2.1), "yaw": normal(0, 0.05), "pitch": normal(0.02, 0.06),
        "shift_x": normal(0, 12), "shift_y": normal(0, 14), "size": uniform(0.9, 1.2),
        # Habitus.
        "cage": normal(136, 9), "depth": normal(88, 11), "apex": normal(-148, 6), "inspiration": normal(0, 12),
        "wall": uniform(15, 46), "dome_l": normal(10, 6), "barrel": normal(2.3, 0.25),
        "heart": normal(0.98, 0.05), "heart_axis": normal(0.62, 0.14), "heart_x": normal(0, 5),
        "knob": normal(14.5, 1.8), "knob_y": normal(-70, 7), "upper": normal(24, 2.4), "hilum": normal(0.97, 0.11),
        "aorta_tortuous": uniform(0, 9),
        "rib_slope": normal(46, 10), "rib_r": normal(5.4, 0.5), "bone": normal(1.1, 0.16),
        "clav_tilt": normal(0.16, 0.10), "clav_y": normal(-122, 7), "scapula": normal(0, 10), "scoliosis": normal(0, 9),
        "vessels": normal(1.35, 0.2),
        "neck": normal(50, 5), "slope": normal(62, 9), "spine_blur": uniform(1.2, 2.6), "spine": normal(0.4, 0.07),
        "ribs": normal(1.25, 0.15), "texture": uniform(0.5, 1.2), "pectoral": uniform(0, 1),
        # The detector and its software: local contrast, film curve, noise.
        "local": uniform(0.0, 0.9), "gamma": normal(0.92, 0.14), "sharp": uniform(0.45, 0.9),
        "dose": uniform(1.0, 4.5), "low": normal(0.02, 0.07), "high": normal(0.02, 0.10),
        "marker": uniform(0, 1), "marker_x": uniform(0, 1), "marker_y": uniform(0, 1), "marker_size": uniform(1, 2.2),
        "leads": uniform(0, 1), "line": uniform(0, 1), "pacemaker": uniform(0, 1),
    }  # fmt: skip
    if uniform(0, 1) < 0.3:
        # Anteroposterior, lying: the heart is magnified, the breath shallow, the shoulder blades over the lungs.
        p["heart"] *= 1.06
        p["inspiration"] -= 9
        p["scapula"] -= 9
        p["clav_y"] -= 6
    return p


def draw_kinds(rng: np.random.Generator, often: float = 1.0) -> tuple[str, ...]:
    """Which findings a patient has: one draw a kind, independent of the others, ``often`` times as common as else."""
    draws = zip(KINDS, rng.random(len(KINDS)), strict=True)
    return tuple(kind.name for kind, u in draws if u < often * kind.prevalence)


def person(seed: int, findings: int = 0) -> Patient:
    """The patient of a seed; ``findings`` numbers further draws of findings for the same body, which training uses:
    these hold more, so that each film teaches more."""
    kinds = draw_kinds(np.random.default_rng([seed, 4, findings]), MORE if findings else 1.0)
    return Patient(seed, parameters(seed), kinds=kinds, draw=findings)


def healthy(seed: int) -> Patient:
    """The same body and exposure as :func:`person`, without any finding."""
    return Patient(seed, parameters(seed))


def _average(rng: np.random.Generator) -> dict[str, float]:
    """An average body in an average frame; what varies more on real films is drawn anew by :func:`parameters`."""

    def normal(mean: float, sd: float, spread: float = 2.2) -> float:
        return float(mean + sd * np.clip(rng.standard_normal(), -spread, spread))

    def uniform(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    female = float(rng.random() < 0.5)
    return {
        # Pose on the detector.
        "roll": normal(0, 0.022), "yaw": normal(0, 0.035), "pitch": normal(0.02, 0.05),
        "shift_x": normal(0, 5), "shift_y": normal(0, 6), "size": normal(1.0 - 0.05 * female, 0.04),
        # Thoracic cage: half width, half depth, apex and the depth of inspiration.
        "cage": normal(136, 6), "depth": normal(88, 8), "apex": normal(-148, 4), "inspiration": normal(0, 9),
        "wall": uniform(17, 34), "dome_l": normal(10, 4), "barrel": normal(2.3, 0.15),
        # Heart and great vessels.
        "heart": normal(1.0, 0.045), "heart_axis": normal(0.62, 0.1), "heart_x": normal(0, 3),
        "knob": normal(14.5, 1.4), "knob_y": normal(-70, 5), "upper": normal(25, 2.2), "hilum": normal(1.0, 0.1),
        "aorta_tortuous": uniform(0, 6),
        # Bones.
        "rib_slope": normal(46, 8), "rib_r": normal(5.4, 0.4), "rib_gap": normal(23.5, 0.8),
        "bone": normal(1.0, 0.13), "clav_tilt": normal(0.16, 0.07), "clav_y": normal(-122, 5),
        "scapula": normal(0, 7), "scoliosis": normal(0, 5),
        # Soft parts and gas.
        "breast": female * uniform(0.5, 1.3), "breast_y": normal(62, 9), "gastric": uniform(-0.6, 1.0),
        "gas_x": normal(62, 9), "arms": uniform(0, 1),
        # Exposure and film.
        "dose": uniform(1.2, 4.5), "scatter": uniform(0.08, 0.28), "low": normal(0.0, 0.06), "high": normal(0, 0.09),
        "gamma": normal(0.86, 0.09), "sharp": uniform(0.45, 0.8), "collimate": uniform(-1.5, 1.0),
        "marker": uniform(0, 1), "leads": uniform(0, 1), "vessels": normal(1.0, 0.14),
    }  # fmt: skip
