"""A patient: the parameters of one body, one exposure, and the findings it carries, all drawn from one seed.

Body coordinates are millimetres: x to the image's right (the patient's left), y down, z towards the detector
(anterior); the origin lies in the midline at mid-chest.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from plugins.phantom.vocabulary import FINDINGS, KIND, Finding

_PARENCHYMAL = {"pneumothorax": {"consolidation", "lung mass"}, "consolidation": {"atelectasis"}}


@dataclass(frozen=True)
class Patient:
    """One patient. ``p`` holds the scalar parameters by name; lengths in mm, angles in radians."""

    seed: int
    findings: tuple[Finding, ...]
    p: dict[str, float] = field(repr=False)
    kinds: tuple[str, ...] = ()  # second edition
    draw: int = 0

    def rng(self, purpose: str) -> np.random.Generator:
        """A generator for one purpose, so that one structure's draws never shift another's."""
        return np.random.default_rng([self.seed, *purpose.encode()])


def first_parameters(rng: np.random.Generator) -> dict[str, float]:
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


def draw_findings(rng: np.random.Generator) -> tuple[Finding, ...]:
    """Which findings a patient has; some exclude each other."""
    chosen: list[Finding] = []
    # A uniform draw for each finding, always all of them, keeps each finding's draw independent of the others.
    for finding, u, v in zip(FINDINGS, rng.random(len(FINDINGS)), rng.random(len(FINDINGS)), strict=True):
        if u < KIND[finding.kind].prevalence:
            rivals = [
                c
                for c in chosen
                if c.side == finding.side
                and (finding.kind in _PARENCHYMAL.get(c.kind, ()) or c.kind in _PARENCHYMAL.get(finding.kind, ()))
            ]
            if rivals and v < 0.5:
                chosen = [c for c in chosen if c not in rivals]
            elif rivals:
                continue
            chosen.append(finding)
    return tuple(chosen)


def sample_patient(seed: int) -> Patient:
    """The patient of this seed: the same seed gives the same body, exposure and findings on every machine."""
    return Patient(
        seed,
        draw_findings(np.random.default_rng([seed, 2])),
        first_parameters(np.random.default_rng([seed, 1])),
    )


def normal_patient(seed: int) -> Patient:
    """The same body and exposure as :func:`sample_patient`, without any finding."""
    return Patient(seed, (), first_parameters(np.random.default_rng([seed, 1])))
