"""A chest of eleven rectangles, whose concepts are known exactly, and a reference pool of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.imaging.frame import Box
from harness.testing.region import SIDE
from plugins.attributors.medfocus.concepts import CONCEPTS

# One rectangle a concept, all inside the frame, several of them overlapping as anatomy does.
RECTANGLES = {
    "cardiac silhouette": Box(88, 108, 150, 168),
    "left lung": Box(128, 44, 196, 184),
    "right lung": Box(28, 44, 96, 184),
    "mediastinum": Box(84, 32, 140, 176),
    "upper mediastinum": Box(92, 32, 132, 88),
    "left clavicle": Box(124, 36, 188, 52),
    "right clavicle": Box(36, 36, 100, 52),
    "left hilar structures": Box(132, 88, 156, 116),
    "right hilar structures": Box(68, 88, 92, 116),
    "left costophrenic angle": Box(176, 160, 200, 188),
    "right costophrenic angle": Box(24, 160, 48, 188),
}


def frame(shift: tuple[int, int] = (0, 0), seed: int = 0) -> np.ndarray:
    """A grey picture with structure, uint8 [SIDE, SIDE]; its content moves by ``shift`` = (right, down)."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(float)
    image = 60 + 40 * np.exp(-(((x - 112) / 60) ** 2) - ((y - 112) / 80) ** 2)
    for k, box in enumerate(RECTANGLES.values()):
        inside = (x >= box.x0) & (x < box.x1) & (y >= box.y0) & (y < box.y1)
        image += (-18 if "lung" in list(RECTANGLES)[k] else 12) * inside
    body = (x > 16) & (x < 208) & (y > 16) & (y < 208)
    image = np.where(body, image + np.random.default_rng(seed).normal(0, 1, image.shape), 0)
    return np.roll(image.clip(0, 255), (shift[1], shift[0]), axis=(0, 1)).astype(np.uint8)


def shifted(box: Box, shift: tuple[int, int]) -> Box:
    return Box(box.x0 + shift[0], box.y0 + shift[1], box.x1 + shift[0], box.y1 + shift[1])


def mask(box: Box) -> np.ndarray:
    result = np.zeros((SIDE, SIDE), bool)
    result[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
    return result


def iou(a: Box, b: Box) -> float:
    both = Box(max(a.x0, b.x0), max(a.y0, b.y0), min(a.x1, b.x1), min(a.y1, b.y1)).area
    return both / (a.area + b.area - both)


SHIFTS = [(0, 0), (-4, 4), (4, 0), (0, -4), (4, 4)]


def rgb(image: np.ndarray) -> np.ndarray:
    return np.repeat(image[..., None], 3, axis=2)


def write_pool(path: Path) -> Path:
    """Five references: the same chest at different places."""
    masks = np.stack([[mask(shifted(RECTANGLES[c], s)) for c in CONCEPTS] for s in SHIFTS])
    images = np.stack([frame(s, seed) for seed, s in enumerate(SHIFTS)])
    np.savez_compressed(
        path, images=images, masks=np.packbits(masks), concepts=np.array(CONCEPTS), origin="drawn for a test"
    )
    return path
