"""Pixels of deep PNGs, EXIF's orientation, one image given in three ways, and what is too large."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_trees import write_dicom
from PIL import Image

from harness.api.one_image import pixels_of
from harness.errors import HarnessError
from harness.reading import grey
from harness.reading.image import from_array, image_size, read_image
from plugins.sources.vindr_cxr import VinDrCXR

FILM = np.linspace(100, 3000, 30 * 20).round().astype(np.uint16).reshape(30, 20)
NARROW = (FILM // 95 + 100).astype(np.uint8)  # 101 to 131


def stretched(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    return np.round((values - low) * (255 / (high - low))).astype(np.uint8)


# --- PNG of 16 bits and several channels


def png(values: np.ndarray) -> bytes:
    """A PNG of 16 bits, which PIL cannot write: 2 channels are grey and alpha, 3 colour, 4 colour and alpha."""
    height, width, channels = values.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    # Each line by the filter "up", so that what the filters work on is tested too.
    words = values.astype(">u2").view(np.uint8).reshape(height, -1)
    lines = np.diff(words, axis=0, prepend=np.zeros((1, words.shape[1]), np.uint8))
    body = b"".join(b"\2" + line.tobytes() for line in lines)
    head = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_all_16_bits_of_colour_are_read(tmp_path: Path, channels: int) -> None:
    """12-bit values, which fill the lower half and a part of the upper one; alpha takes no part."""
    values = np.random.default_rng(channels).integers(500, 4096, (30, 20, channels))
    if channels != 3:
        values[..., -1] = 65535
    kept = values[..., :1].repeat(3, axis=2) if channels == 2 else values[..., :3]
    path = tmp_path / "a.png"
    path.write_bytes(png(values))
    np.testing.assert_array_equal(read_image(path), stretched(kept))
    assert image_size(path) == (20, 30)
    with Image.open(path) as picture:  # not loaded yet
        np.testing.assert_array_equal(pixels_of(picture), stretched(kept))
    np.testing.assert_array_equal(pixels_of(values.astype(np.uint16)), stretched(kept))
    path.write_bytes(png(values)[:-40])
    with pytest.raises(HarnessError, match=r"a\.png is broken"):
        read_image(path)


# --- EXIF


@pytest.mark.parametrize("orientation", range(10))
def test_explain_sees_what_a_viewer_shows(tmp_path: Path, orientation: int) -> None:
    from PIL import ImageOps

    smooth = np.add.outer(np.arange(48) * 4, np.arange(32)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind, mode in (("JPEG", "L"), ("PNG", "L"), ("PNG", "I;16")):
        path = tmp_path / f"a.{kind}"
        values = smooth if mode == "L" else smooth.astype(np.uint16) * 9
        Image.fromarray(values).save(path, kind, exif=exif)
        with Image.open(path) as file:
            turned = from_array(np.asarray(ImageOps.exif_transpose(file)))
        for image in (path, str(path), Image.open(path)):
            np.testing.assert_array_equal(pixels_of(image), turned)
        np.testing.assert_array_equal(read_image(path, upright=True), turned)
        assert read_image(path).shape == (48, 32, 3) and image_size(path) == (32, 48)


def test_sources_keep_the_stored_frame(tmp_path: Path) -> None:
    """Boxes and masks refer to pixels where the file stores them."""
    from harness.contracts.source import Sample

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(NARROW).save(tmp_path / "a.png", exif=exif)
    assert VinDrCXR(data_root=tmp_path).image(Sample("vindr_cxr", 0, "a.png", "x", ())).shape == (30, 20, 3)


def test_exif_that_is_none_turns_nothing(tmp_path: Path) -> None:
    Image.fromarray(NARROW).save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert read_image(tmp_path / "a.jpg", upright=True).shape == (30, 20, 3)


# --- one image, three ways


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, bool])
@pytest.mark.parametrize("shape", [(30, 20), (30, 20, 3)])
def test_file_picture_and_array_are_the_same(tmp_path: Path, dtype: Any, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(3).integers(7, 201, shape).astype(dtype)
    expected = values if dtype == np.uint8 else np.where(values, 255, 0) if dtype is bool else stretched(values)
    expected = expected[..., None].repeat(3, axis=2) if values.ndim == 2 else expected
    np.testing.assert_array_equal(pixels_of(values), expected)
    if values.ndim == 3 and dtype != np.uint8:
        return  # PIL has no such picture
    picture = Image.fromarray(values)
    np.testing.assert_array_equal(pixels_of(picture), expected)
    if dtype in (np.uint8, np.uint16, bool):
        picture.save(tmp_path / "a.png")
        np.testing.assert_array_equal(pixels_of(tmp_path / "a.png"), expected)
        np.testing.assert_array_equal(pixels_of(Image.open(tmp_path / "a.png")), expected)


def test_byte_orders_and_transparency_change_nothing() -> None:
    np.testing.assert_array_equal(pixels_of(FILM.astype(">u2")), pixels_of(FILM))
    colour = np.random.default_rng(1).integers(0, 256, (9, 8, 4), dtype=np.uint8)
    np.testing.assert_array_equal(pixels_of(colour), pixels_of(Image.fromarray(colour, "RGBA")))
    np.testing.assert_array_equal(pixels_of(colour[..., :2]), pixels_of(Image.fromarray(colour[..., :2], "LA")))
    np.testing.assert_array_equal(pixels_of(colour[..., :1]), pixels_of(colour[..., 0]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((9, 9, 5)), r"numbers, not float64 \(9, 9, 5\)"),
        (np.zeros((0, 9)), r"not float64 \(0, 9\)"),
        (np.zeros(9), r"not float64 \(9,\)"),
        (np.array([["a"]]), "not <U1"),
        (np.zeros((3, 3), complex), "not complex"),
        (np.full((3, 3), np.nan), "no numbers"),
    ],
)
def test_arrays_that_are_no_image(values: np.ndarray, message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        pixels_of(values)


# --- limits


def test_too_large_and_too_long_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(NARROW).save(tmp_path / "a.png")
    paths = [tmp_path / "a.png", write_dicom(tmp_path / "a.dcm", FILM)]
    monkeypatch.setattr(grey, "MEGAPIXELS", 0.0005)
    for image in (*paths, Image.open(paths[0]), NARROW):
        with pytest.raises(HarnessError, match=r"too large: .* is 20 x 30, more than .* megapixels; give a smaller"):
            pixels_of(image)
    for path in paths:
        with pytest.raises(HarnessError, match=r"/a\.\w+ is too large: (width x height|Columns x Rows) is 20 x 30"):
            image_size(path)
    monkeypatch.setattr(grey, "MEGAPIXELS", 0.0006)
    assert pixels_of(paths[0]).shape == (30, 20, 3)
    Image.fromarray(np.zeros((3, 60), np.uint8)).save(tmp_path / "b.png")
    assert read_image(tmp_path / "b.png").shape == (3, 60, 3)
    long = np.zeros((3, 61), np.uint16)
    Image.fromarray(long).save(tmp_path / "b.png")
    write_dicom(tmp_path / "b.dcm", long)
    for image in (tmp_path / "b.png", tmp_path / "b.dcm", long, Image.fromarray(long)):
        with pytest.raises(HarnessError, match=r"too long: .* is 61 x 3, beyond 1 to 20; crop it"):
            pixels_of(image)


def test_the_limit_is_40_megapixels(tmp_path: Path) -> None:
    Image.new("1", (6325, 6325)).save(tmp_path / "a.png")
    with pytest.raises(HarnessError, match="more than 40 megapixels"):
        read_image(tmp_path / "a.png")
    grey.check_size("It", 6324, 6325)


def test_a_picture_cut_short_is_said_so(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 60), dtype=np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:900])
    with pytest.raises(HarnessError, match="The PIL image is broken"):
        pixels_of(Image.open(tmp_path / "b.png"))
