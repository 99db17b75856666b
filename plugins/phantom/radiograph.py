"""From patient to radiograph, second edition: exposure, noise, film curve, and each finding's exact share of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

from harness.imaging.frame import Box
from plugins.phantom import body, lesions, marks, organs
from plugins.phantom.anatomy import Anatomy
from plugins.phantom.kinds import KIND
from plugins.phantom.patient import Patient
from plugins.phantom.projection import HEIGHT, PIXEL_MM, WIDTH

VISIBLE = 0.035  # attenuation below this drowns in quantum noise: it defines where a finding is
# 7 x 5 bitmaps of the side markers.
_GLYPHS = {
    "L": ("10000", "10000", "10000", "10000", "10000", "10000", "11111"),
    "R": ("11110", "10001", "10001", "11110", "10100", "10010", "10001"),
}


@dataclass(frozen=True)
class Drawn:
    """A finding on a film: its lesions as extra attenuation, float [HEIGHT, WIDTH] each, and its contrast.

    The last ``missed`` lesions are so faint that the reader who drew the boxes did not see them.
    """

    lesions: tuple[np.ndarray, ...]
    contrast: float
    missed: int = 0

    @cached_property
    def whole(self) -> np.ndarray:
        """The finding's extra attenuation, float [HEIGHT, WIDTH]."""
        return np.sum(self.lesions, axis=0)

    @cached_property
    def seen(self) -> tuple[np.ndarray, ...]:
        """The lesions that have a box."""
        return self.lesions[: len(self.lesions) - self.missed]


