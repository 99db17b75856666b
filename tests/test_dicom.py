"""Pixels of DICOM files as they are meant: padding, transforms that do nothing, ranges, bits and frames."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from data_trees import compress, write_dicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import JPEG2000Lossless

from harness.errors import HarnessError
from harness.reading.image import image_size, read_image

CHEST = np.linspace(100, 3000, 30 * 20).round().astype(np.uint16).reshape(30, 20)
OUTSIDE = np.zeros((30, 20), bool)
OUTSIDE[:8] = OUTSIDE[-8:] = True


def shown(path: Path) -> np.ndarray:
    """One channel; the others must be like it, and nobody is warned of anything."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = read_image(path)
    assert image.dtype == np.uint8 and (image == image[..., :1]).all()
    return image[..., 0]


def stretched(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    return np.round((values - low) * (255 / (high - low))).astype(np.uint8)


def padded(value: int, dtype: Any = np.uint16) -> np.ndarray:
    return np.where(OUTSIDE, value, CHEST).astype(dtype)


# --- padding


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    ("value", "tags"),
    [
        (0, {"PixelPaddingValue": 0}),
        (65535, {"PixelPaddingValue": 65535}),
        (-32768, {"PixelPaddingValue": -32768, "PixelRepresentation": 1}),
        (-2000, {"PixelPaddingValue": -1500, "PixelPaddingRangeLimit": -2500, "PixelRepresentation": 1}),
        (5000, {"PixelPaddingValue": 4096, "PixelPaddingRangeLimit": 65535}),
        (5000, {"PixelPaddingValue": 65535, "PixelPaddingRangeLimit": 4096}),
    ],
)  # fmt: skip
def test_padding_is_black_and_takes_no_part(
    tmp_path: Path, value: int, tags: dict[str, int], photometric: str
) -> None:
    pixels = padded(value, np.int16 if tags.get("PixelRepresentation") else np.uint16)
    image = shown(write_dicom(tmp_path / "a.dcm", pixels, PhotometricInterpretation=photometric, **tags))
    chest = stretched(CHEST[~OUTSIDE])
    np.testing.assert_array_equal(image[~OUTSIDE], 255 - chest if photometric == "MONOCHROME1" else chest)
    assert not image[OUTSIDE].any()


def test_padding_written_with_the_other_sign(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", padded(-2000, np.int16), PixelRepresentation=1)
    data = pydicom.dcmread(path)
    data.add_new("PixelPaddingValue", "US", 65536 - 2000)
    data.save_as(path)
    assert not shown(path)[OUTSIDE].any() and shown(path).max() == 255


def test_padding_under_a_window_and_in_8_bit(tmp_path: Path) -> None:
    window = {"WindowCenter": 1550, "WindowWidth": 2000, "RescaleSlope": 1, "RescaleIntercept": -10}
    tags = {"PixelPaddingValue": 65535, **window}
    image = shown(write_dicom(tmp_path / "a.dcm", padded(65535), **tags))
    assert not image[OUTSIDE].any()
    alone = shown(write_dicom(tmp_path / "b.dcm", CHEST[8:-8].copy(), **window))
    np.testing.assert_array_equal(image[8:-8], alone)
    eight = np.where(OUTSIDE, 255, CHEST // 32 + 100).astype(np.uint8)
    image = shown(write_dicom(tmp_path / "c.dcm", eight, PixelPaddingValue=255))
    np.testing.assert_array_equal(image, np.where(OUTSIDE, 0, eight))


def test_a_film_that_is_all_padding_is_black(tmp_path: Path) -> None:
    assert not shown(write_dicom(tmp_path / "a.dcm", np.full((5, 6), 9, np.uint16), PixelPaddingValue=9)).any()


# --- transforms that do nothing, and the range of few bits


NARROW = (CHEST // 95 + 100).astype(np.uint8)  # 101 to 131


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"RescaleSlope": 1, "RescaleIntercept": 0},
        {"RescaleSlope": "1.0", "RescaleIntercept": "0.0", "RescaleType": "US"},
        {"WindowCenter": 128, "WindowWidth": 256},
        {"WindowCenter": 127, "WindowWidth": 255},
        {"RescaleSlope": 1, "RescaleIntercept": 0, "WindowCenter": [128, 40], "WindowWidth": [256, 9]},
    ],
)
def test_an_identity_is_none(tmp_path: Path, tags: dict[str, Any]) -> None:
    np.testing.assert_array_equal(shown(write_dicom(tmp_path / "a.dcm", NARROW, **tags)), NARROW)
    path = write_dicom(tmp_path / "b.dcm", NARROW, PhotometricInterpretation="MONOCHROME1", **tags)
    np.testing.assert_array_equal(shown(path), 255 - NARROW)


