"""Letterboxing an image, or a mask of it, into the frame that models see."""

from __future__ import annotations

import numpy as np

from harness.imaging.frame import FRAME_SIDE, Letterbox


def letterbox(image: np.ndarray, side: int = FRAME_SIDE) -> tuple[np.ndarray, Letterbox]:
    """An image, uint8 [height, width, 3], in a black frame, uint8 [side, side, 3], and the map between them.

    Bicubic, the longest side to ``side``, centred: MedGround-Bench's model input.
    """
    from PIL import Image

    place = Letterbox(image.shape[1], image.shape[0], side)
    (x, y), (width, height) = place.offset, place.size
    small = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
    frame = np.zeros((side, side, 3), np.uint8)
    frame[y : y + height, x : x + width] = np.asarray(small)
    return frame, place


def letterbox_mask(mask: np.ndarray, side: int = FRAME_SIDE) -> np.ndarray:
    """A mask, bool [height, width], where :func:`letterbox` puts its image: uint8 [side, side].

    How much of each frame pixel the mask covers, 0 to 255. The padding is 0.
    """
    grey = np.where(mask, 255, 0).astype(np.uint8)
    return letterbox(np.repeat(grey[..., None], 3, axis=2), side)[0][..., 0]
