"""Reading DICOM radiographs: which bits are values, which pixels are padding, and which transforms apply.

Numbers of sections are those of the standard, PS3.3 and PS3.5.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from harness.errors import HarnessError
from harness.reading.grey import check_size, stretch

Transform = Callable[[np.ndarray], np.ndarray]
FILTERS = Lock()
"""Held by who changes what becomes of warnings: filters are the whole process's, and threads would mix them up."""


def read_dicom(path: Path) -> np.ndarray:
    """The only frame of a file, as it is to be shown: uint8 [height, width] or [height, width, 3].

    Raises ``HarnessError`` for one that is broken, has several frames, is too large, or cannot be decoded.
    """
    import pydicom

    data = None
    try:
        with FILTERS, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's remarks on files that are not quite by the book
            data = pydicom.dcmread(path)
            return _shown(data, f"The image {path}")
    except HarnessError:
        raise
    except Exception as error:  # pydicom raises many kinds for broken files and absent decoders
        reason = " ".join(str(error).split()).rstrip(".")
        raise HarnessError(
            f"The DICOM image {path} is broken or cannot be decoded: {reason}.{_decoder_hint(data)}"
        ) from error


def dicom_size(path: Path) -> tuple[int, int]:
    """(width, height) that a file's head says. Raises ``HarnessError`` where it says none."""
    import pydicom

    try:
        with FILTERS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Rows", "Columns"])
            return int(data.Columns), int(data.Rows)
    except Exception as error:
        raise HarnessError(f"The DICOM image {path} is broken: {error}.") from error


def _shown(data: Any, what: str) -> np.ndarray:
    # These before the pixels are unpacked, which may take all memory.
    if int(data.get("NumberOfFrames") or 1) > 1:
        raise HarnessError(f"{what} has several frames; give one that has a single frame.")
    check_size(what, int(data.Columns), int(data.Rows), "Columns x Rows")
    colour, kind = int(data.get("SamplesPerPixel", 1)) > 1, data.PhotometricInterpretation
    if not colour and kind not in ("MONOCHROME1", "MONOCHROME2"):
        raise HarnessError(f"{what} is {kind}; convert it to grey first.")
    stored = _stored(data, what)
    if colour:  # which no window applies to
        return _in_range(data, stored, lambda values: values)
    padding = _padding(data, stored)
    pixels = _in_range(data, stored, partial(_transformed, data), padding)
    pixels = 255 - pixels if kind == "MONOCHROME1" else pixels
    # Black in the end, since it is no film, whichever way round the film's greys are.
    return pixels if padding is None else np.where(padding, np.uint8(0), pixels)


def _stored(data: Any, what: str) -> np.ndarray:
    """The values of the frame, taken out of those bits of their words that hold them (PS3.5, 8.1.1)."""
    from pydicom.pixels import pixel_array
    from pydicom.uid import RLELossless

    allocated = int(data.BitsAllocated)
    bits = int(data.get("BitsStored", allocated))
    top = int(data.get("HighBit", bits - 1))
    below = top + 1 - bits
    syntax = data.file_meta.TransferSyntaxUID
    # Other compressions keep values, not words, so that nobody can say what a shift would mean.
    movable = syntax == RLELossless or not syntax.is_encapsulated
    if bits < 1 or not 0 <= below <= (allocated - bits if movable else 0):
        raise HarnessError(
            f"{what} has the High Bit {top} with {bits} Bits Stored of {allocated}, which cannot be read; correct the "
            "fields, or export the film anew."
        )
    # One frame, whatever follows its bytes (C.7.6.6).
    values = pixel_array(data, index=0, allow_excess_frames=False, correct_unused_bits=not below)
    # To the top and down again, so that what is above goes and a sign is kept.
    return values << (allocated - bits - below) >> (allocated - bits) if below else values


def _padding(data: Any, stored: np.ndarray) -> np.ndarray | None:
    """Which pixels are no film (C.7.5.1.1.2), bool like ``stored``; None where the file says nothing of it."""
    first, last = data.get("PixelPaddingValue"), data.get("PixelPaddingRangeLimit")
    if first is None:
        return None
    # Some devices write the two with the other sign than the pixels.
    signed, words = stored.dtype.kind == "i", 2 ** int(data.BitsAllocated)
    ends = [int(first), int(first if last is None else last)]
    low, high = sorted((end + words // 2) % words - words // 2 if signed else end % words for end in ends)
    return (stored >= low) & (stored <= high)


def _transformed(data: Any, values: np.ndarray) -> np.ndarray:
    """Values after the file's rescale and its first window, or the tables in their place."""
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    values = apply_modality_lut(values, data)
    with suppress(ValueError):  # some devices write a window without width; then all values show
        values = apply_voi_lut(values, data, index=0)
    return np.asarray(values)


def _in_range(
    data: Any, stored: np.ndarray, transform: Transform, ignored: np.ndarray | None = None
) -> np.ndarray:
    """Values as 0..255: by the range that Bits Stored gives (C.7.6.3) where that is up to 8 bits, else stretched."""
    bits = int(data.get("BitsStored", data.BitsAllocated))
    low = -(2 ** (bits - 1)) if stored.dtype.kind == "i" else 0
    span = np.arange(low, low + 2 ** min(bits, 8))
    # A rescale or window that does nothing is none; two grey levels of 255 are nothing.
    if bits > 8 or np.abs(transform(span.astype(stored.dtype)) - span).max() * 127 > len(span) - 1:
        return stretch(transform(stored), ignored)
    return np.round((stored - float(low)) * (255 / (len(span) - 1))).astype(np.uint8)


def _decoder_hint(data: Any) -> str:
    """What to install for a compressed file that a decoder is lacking for, if any: an end to a message."""
    from pydicom.pixels import get_decoder

    with suppress(Exception):  # a file so broken, or a compression so rare, that nothing would help
        syntax = data.file_meta.TransferSyntaxUID
        if syntax.is_compressed and "gdcm" not in get_decoder(syntax).available_plugins:
            return f" It is compressed as {syntax.name}: pip install 'medground-harness[dicom]' may help."
    return ""
