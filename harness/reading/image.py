"""One image from a file, a PIL image or an array: always the same pixels."""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import HarnessError
from harness.reading.dicom import FILTERS, dicom_size, read_dicom
from harness.reading.grey import MEGAPIXELS, check_size, stretch
from harness.reading.png import all_bits, halved

if TYPE_CHECKING:
    from PIL.Image import Image


def read_image(path: Path | str, upright: bool = False) -> np.ndarray:
    """The picture in a PNG (8 or 16 bit), JPEG or DICOM file, uint8 [height, width, 3].

    The content decides what a file is, not its name. 8-bit values are taken as they are; all others are
    stretched linearly from their least and largest to 0..255. A DICOM file's rescale and window (the first,
    where it has several) are applied before, and MONOCHROME1 is inverted, so that bone is bright; its padding is black
    and takes no part in that, and up to 8 Bits Stored give the range, as 8-bit values do. Transparency is ignored.

    ``upright``: turn the picture as a viewer does, by its EXIF orientation; otherwise pixels are where the file stores
    them, which is what boxes and masks of data sets refer to.

    Raises ``HarnessError`` for a file that is missing, broken or no picture, and for one of more than 40 megapixels or
    longer than 1 to 20.
    """
    path = Path(path)
    if _is_dicom(path):
        return from_array(read_dicom(path), f"The image {path}")
    picture, deep = _decode(path)
    return from_picture(picture, f"The image {path}", upright, deep)


def image_size(path: Path | str) -> tuple[int, int]:
    """(width, height) of the picture that :func:`read_image` would return as stored, in pixels.

    All its pixels are decoded, so that a truncated file raises ``HarnessError`` here as it does there; the
    rest of the work is spared.
    """
    path = Path(path)
    if not _is_dicom(path):
        return _decode(path)[0].size
    height, width = read_dicom(path).shape[:2]
    return width, height


def stated_size(path: Path | str) -> tuple[int, int]:
    """(width, height) that a file's head says, as stored: quick, and no word on whether its pixels are sound.

    Raises ``HarnessError`` for a file that is missing or no picture.
    """
    from PIL import Image

    path = Path(path)
    if _is_dicom(path):
        return dicom_size(path)
    try:
        with FILTERS, warnings.catch_warnings(), Image.open(path, formats=("PNG", "JPEG")) as picture:
            return picture.size
    except Exception as error:  # a bomb too
        raise HarnessError(f"The image {path} is broken: {error}.") from error


def from_picture(picture: Image, what: str, upright: bool = False, deep: bytes | None = None) -> np.ndarray:
    """A PIL image as :func:`read_image` gives its file. ``what`` names it in errors.

    ``deep``: the file itself, where it is one of those that PIL halves: a PNG of 16 bits and several channels. A PIL
    image of one that is not loaded yet is read anew; of one that is, the lower halves are gone.
    """
    check_size(what, *picture.size)
    try:
        deep = deep or halved(picture)
        if deep:
            values = all_bits(deep)
        else:
            values = np.asarray(picture if picture.mode.startswith(("I", "F")) else picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:  # it may not be loaded yet
        raise HarnessError(f"{what} is broken: {error}.") from error
    orientation = 1
    if upright:
        # EXIF that cannot be read turns nothing, in viewers too.
        with FILTERS, warnings.catch_warnings(), suppress(Exception):
            warnings.simplefilter("ignore")
            orientation = picture.getexif().get(0x0112, 1)
    return from_array(_turned(values, orientation), what)


def from_array(values: np.ndarray, what: str = "The image") -> np.ndarray:
    """Grey or colour values, with or without transparency, as :func:`read_image` gives a picture of them.

    Parameters
    ----------
    values
        [height, width], or [height, width, channels] with 1 (grey), 2 (and alpha), 3 (colour) or 4 (and alpha) of them.
    what
        Names it in errors.

    Raises
    ------
    HarnessError
        For anything else, for numbers that are not finite, and for an image too large or too long.
    """
    if values.dtype == bool:
        values = np.where(values, np.uint8(255), np.uint8(0))
    channels = values.shape[2] if values.ndim == 3 else 1
    if values.ndim not in (2, 3) or not 1 <= channels <= 4 or values.dtype.kind not in "iuf" or not values.size:
        raise HarnessError(
            f"{what} should be [height, width] or [height, width, 3] numbers, not {values.dtype} {values.shape}."
        )
    check_size(what, values.shape[1], values.shape[0])
    if not np.isfinite(values).all():
        raise HarnessError(f"{what} has values that are no numbers (NaN or infinite); replace them first.")
    if channels < 3:
        values = values.reshape(*values.shape[:2], -1)[..., :1].repeat(3, axis=2)
    return np.ascontiguousarray(stretch(values[..., :3]))


def _turned(values: np.ndarray, orientation: int) -> np.ndarray:
    """Stored values as EXIF's orientation, 1 to 8, has them shown."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return values[::-1] if orientation in (3, 4, 7, 8) else values


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError as error:
        raise HarnessError(f"The image {path} cannot be read: {error.strerror or error}.") from error


def _decode(path: Path) -> tuple[Image, bytes | None]:
    """A PNG or JPEG with all its pixels in memory, and the file where PIL keeps but half of them."""
    from PIL import Image, UnidentifiedImageError

    try:
        with FILTERS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            opened = Image.open(path, formats=("PNG", "JPEG"))
        with opened as picture:
            check_size(f"The image {path}", *picture.size)
            deep = halved(picture)
            picture.load()
            return picture, deep
    except UnidentifiedImageError:
        raise HarnessError(f"The image {path} is neither PNG, JPEG nor DICOM; convert it first.") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise HarnessError(
            f"The image {path} is too large: more than {MEGAPIXELS} megapixels; give a smaller copy."
        ) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise HarnessError(f"The image {path} is broken: {error}.") from error
