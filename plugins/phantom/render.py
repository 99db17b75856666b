"""From patient to radiograph: attenuation, exposure, quantum noise, film curve; and the exact masks and boxes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import gaussian_filter

from harness.imaging.frame import Box
from plugins.phantom import bones
from plugins.phantom.anatomy import BONE, LUNG, TISSUE, Anatomy
from plugins.phantom.findings import delta
from plugins.phantom.patient import Patient
from plugins.phantom.projection import HEIGHT, WIDTH, ellipsoid, smoothstep
from plugins.phantom.vocabulary import SIDES, Finding

VISIBLE = 0.035  # attenuation below this drowns in quantum noise: it defines where a finding is


@dataclass
class Film:
    """One patient's exposure: normal attenuation plus a map for each finding, so that any can be left out exactly."""

    patient: Patient

    @cached_property
    def anatomy(self) -> Anatomy:
        """The normal structures."""
        return Anatomy(self.patient)

    @cached_property
    def deltas(self) -> dict[Finding, np.ndarray]:
        """Extra attenuation of each finding on the film, float [HEIGHT, WIDTH].

        A finding that the others hide (less than half of it would be seen to go) is not on the film: no reader could
        tell that it is there.
        """
        drawn = {finding: delta(self.anatomy, finding) for finding in self.patient.findings}
        whole = _together(list(drawn.values()))
        shown = {}
        for finding, own in drawn.items():
            gone = np.abs(whole - _together([d for other, d in drawn.items() if other != finding]))
            if gone.sum() >= 0.5 * np.abs(own).sum() and np.abs(own).max() > VISIBLE:
                shown[finding] = own
        return shown

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings that the film shows."""
        return tuple(self.deltas)

    @cached_property
    def normal(self) -> np.ndarray:
        """Attenuation of the body without any finding."""
        return _body(self.anatomy)

    @cached_property
    def _grain(self) -> tuple[np.ndarray, np.ndarray]:
        """Quantum and electronic noise fields and the scattered light, the same with and without findings."""
        rng = self.patient.rng("noise")
        grain = gaussian_filter(rng.standard_normal((HEIGHT, WIDTH)), self.patient.p["sharp"])
        scatter = gaussian_filter(np.exp(-self.normal), 28) * self.patient.p["scatter"]
        return grain / grain.std(), scatter

    def render(self, without: frozenset[Finding] = frozenset()) -> np.ndarray:
        """The radiograph as uint8 [HEIGHT, WIDTH], leaving out the findings in ``without``; white is dense."""
        p = self.patient.p
        total = self.normal + _together([d for finding, d in self.deltas.items() if finding not in without])
        grain, scatter = self._grain
        primary = gaussian_filter(np.exp(-total), 0.5) + scatter
        # Noise of a log signal: the square root of the quanta, over the quanta.
        signal = -np.log(primary) + grain * np.sqrt(1.0 / (p["dose"] * 9e4 * primary))
        low, high = self._window
        level = np.clip((signal - low) / (high - low), 0, 1) ** p["gamma"]
        level = 0.5 * level + 0.5 * (level * level * (3 - 2 * level))
        level = self._overlay(level)
        return np.round(255 * (0.03 + 0.94 * level)).astype(np.uint8)

    def image(self, without: frozenset[Finding] = frozenset()) -> np.ndarray:
        """The radiograph as sources give images, uint8 [HEIGHT, WIDTH, 3]."""
        return np.repeat(self.render(without)[..., None], 3, axis=2)

    @cached_property
    def _window(self) -> tuple[float, float]:
        """Automatic exposure: the film's range follows the lungs and the mediastinum, with an operator's error."""
        p = self.patient.p
        signal = -np.log(np.exp(-self.normal) + self._grain[1])
        inside = signal[(self.anatomy.cage_depth > 20)]
        low, high = np.percentile(inside, [2, 99])
        span = high - low
        return float(low - (0.16 + p["low"]) * span), float(high + (0.10 + p["high"]) * span)

    def _overlay(self, level: np.ndarray) -> np.ndarray:
        """Collimator edges and the side marker: what is on the film but not in the body."""
        p = self.patient.p
        if p["collimate"] > 0.2:
            edge = int(4 * p["collimate"]) + 1
            level = level.copy()
            level[:edge], level[-edge:], level[:, :edge], level[:, -edge:] = 0, 0, 0, 0
        if p["marker"] > 0.35:
            level = level.copy()
            top, left = 12 + int(20 * (p["marker"] - 0.35)), WIDTH - 24
            glyph = np.zeros((14, 9))
            glyph[:, :3], glyph[-3:] = 1, 1
            level[top : top + 14, left : left + 9] = np.maximum(level[top : top + 14, left : left + 9], 0.97 * glyph)
        return level

    def finding_mask(self, finding: Finding) -> np.ndarray:
        """Boolean [HEIGHT, WIDTH]: where the finding visibly changes the film."""
        mask = np.abs(self.deltas[finding]) > VISIBLE
        if finding.kind == "cardiomegaly":
            # Radiologists box the whole enlarged heart, not only what it gained.
            mask |= self.anatomy.masks()["cardiac silhouette"]
        return mask

    def box(self, finding: Finding) -> Box:
        """The tight half-open box of the finding, native pixels, with a pixel to spare for the detector's blur."""
        rows = np.flatnonzero(self.finding_mask(finding).any(1))
        cols = np.flatnonzero(self.finding_mask(finding).any(0))
        if not len(rows):
            raise ValueError(f"{finding.attribute} of patient {self.patient.seed} left no trace on the film")
        return Box(
            max(0, int(cols[0]) - 1), max(0, int(rows[0]) - 1),
            min(WIDTH, int(cols[-1]) + 2), min(HEIGHT, int(rows[-1]) + 2),
        )  # fmt: skip