def test_an_identity_table_is_none_and_another_is_not(tmp_path: Path) -> None:
    for name, table in (("same", np.arange(256)), ("steep", np.arange(256) * 8 % 2048)):
        item = Dataset()
        item.LUTDescriptor, item.ModalityLUTType = [256, 0, 16], "US"
        item.LUTData = table.astype("<u2").tobytes()
        image = shown(write_dicom(tmp_path / "a.dcm", NARROW, ModalityLUTSequence=Sequence([item])))
        np.testing.assert_array_equal(image, NARROW if name == "same" else stretched(NARROW))


def test_a_transform_that_does_something_is_applied_to_8_bit(tmp_path: Path) -> None:
    for tags in ({"RescaleSlope": 2, "RescaleIntercept": 0}, {"WindowCenter": 116.5, "WindowWidth": 32}):
        image = shown(write_dicom(tmp_path / "a.dcm", NARROW, **tags))
        assert np.abs(image.astype(int) - stretched(NARROW)).max() <= 1


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("words", [np.uint8, np.uint16])
def test_bits_stored_give_the_range(tmp_path: Path, bits: int, words: Any) -> None:
    values = (np.arange(40).reshape(8, 5) % max(1, 2**bits - (bits > 2))).astype(words)  # the largest may be absent
    expected = np.round(values * (255 / (2**bits - 1)))
    tags = {"BitsStored": bits, "HighBit": bits - 1}
    np.testing.assert_array_equal(shown(write_dicom(tmp_path / "a.dcm", values, **tags)), expected)
    path = write_dicom(tmp_path / "b.dcm", values, PhotometricInterpretation="MONOCHROME1", **tags)
    np.testing.assert_array_equal(shown(path), 255 - expected)


def test_one_bit_allocated(tmp_path: Path) -> None:
    bits = np.random.default_rng(0).integers(0, 2, (16, 8), dtype=np.uint8)
    path = write_dicom(tmp_path / "a.dcm", bits)
    data = pydicom.dcmread(path)
    data.BitsAllocated, data.BitsStored, data.HighBit = 1, 1, 0
    data.PixelData = np.packbits(bits.ravel(), bitorder="little").tobytes()
    data.save_as(path)
    np.testing.assert_array_equal(shown(path), bits * 255)


def test_signed_8_bit_has_its_middle_at_0(tmp_path: Path) -> None:
    values = np.arange(-128, 128, dtype=np.int8).reshape(16, 16)
    path = write_dicom(tmp_path / "a.dcm", values, PixelRepresentation=1)
    np.testing.assert_array_equal(shown(path), np.arange(256).reshape(16, 16))


# --- which bits, which bytes


@pytest.mark.parametrize("top", [11, 13, 15])
@pytest.mark.parametrize("signed", [False, True])
def test_values_are_taken_out_of_the_bits_that_hold_them(tmp_path: Path, top: int, signed: bool) -> None:
    values = CHEST.astype(np.int16) - 1500 if signed else CHEST
    words = (values.astype(np.int32) << (top - 11) & ((1 << top + 1) - 1)).astype(np.uint16)
    words |= np.uint16(1) if top > 11 else np.uint16(0)  # what lies below is no part of them
    words |= np.uint16(1 << 15) if top < 15 else np.uint16(0)  # nor what lies above
    path = write_dicom(tmp_path / "a.dcm", words, BitsStored=12, HighBit=top, PixelRepresentation=int(signed))
    np.testing.assert_array_equal(shown(path), stretched(values))


def test_a_high_bit_that_cannot_be_is_refused(tmp_path: Path) -> None:
    for bits, top in ((12, 7), (12, 16), (17, 16), (0, 15)):
        path = write_dicom(tmp_path / "a.dcm", CHEST, BitsStored=bits, HighBit=top)
        with pytest.raises(HarnessError, match=rf"a\.dcm has the High Bit {top} with {bits} Bits Stored .* export"):
            read_image(path)
    packed = compress(write_dicom(tmp_path / "b.dcm", CHEST, BitsStored=12), JPEG2000Lossless, b"no stream")
    with pytest.raises(HarnessError, match=r"High Bit 15 with 12 Bits Stored"):
        read_image(packed)


@pytest.mark.parametrize("spare", [1, 2, 900, 30 * 20 * 2 * 3])
@pytest.mark.parametrize("frames", [None, 1, "1"])
def test_spare_bytes_are_no_frames(tmp_path: Path, spare: int, frames: Any) -> None:
    path = write_dicom(tmp_path / "a.dcm", CHEST)
    data = pydicom.dcmread(path)
    data.PixelData += b"\xff" * (spare + spare % 2)
    if frames is not None:
        data.NumberOfFrames = frames
    data.save_as(path)
    np.testing.assert_array_equal(shown(path), stretched(CHEST))
    assert image_size(path) == (20, 30)


def test_no_remark_of_the_library_gets_out(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", CHEST)
    content = path.read_bytes()
    uid = pydicom.dcmread(path).SOPInstanceUID.encode()
    path.write_bytes(content[:300] + content[300:].replace(uid, uid[:-4] + b"x y!"))
    np.testing.assert_array_equal(shown(path), stretched(CHEST))