@dataclass
class Radiograph:
    """One patient's exposure: normal attenuation plus a map for each finding, so that any can be left out exactly."""

    patient: Patient
    marked: tuple[str, ...] = ()  # the kinds whose planted cause is on the film, see :mod:`plugins.phantom.marks`

    @cached_property
    def anatomy(self) -> Anatomy:
        """The normal structures."""
        return Anatomy(self.patient)

    @cached_property
    def drawn(self) -> dict[str, Drawn]:
        """The findings that the film shows, by kind.

        Left out, also of the picture, is what a reader could not tell to be there: what is too faint or too small,
        what the others hide by more than half, and what the plate's edge cuts.
        """
        made = {kind: self._draw(kind) for kind in self.patient.kinds}
        kept = {kind: finding for kind, finding in made.items() if self._readable(kind, finding)}
        whole = _together([finding.whole for finding in kept.values()])
        if len(kept) < 2:
            return kept
        for kind, finding in list(kept.items()):
            others = _together([other.whole for name, other in kept.items() if name != kind])
            if np.abs(whole - others).sum() < 0.5 * np.abs(finding.whole).sum():
                del kept[kind]
        return kept

    def _draw(self, kind: str) -> Drawn:
        rng = self.patient.rng(f"{kind} {self.patient.draw}")
        contrast = float(rng.uniform(0.75, 1.25) if rng.random() < 0.72 else rng.uniform(0.3, 0.75))
        made = (lesions if KIND[kind].anywhere else organs).draw(self.anatomy, kind, rng)
        missed = int(len(made) > 1 and rng.random() < 0.3)
        scale = [contrast] * (len(made) - missed) + [contrast * 0.6] * missed
        return Drawn(tuple(k * lesion for k, lesion in zip(scale, made, strict=True)), contrast, missed)

    @staticmethod
    def _readable(kind: str, finding: Drawn) -> bool:
        whole = np.abs(finding.whole)
        ring = np.concatenate([whole[0], whole[-1], whole[:, 0], whole[:, -1]]) > VISIBLE
        cut = ring.sum() > 0.6 * np.sqrt((whole > VISIBLE).sum())
        enough = whole.sum() * PIXEL_MM**2 >= KIND[kind].least
        return bool(enough and not cut and all((np.abs(lesion) > VISIBLE).sum() > 60 for lesion in finding.seen))

    @property
    def findings(self) -> tuple[str, ...]:
        """The kinds of finding that the film shows."""
        return tuple(self.drawn)

    @cached_property
    def normal(self) -> np.ndarray:
        """Attenuation of the body without any finding."""
        return body.attenuation(self.anatomy)

    @cached_property
    def _grain(self) -> tuple[np.ndarray, np.ndarray]:
        """Quantum and electronic noise and the scattered light, the same with and without findings."""
        rng = self.patient.rng("noise")
        grain = gaussian_filter(rng.standard_normal((HEIGHT, WIDTH)), self.patient.p["sharp"])
        scatter = _broad(np.exp(-self.normal), 28) * self.patient.p["scatter"]
        return grain / grain.std(), scatter

    @cached_property
    def _window(self) -> tuple[float, float]:
        """Automatic exposure: the film's range follows the lungs and the mediastinum, with an operator's error."""
        p = self.patient.p
        signal = -np.log(np.exp(-self.normal) + self._grain[1])
        low, high = np.percentile(signal[self.anatomy.cage_depth > 20], [2, 99])
        span = high - low
        return float(low - (0.16 + p["low"]) * span), float(high + (0.14 + p["high"]) * span)

    @cached_property
    def mark_boxes(self) -> dict[str, Box]:
        """Where the planted causes lie, native pixels, by the kind of finding that each stands in for."""
        places = {}
        for kind in self.marked:
            lesion = self.signal(kind) if kind in self.drawn else None
            rng = self.patient.rng(f"{marks.MARKS[kind]} {self.patient.draw}")
            places[kind] = marks.place(self.anatomy, marks.MARKS[kind], lesion, rng)
        return places

    def render(self, without: frozenset[str] = frozenset()) -> np.ndarray:
        """The radiograph as uint8 [HEIGHT, WIDTH], white is dense, leaving out the kinds in ``without``.

        With a kind goes its planted mark.
        """
        p = self.patient.p
        total = self.normal + _together([f.whole for kind, f in self.drawn.items() if kind not in without])
        grain, scatter = self._grain
        primary = gaussian_filter(np.exp(-np.clip(total, 0.02, 7)), 0.5) + scatter
        # Noise of a log signal: the square root of the quanta, over the quanta.
        signal = -np.log(primary) + grain * np.sqrt(1.0 / (p["dose"] * 9e4 * primary))
        low, high = self._window
        level = (signal - low) / (high - low)
        # What a digital detector's software does: large differences shrink, small ones grow.
        level = level + p["local"] * 0.5 * (level - _broad(level, 14))
        level = np.clip(level, 0, 1) ** p["gamma"]
        level = 0.6 * level + 0.4 * (level * level * (3 - 2 * level))
        level = self._overlay(level)
        for kind, box in self.mark_boxes.items():
            if kind not in without:
                level = marks.paint(level, marks.MARKS[kind], box, self.patient.rng("writing"))
        return np.round(255 * (0.02 + 0.95 * level)).astype(np.uint8)

    def image(self, without: frozenset[str] = frozenset()) -> np.ndarray:
        """The radiograph as sources give images, uint8 [HEIGHT, WIDTH, 3]."""
        return np.repeat(self.render(without)[..., None], 3, axis=2)

    def _overlay(self, level: np.ndarray) -> np.ndarray:
        """Collimator edges and the side marker: what is on the film but not in the body."""
        p, level = self.patient.p, level.copy()
        if p["collimate"] > 0.2:
            edge = int(4 * p["collimate"]) + 1
            level[:edge], level[-edge:], level[:, :edge], level[:, -edge:] = 0, 0, 0, 0
        if p["marker"] > 0.35:
            left = p["marker"] > 0.6
            glyph = np.array([[float(c) for c in row] for row in _GLYPHS["L" if left else "R"]])
            glyph = np.kron(glyph, np.ones((int(1.5 * p["marker_size"]),) * 2))
            h, w = glyph.shape
            row = 8 + int(60 * p["marker_y"] ** 2)
            col = 8 + int(26 * p["marker_x"])
            col = WIDTH - w - col if left else col
            part = level[row : row + h, col : col + w]
            level[row : row + h, col : col + w] = np.maximum(part, 0.95 * gaussian_filter(glyph, 0.5))
        return level

    def signal(self, kind: str) -> np.ndarray:
        """Boolean [HEIGHT, WIDTH]: where the finding visibly changes the film."""
        return np.abs(self.drawn[kind].whole) > VISIBLE


def _together(deltas: list[np.ndarray]) -> np.ndarray | float:
    """Several findings on one ray. What adds tissue there shares the room, so it adds up less than linearly."""
    if not deltas:
        return 0.0
    if len(deltas) == 1:
        return deltas[0]
    more, less = np.zeros_like(deltas[0]), np.zeros_like(deltas[0])
    for delta in deltas:
        positive = np.maximum(delta, 0)
        more += positive * positive * positive
        less += delta - positive
    return np.cbrt(more) + less


def _broad(values: np.ndarray, sigma: float) -> np.ndarray:
    """A wide Gaussian blur, computed on every fourth pixel."""
    h, w = values.shape
    small = values.reshape(h // 4, 4, w // 4, 4).mean((1, 3))
    return np.asarray(zoom(gaussian_filter(small, sigma / 4), 4, order=1, mode="nearest", grid_mode=True))