def _together(deltas: list[np.ndarray]) -> np.ndarray | float:
    """Several findings on one ray. What adds tissue there shares the room, so it adds up less than linearly."""
    if not deltas:
        return 0.0
    more = np.sum([np.maximum(d, 0) ** 3 for d in deltas], axis=0) ** (1 / 3)
    return more + np.sum([np.minimum(d, 0) for d in deltas], axis=0)


def _body(a: Anatomy) -> np.ndarray:
    """Attenuation of the normal body."""
    p, projection = a.p, a.projection
    x, y = a.x, a.y
    # Soft tissue outline: neck, shoulders, chest wall; then the lungs take tissue away.
    torso = p["cage"] + p["wall"] + 8 * smoothstep(y, 60, 160)
    shoulder = smoothstep(y, -190 + 0.42 * np.abs(x), -150 + 0.42 * np.abs(x))
    arms = 1 - smoothstep(np.abs(x), torso - 12, torso + 10) * smoothstep(y, -70, -30) * (0.75 + 0.25 * p["arms"])
    neck = smoothstep(np.abs(x), 66, 48)
    depth = (2 * p["depth"] + 1.1 * p["wall"] + 18) * np.sqrt(np.clip(1 - np.abs(x / (torso + 55)) ** 2.2, 0, 1))
    soft = np.maximum(depth * shoulder * arms, 118 * neck * smoothstep(y, -60, -140))
    cavity = a.lungs
    wall_cut = np.minimum(soft, cavity)
    total = TISSUE * np.maximum(soft - wall_cut, 0.55 * p["wall"] * (soft > 1)) + LUNG * cavity
    # Mediastinum.
    gone = 1 - np.exp(-cavity / 25)
    for chord in (a.heart_chord * a.in_cage, a.upper_chord(), a.aorta_chord() * a.in_cage):
        total += a.replace(chord) * gone
    for side in SIDES:
        total += 1.15 * a.replace(a.hilum_chord(side))
    total += a.vessels
    # Airways: the trachea down to the carina, then the main bronchi.
    xt, yt = projection.plane(-10.0)
    air = 2 * np.sqrt(np.clip(8.2**2 - (xt + 1) ** 2, 0, None)) * smoothstep(yt, -58, -66)
    t = np.linspace(0, 1, 40)
    bronchi = [
        np.stack([sign * (2 + run * t), -63 + drop * t, np.full_like(t, -10)], 1)
        for sign, run, drop in ((1, 34, 22), (-1, 26, 30))
    ]
    total -= TISSUE * 0.75 * (air + 0.82 * projection.tubes(bronchi, 5.5))
    # Skeleton.
    profile_y = np.linspace(-170, 220, 100)
    rng = a.patient.rng("ribs")
    skeleton = bones.ribs(projection, p, rng, a.cage_half_width(profile_y), profile_y)
    skeleton = (
        skeleton * smoothstep(y, 190, 120)
        + 0.75 * bones.spine(projection, p)
        + 0.8 * bones.shoulders(projection, p, a.patient)
    )
    for side in SIDES:
        skeleton += 2.1 * bones.clavicle(projection, bones.clavicle_curve(p, side))
    total += BONE * p["bone"] * skeleton
    # Breasts and the gas of the stomach.
    if p["breast"] > 0:
        for sign in (-1.0, 1.0):
            total += TISSUE * 0.55 * p["breast"] * ellipsoid(x - sign * 76, y - p["breast_y"], 58, 44, 24)
    if p["gastric"] > 0:
        xg, yg = projection.plane(20.0)
        top = a.dome_top("left") + 26
        gas = ellipsoid(xg - p["gas_x"], yg - top - 13, 27 + 9 * p["gastric"], 14 + 5 * p["gastric"], 34)
        total -= TISSUE * 0.8 * p["gastric"] ** 0.5 * gas * smoothstep(yg, top - 12, top)
    if p["leads"] > 0.85:
        total += _leads(a)
    return np.clip(total, 0.02, 6.5)


def _leads(a: Anatomy) -> np.ndarray:
    """Two monitoring wires with their electrodes: harmless things that are not findings."""
    rng = a.patient.rng("leads")
    t = np.linspace(0, 1, 90)
    curves = []
    dots = np.zeros_like(a.x)
    for sign in (-1.0, 1.0):
        ex, ey = sign * rng.uniform(70, 100), rng.uniform(-60, 40)
        way = np.stack([ex + sign * 60 * t**1.5, ey + (170 - ey) * t + 14 * np.sin(5 * t), np.full_like(t, 95.0)], 1)
        curves.append(way)
        x, y = a.projection.plane(95.0)
        dots += (np.hypot(x - ex, y - ey) < 4.5) * 6.0
    return 0.02 * dots + 0.074 * a.projection.tubes(curves, 0.9)
