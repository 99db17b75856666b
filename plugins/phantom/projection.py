"""From body millimetres to detector pixels: pose, slight cone-beam magnification, and drawing thin 3-D curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.signal import fftconvolve

from plugins.phantom.patient import Patient

HEIGHT, WIDTH = 320, 288
PIXEL_MM = 1.22
SOURCE_MM = 1800.0


class Projection:
    """One patient's projection geometry; all maps are float arrays [HEIGHT, WIDTH]."""

    def __init__(self, patient: Patient) -> None:
        p = patient.p
        self.p = p
        rows, cols = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
        u = (cols + 0.5 - WIDTH / 2) * PIXEL_MM - p["shift_x"]
        v = (rows + 0.5 - HEIGHT * 0.5) * PIXEL_MM - p["shift_y"]
        c, s = np.cos(p["roll"]), np.sin(p["roll"])
        self.u, self.v = (c * u + s * v) / p["size"], (-s * u + c * v) / p["size"]

    def plane(self, z: float) -> tuple[np.ndarray, np.ndarray]:
        """Body (x, y) at depth z seen by each pixel: magnification, yaw and pitch move what lies off the midplane."""
        grow = 1 + z / SOURCE_MM
        return (self.u - z * self.p["yaw"]) * grow, (self.v - z * self.p["pitch"]) * grow

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fractional (column, row) of body points [n, 3]; the inverse of :meth:`plane`."""
        p = self.p
        grow = 1 + points[:, 2] / SOURCE_MM
        u = (points[:, 0] / grow + points[:, 2] * p["yaw"]) * p["size"]
        v = (points[:, 1] / grow + points[:, 2] * p["pitch"]) * p["size"]
        c, s = np.cos(p["roll"]), np.sin(p["roll"])
        x, y = c * u - s * v + p["shift_x"], s * u + c * v + p["shift_y"]
        return x / PIXEL_MM + WIDTH / 2 - 0.5, y / PIXEL_MM + HEIGHT * 0.5 - 0.5

    def curves(self, curves: Sequence[np.ndarray]) -> np.ndarray:
        """Length of curve in each pixel, mm, from polylines [n, 3]; where a curve runs along the ray it piles up."""
        step = np.concatenate([np.linalg.norm(np.diff(curve, axis=0), axis=1) for curve in curves])
        middle = np.concatenate([(curve[1:] + curve[:-1]) / 2 for curve in curves])
        col, row = self.project(middle)
        # A margin of one pixel takes what falls off the detector.
        col, row = np.clip(col + 1, 0, WIDTH), np.clip(row + 1, 0, HEIGHT)
        c0, r0 = col.astype(int), row.astype(int)
        fc, fr = col - c0, row - r0
        canvas = np.zeros((HEIGHT + 2) * (WIDTH + 2))
        for dr, dc, share in (
            (0, 0, (1 - fr) * (1 - fc)),
            (0, 1, (1 - fr) * fc),
            (1, 0, fr * (1 - fc)),
            (1, 1, fr * fc),
        ):
            canvas += np.bincount((r0 + dr) * (WIDTH + 2) + c0 + dc, step * share, len(canvas))
        return canvas.reshape(HEIGHT + 2, WIDTH + 2)[1:-1, 1:-1]

    def tubes(self, curves: Sequence[np.ndarray], radius: float, hollow: float = 0.0) -> np.ndarray:
        """Path length, mm, through round tubes about the curves; ``hollow`` is the marrow's share of missing bone.

        A uniform disk swept along a line integrates across it to the chord of a cylinder, so that convolving the
        curves with a disk gives tubes.
        """
        kernel = _disk(radius / PIXEL_MM)
        if hollow:
            kernel = kernel - hollow * _pad_to(_disk(0.72 * radius / PIXEL_MM), kernel.shape[0])
        return fftconvolve(self.curves(curves), kernel, mode="same").clip(0)


def _disk(radius: float, oversample: int = 5) -> np.ndarray:
    """An anti-aliased disk of ones, [k, k] with k odd."""
    half = int(np.ceil(radius))
    fine = (np.arange((2 * half + 1) * oversample) + 0.5) / oversample - half - 0.5
    inside = (fine[:, None] ** 2 + fine[None] ** 2 <= radius**2).astype(float)
    k = 2 * half + 1
    return inside.reshape(k, oversample, k, oversample).mean(axis=(1, 3))


def _pad_to(kernel: np.ndarray, size: int) -> np.ndarray:
    margin = (size - kernel.shape[0]) // 2
    return np.pad(kernel, margin)


def ellipsoid(x: np.ndarray, y: np.ndarray, a: float, b: float, c: float, angle: float = 0.0) -> np.ndarray:
    """Chord, mm, along z through an ellipsoid with half axes a, b (turned by ``angle`` in the image plane) and c."""
    if angle:
        s, k = np.sin(angle), np.cos(angle)
        x, y = k * x + s * y, -s * x + k * y
    return 2 * c * np.sqrt(np.clip(1 - (x / a) ** 2 - (y / b) ** 2, 0, None))


def smoothstep(value: np.ndarray | float, low: np.ndarray | float, high: np.ndarray | float) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, a cubic between; also for low > high, falling."""
    t = np.asarray(value - low) / (high - low)
    t = np.minimum(np.maximum(t, 0), 1)
    return t * t * (3 - 2 * t)
