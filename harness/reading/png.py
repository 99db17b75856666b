"""PNG files of 16 bits and several channels, of which PIL keeps the upper eight bits."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image


def halved(picture: Image) -> bytes | None:
    """The file of such a picture, as long as it is not loaded; None for all others."""
    tile, file = getattr(picture, "tile", None), getattr(picture, "fp", None)
    if picture.format != "PNG" or picture.mode.startswith("I") or not tile or not file or ";16B" not in str(tile[0]):
        return None
    place = file.tell()
    file.seek(0)
    content: bytes = file.read()
    file.seek(place)
    return content


def all_bits(content: bytes) -> np.ndarray:
    """All of its bits, uint16 [height, width, channels]; the file has been decoded before, so that it is sound."""
    rawmode = _decoded(content)[0]
    if rawmode.startswith("LA"):  # two bytes of grey, two of alpha
        high, low = np.split(_decoded(content, "RGBA")[1], 2, axis=2)[0].transpose(2, 0, 1)[..., None]
    else:  # read as if the less significant byte came first, PIL keeps that one
        high, low = (_decoded(content, rawmode.replace("16B", order))[1] for order in ("16B", "16L"))
    return high.astype(np.uint16) * 256 + low


def _decoded(content: bytes, rawmode: str | None = None) -> tuple[str, np.ndarray]:
    """How the file stores its pixels, in PIL's words, and what PIL makes of them, or would if they were ``rawmode``."""
    from PIL import Image

    with Image.open(BytesIO(content), formats=("PNG",)) as picture:
        codec, extents, offset, stored = picture.tile[0]  # type: ignore[attr-defined]
        stored = stored if isinstance(stored, str) else stored[0]
        if rawmode is not None:
            picture.tile = [(codec, extents, offset, rawmode)]  # type: ignore[attr-defined]
        return stored, np.asarray(picture)
