"""A picture of a reference pool: each film with its concepts' outlines, and which colour is which."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import binary_erosion

from plugins.attributors.medfocus.concepts import CONCEPTS
from plugins.attributors.medfocus.references import Pool

ACROSS, LINE = 6, 16
COLOURS = (
    "#e03131", "#4dabf7", "#1c7ed6", "#f59f00", "#ffe066", "#69db7c", "#2f9e44", "#da77f2", "#9c36b5", "#66d9e8",
    "#0c8599",
)  # fmt: skip


def draw_pool(pool: Pool) -> Image.Image:
    """All references, ``ACROSS`` to a row, above the legend."""
    side, count = pool.images.shape[-1], len(pool.images)
    across = min(ACROSS, count)
    rows = -(-count // across)
    picture = Image.new("RGB", (max(across * side, 224), rows * side + LINE * len(CONCEPTS) + LINE), "white")
    colours = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in COLOURS], np.uint8)
    for k, (image, masks) in enumerate(zip(pool.images, pool.masks, strict=True)):
        film = np.repeat(image[..., None], 3, axis=2)
        for mask, colour in zip(masks, colours, strict=True):
            film[mask & ~binary_erosion(mask)] = colour
        picture.paste(Image.fromarray(film), (k % across * side, k // across * side))
    pen, there = ImageDraw.Draw(picture), pool.masks.any((2, 3)).sum(0)
    for k, (name, colour) in enumerate(zip(CONCEPTS, COLOURS, strict=True)):
        top = rows * side + LINE // 2 + k * LINE
        pen.rectangle((8, top + 3, 20, top + 11), fill=colour)
        pen.text((28, top + 1), f"{name}: on {there[k]} of {count}", fill="black")
    return picture
