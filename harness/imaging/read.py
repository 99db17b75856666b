"""Reading chest X-ray files of the usual kinds, and letterboxing them into the frame that models see."""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import HarnessError
from harness.imaging.frame import FRAME_SIDE, Letterbox

if TYPE_CHECKING:
    from PIL.Image import Image

_FILTERS = Lock()


def read_image(path: Path | str) -> np.ndarray:
    """The picture in a PNG (8 or 16 bit), JPEG or DICOM file, uint8 [height, width, 3].

    The content decides what a file is, not its name. 8-bit values are taken as they are; all others are
    stretched linearly from their least and largest to 0..255. A DICOM file's rescale and window (the first,
    where it has several) are applied before, and MONOCHROME1 is inverted, so that bone is bright.
    Transparency is ignored. Raises ``HarnessError`` for a file that is missing, broken or no picture.
    """
    path = Path(path)
    pixels = _read_dicom(path) if _is_dicom(path) else _read_picture(path)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    return np.ascontiguousarray(pixels[..., :3])


def image_size(path: Path | str) -> tuple[int, int]:
    """(width, height) of the picture that :func:`read_image` would return, in pixels.

    All its pixels are decoded, so that a truncated file raises ``HarnessError`` here as it does there; the
    rest of the work is spared.
    """
    path = Path(path)
    if not _is_dicom(path):
        return _decode(path).size
    height, width = _read_dicom(path).shape[:2]
    return width, height


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError as error:
        raise HarnessError(f"The image {path} cannot be read: {error.strerror or error}.") from error


def _read_picture(path: Path) -> np.ndarray:
    picture = _decode(path)
    if picture.mode.startswith(("I", "F")):
        return _stretch(np.asarray(picture))
    return np.asarray(picture.convert("RGB"))


def _decode(path: Path) -> Image:
    """A PNG or JPEG with all its pixels in memory."""
    from PIL import Image, UnidentifiedImageError

    try:
        # Filters are the whole process's: two threads would leave each other's behind.
        with _FILTERS, warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            opened = Image.open(path, formats=("PNG", "JPEG"))
        with opened as picture:
            picture.load()
            return picture
    except UnidentifiedImageError:
        raise HarnessError(f"The image {path} is neither PNG, JPEG nor DICOM; convert it first.") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise HarnessError(f"The image {path} is too large: {error}") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise HarnessError(f"The image {path} is broken: {error}.") from error


def _read_dicom(path: Path) -> np.ndarray:
    import pydicom
    from PIL import Image
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    data = None
    try:
        data = pydicom.dcmread(path)
        colours = int(data.get("SamplesPerPixel", 1))
        # Both before the pixels are unpacked, which may take all memory.
        if int(data.get("NumberOfFrames") or 1) > 1:
            raise HarnessError(f"The image {path} has several frames; give one that has a single frame.")
        count, limit = int(data.Rows) * int(data.Columns), Image.MAX_IMAGE_PIXELS
        if limit is not None and count > limit:
            raise HarnessError(f"The image {path} is too large: {count} pixels, more than {limit}.")
        raw = data.pixel_array
        if raw.ndim != (2 if colours == 1 else 3):
            raise HarnessError(f"The image {path} has {raw.ndim} dimensions; give one of a single frame.")
        if colours > 1:
            return _stretch(raw)
        if data.PhotometricInterpretation not in ("MONOCHROME1", "MONOCHROME2"):
            raise HarnessError(f"The image {path} is {data.PhotometricInterpretation}; convert it to grey first.")
        values = apply_modality_lut(raw, data)
        with suppress(ValueError):  # some devices write a window without width; then all values show
            values = apply_voi_lut(values, data, index=0)
        pixels = _stretch(np.asarray(values))
    except HarnessError:
        raise
    except Exception as error:  # pydicom raises many kinds for broken files and absent decoders
        reason = " ".join(str(error).split()).rstrip(".")
        raise HarnessError(
            f"The DICOM image {path} is broken or cannot be decoded: {reason}.{_decoder_hint(data)}"
        ) from error
    return 255 - pixels if data.PhotometricInterpretation == "MONOCHROME1" else pixels


def _decoder_hint(data: Any) -> str:
    """What to install for a compressed file that a decoder is lacking for, if any: an end to a message."""
    from pydicom.pixels import get_decoder

    with suppress(Exception):  # a file so broken, or a compression so rare, that nothing would help
        syntax = data.file_meta.TransferSyntaxUID
        if syntax.is_compressed and "gdcm" not in get_decoder(syntax).available_plugins:
            return f" It is compressed as {syntax.name}: pip install 'medground-harness[dicom]' may help."
    return ""


def _stretch(values: np.ndarray) -> np.ndarray:
    """Linear from the least and the largest value to 0..255; all 0 where the values are all the same."""
    if values.dtype == np.uint8:
        return values
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return np.zeros(values.shape, np.uint8)
    return np.round((values.astype(np.float64) - low) * (255 / (high - low))).astype(np.uint8)


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
