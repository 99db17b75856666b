"""The normal body: attenuation along each ray, and the exact masks of the anatomical concepts.

Every structure is a parametric 3-D solid whose chord along the ray has a closed form; a structure that lies in the lung
replaces air by tissue, so it adds (its own coefficient - the lung's) x chord. Maps are float [HEIGHT, WIDTH].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import gaussian_filter

from plugins.phantom.bones import clavicle_mask
from plugins.phantom.patient import Patient
from plugins.phantom.projection import PIXEL_MM, Projection, ellipsoid, smoothstep
from plugins.phantom.vocabulary import CONCEPTS, SIDES, SIGN, Side

TISSUE = 0.0190  # 1/mm at about 120 kVp
LUNG = 0.0042
BONE = 0.030  # excess of bone over soft tissue


@dataclass
class Heart:
    """Two ellipsoids: the left ventricle, low and to the left, and the right atrium."""

    x: float
    y: float
    grow_x: float
    grow_y: float
    angle: float

    def chord(self, projection: Projection) -> np.ndarray:
        """Path length through the heart, mm."""
        x, y = projection.plane(22.0)
        gx, gy = self.grow_x, self.grow_y
        left = ellipsoid(x - self.x - 25 * gx, y - self.y - 8, 57 * gx, 44 * gy, 64, self.angle)
        right = ellipsoid(x - self.x + 16 * gx, y - self.y - 2, 37 * gx, 47 * gy, 58, -0.15)
        base = ellipsoid(x - self.x - 10, y - self.y + 38, 36 * gx, 34, 30)
        # A soft maximum: the chambers and the vessels' roots pass into each other.
        return (left**4 + right**4 + base**4) ** 0.25


def vessel_tree(
    patient: Patient, centre: Callable[[Side], tuple[float, float]]
) -> list[tuple[float, list[np.ndarray]]]:
    """Radius, mm, and centre lines [14, 3] of each generation of both lungs' vessels; Murray's law thins them."""
    t = np.linspace(0, 1, 14)
    rng = patient.rng("vessels")
    roots = 12
    sign = np.repeat([1.0, -1.0], roots)
    places = [centre(side) for side in SIDES for _ in range(roots)]
    start = np.array([[x, y + 4, 0.0] for x, y in places])
    angle = np.tile(np.linspace(-1.45, 1.5, roots), 2) + rng.normal(0, 0.08, 2 * roots)
    lift, length = rng.uniform(-0.7, 0.7, 2 * roots), np.full(2 * roots, 46.0)
    radius, generations = 3.2, []
    while radius > 1.0:
        way = angle[:, None] + rng.normal(0, 0.25, len(angle))[:, None] * t
        step = np.stack([sign[:, None] * np.cos(way), np.sin(way), np.broadcast_to(0.7 * lift[:, None], way.shape)], 2)
        curves = start[:, None] + np.cumsum(step, 1) * (length / len(t))[:, None, None]
        generations.append((radius, list(curves)))
        # Two children a branch, turning to either side.
        n = 2 * len(angle)
        turn = np.tile([-1.0, 1.0], len(angle)) * rng.uniform(0.18, 0.5, n)
        sign, start, angle = np.repeat(sign, 2), np.repeat(curves[:, -1], 2, axis=0), np.repeat(way[:, -1], 2) + turn
        lift = np.repeat(lift, 2) + rng.normal(0, 0.3, n)
        length = np.repeat(length, 2) * rng.uniform(0.62, 0.86, n)
        radius *= 0.76
    return generations


class Anatomy:
    """All normal structures of one patient on the detector."""

    def __init__(self, patient: Patient) -> None:
        self.patient, self.p, self.projection = patient, patient.p, Projection(patient)
        self.x, self.y = self.projection.plane(0.0)

    # -- thoracic cage and lungs ------------------------------------------------------------------------------------
    def cage_half_width(self, y: np.ndarray | float, inner: float = 0.0) -> np.ndarray:
        """The cage's half width at height ``y``, mm: a dome at the apex, widest low, slightly narrower at the base."""
        p = self.p
        t = np.clip((np.asarray(y) - p["apex"] - inner) / (165 + p["inspiration"]), 0, None)
        dome = np.clip(1 - np.clip(1 - t, 0, None) ** p["barrel"], 0, None) ** (1 / p["barrel"])
        return (p["cage"] - inner) * dome * (1 - 0.05 * np.clip(t - 1, 0, None) ** 2)

    @cached_property
    def cage_depth(self) -> np.ndarray:
        """Half depth of the thoracic cavity at each pixel, mm; 0 outside."""
        half = self.cage_half_width(self.y)
        inside = np.clip(1 - np.abs(self.x / np.maximum(half, 1e-6)) ** 2.4, 0, None) ** 0.5
        t = np.clip((self.y - self.p["apex"]) / 130, 0, 1)
        return np.where(half > 1, self.p["depth"] * inside * np.sqrt(t * (2 - t)), 0.0)

    def dome_top(self, side: Side) -> float:
        """Height of the hemidiaphragm's top, mm; the right one stands higher because of the liver."""
        return 62 + self.p["inspiration"] + (self.p["dome_l"] if side == "left" else 0.0)

    @cached_property
    def lung_length(self) -> dict[Side, np.ndarray]:
        """Path length through each lung, mm: the cavity less the mediastinum's slab and the dome below."""
        lengths: dict[Side, np.ndarray] = {}
        for side in SIDES:
            x, sign = self.x * SIGN[side], SIGN[side]
            depth = self.cage_depth
            # The dome is an elliptic paraboloid: per ray it fills an interval of z about its centre.
            across = ((x - 62) / 76) ** 2
            level = np.clip((self.y - self.dome_top(side)) / 46 - across * 0.98, 0, None)
            dome = np.minimum(74 * np.sqrt(level), 1e3)
            length = 2 * np.clip(depth - dome, 0, None)
            inner = 9 + 9 * smoothstep(self.y, -20, 60) + sign * self.p["heart_x"] * 0.3
            lengths[side] = length * smoothstep(x, inner - 6, inner + 12)
        return lengths

    @cached_property
    def lungs(self) -> np.ndarray:
        """Path length through both lungs, mm."""
        return self.lung_length["left"] + self.lung_length["right"]

    def replace(self, chord: np.ndarray, coefficient: float = TISSUE) -> np.ndarray:
        """Extra attenuation of tissue of this chord lying in the lung: it cannot replace more lung than there is."""
        return (coefficient - LUNG) * np.minimum(chord, self.lungs)

    # -- heart and great vessels ------------------------------------------------------------------------------------
    def heart(self, grow: float = 1.0) -> Heart:
        """The heart; ``grow`` widens it."""
        p = self.p
        top = 26 + 0.55 * p["inspiration"]
        return Heart(p["heart_x"], top - 3 * (grow - 1), p["heart"] * grow, p["heart"] * (1 + 0.45 * (grow - 1)),
                     p["heart_axis"])  # fmt: skip

    @cached_property
    def heart_chord(self) -> np.ndarray:
        """Path length through the normal heart, mm, cut by the diaphragm."""
        return self.heart().chord(self.projection)

    @cached_property
    def in_cage(self) -> np.ndarray:
        """1 inside the thoracic cavity, 0 outside and where the abdomen fills the ray, soft at the edge."""
        floor = self.dome_top("left") + 36 + self.p["inspiration"] * 0.2
        return smoothstep(self.cage_depth, 2, 14) * smoothstep(self.y, floor + 10, floor - 6)

    def upper_width(self, y: np.ndarray, widen: float = 1.0) -> np.ndarray:
        """Half width of the upper mediastinum at height y, mm."""
        waist = 1 + 0.25 * smoothstep(y, -120, -150) + 0.10 * smoothstep(y, -60, -30)
        return self.p["upper"] * waist * (1 + (widen - 1) * smoothstep(y, -150, -115) * smoothstep(y, -18, -55))

    def upper_chord(self, widen: float = 1.0) -> np.ndarray:
        """Path length through the great vessels' column, mm."""
        x, y = self.projection.plane(15.0)
        half = self.upper_width(y, widen)
        column = 2 * 60 * np.sqrt(np.clip(1 - np.abs((x - 2) / half) ** 2.6, 0, None))
        return column * smoothstep(y, 20, -25)

    def aorta_chord(self, grow: float = 1.0) -> np.ndarray:
        """Path length through the aortic knob and the descending aorta, mm."""
        p = self.p
        x, y = self.projection.plane(-18.0)
        r = p["knob"] * grow
        knob = ellipsoid(x - 13 - 0.72 * r, y - p["knob_y"], r, r * 1.05, r * 1.7)
        x, y = self.projection.plane(-55.0)
        bow = 21 + (p["aorta_tortuous"] + 5 * (grow - 1)) * np.sin(np.clip((y - p["knob_y"]) / 130, 0, 1) * np.pi)
        down = 2 * 12.5 * np.sqrt(np.clip(1 - ((x - bow) / 12.5) ** 2, 0, None))
        return np.maximum(knob, 0.8 * down * smoothstep(y, p["knob_y"] - 4, p["knob_y"] + 6))

    def hilum_centre(self, side: Side) -> tuple[float, float]:
        """(x, y) of a hilum, mm; the left one stands a little higher."""
        return SIGN[side] * (40 + self.p["heart_x"] * SIGN[side] * 0.3), -34.0 if side == "left" else -27.0

    def hilum_chord(self, side: Side, grow: float = 1.0) -> np.ndarray:
        """Path length through the hilar vessels, mm: a lobulated cluster of ellipsoids."""
        x, y = self.projection.plane(-5.0)
        cx, cy = self.hilum_centre(side)
        rng = self.patient.rng(f"hilum {side}")
        size, chord = self.p["hilum"] * grow, np.zeros_like(x)
        for dx, dy, r in ((0, -6, 10.5), (3, 8, 10), (8, -1, 8.5), (4, 18, 7), (7, -13, 6)):
            jx, jy, jr = rng.normal(0, 1.2, 3)
            a = (r + 0.6 * jr) * size
            # Growth moves the lobes outwards too, or the heart and the aorta would hide them.
            lobe = ellipsoid(
                x - cx - SIGN[side] * (dx * size + jx + 4 * (grow - 1)), y - cy - dy * size - jy, a, a * 1.15, a
            )
            chord = np.maximum(chord, lobe)
        return chord

    # -- lung vessels -----------------------------------------------------------------------------------------------
    @cached_property
    def vessels(self) -> np.ndarray:
        """Attenuation of the branching pulmonary vessels, thinner and fewer towards the chest wall."""
        total = np.zeros_like(self.x)
        for radius, curves in vessel_tree(self.patient, self.hilum_centre):
            line = self.projection.curves(curves)
            total += gaussian_filter(line, 0.55 * radius / PIXEL_MM) * np.pi * radius**2 / PIXEL_MM**2
        present = smoothstep(self.lungs, 15, 60)
        return 0.85 * self.p["vessels"] * (TISSUE - LUNG) * total * present

    # -- concept masks ----------------------------------------------------------------------------------------------
    def masks(self) -> dict[str, np.ndarray]:
        """Exact boolean masks [HEIGHT, WIDTH] of the eleven concepts, without regard to findings."""
        x, y = self.x, self.y
        heart = (self.heart_chord > 8) & (self.in_cage > 0.3)
        x15, y15 = self.projection.plane(15.0)
        column = (np.abs(x15 - 2) < self.upper_width(y15)) & (self.y > self.p["apex"] + 4)
        upper = ((column | (self.aorta_chord() > 6)) & (y < -38)) & (y > self.p["apex"] + 4)
        central = upper | heart | ((np.abs(x) < 26) & (y > -45) & (self.in_cage > 0.3))
        masks: dict[str, np.ndarray] = {"cardiac silhouette": heart, "mediastinum": central, "upper mediastinum": upper}
        for side in SIDES:
            sx = x * SIGN[side]
            lung = (self.lung_length[side] > 22) & ~heart & ~upper
            masks[f"{side} lung"] = lung
            masks[f"{side} hilar structures"] = self.hilum_chord(side) > 3
            # The angle: the lowest, outermost part of the lung, where the dome meets the wall.
            edge = self.cage_half_width(y)
            low = self.dome_top(side) + 4
            masks[f"{side} costophrenic angle"] = (self.lung_length[side] > 8) & (sx > edge - 38) & (y > low)
        for side in SIDES:
            masks[f"{side} clavicle"] = clavicle_mask(self.projection, self.p, side)
        return {name: masks[name] for name in CONCEPTS}
