"""Reading image files: what comes out of each kind, and what is said of those that cannot be read."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from data_trees import compress, write_dicom
from PIL import Image
from pydicom.pixels import get_decoder
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1

from harness.errors import HarnessError
from harness.imaging.read import letterbox, letterbox_mask
from harness.reading.image import image_size, read_image

RAMP = np.linspace(100, 3000, 30 * 20).round().astype(np.uint16).reshape(30, 20)
GREY = np.random.default_rng(0).integers(0, 256, (30, 20), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (30, 20, 3), dtype=np.uint8)


def stretched(values: np.ndarray) -> np.ndarray:
    """The expected 8-bit picture, one channel."""
    low, high = float(values.min()), float(values.max())
    return np.round((values - low) / (high - low) * 255).astype(np.uint8)


def assert_grey(image: np.ndarray, expected: np.ndarray) -> None:
    assert image.dtype == np.uint8 and image.shape == (*expected.shape, 3) and image.flags.c_contiguous
    for channel in range(3):
        np.testing.assert_array_equal(image[..., channel], expected)


def test_8_bit_png_as_it_is(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    assert_grey(read_image(tmp_path / "a.png"), GREY)
    Image.fromarray(COLOUR).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_image(str(tmp_path / "b.png")), COLOUR)


def test_16_bit_png_is_stretched(tmp_path: Path) -> None:
    Image.fromarray(RAMP).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as file:
        assert file.mode == "I;16"
    image = read_image(tmp_path / "a.png")
    assert_grey(image, stretched(RAMP))
    assert image.min() == 0 and image.max() == 255


def test_a_16_bit_image_of_one_value_is_black(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 5), 700, np.uint16)).save(tmp_path / "a.png")
    assert_grey(read_image(tmp_path / "a.png"), np.zeros((4, 5), np.uint8))


def test_jpeg_whatever_its_name(tmp_path: Path) -> None:
    smooth = np.repeat(np.linspace(0, 255, 64)[None], 48, axis=0).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "film.dcm", format="JPEG", quality=95)
    image = read_image(tmp_path / "film.dcm")
    assert image.shape == (48, 64, 3)
    assert np.abs(image[..., 0].astype(int) - smooth).max() <= 4


def test_transparency_is_dropped_and_palettes_resolved(tmp_path: Path) -> None:
    alpha = np.dstack([COLOUR, np.zeros((30, 20), np.uint8)])
    Image.fromarray(alpha, "RGBA").save(tmp_path / "rgba.png")
    np.testing.assert_array_equal(read_image(tmp_path / "rgba.png"), COLOUR)
    few = COLOUR // 128 * 255
    paletted = Image.fromarray(few).convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    paletted.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_image(tmp_path / "p.png"), few)
    Image.fromarray(GREY > 127).save(tmp_path / "bits.png")
    assert_grey(read_image(tmp_path / "bits.png"), np.where(GREY > 127, 255, 0).astype(np.uint8))


def test_dicom_is_stretched_over_the_values_it_has(tmp_path: Path) -> None:
    assert_grey(read_image(write_dicom(tmp_path / "a.png", RAMP)), stretched(RAMP))


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dicom", RAMP, PhotometricInterpretation="MONOCHROME1")
    assert_grey(read_image(path), 255 - stretched(RAMP))


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_dicom_rescale_comes_before_the_window(tmp_path: Path, photometric: str) -> None:
    # Values times 2 minus 1000 run from -800 to 5000; the window shows 0..2000 of them.
    path = write_dicom(
        tmp_path / "a.dcm",
        RAMP,
        RescaleSlope=2,
        RescaleIntercept=-1000,
        WindowCenter=1000.5,
        WindowWidth=2001,
        PhotometricInterpretation=photometric,
    )
    expected = np.clip((RAMP * 2.0 - 1000) / 2000, 0, 1) * 255
    if photometric == "MONOCHROME1":
        expected = 255 - expected
    image = read_image(path)
    assert np.abs(image[..., 0] - expected).max() <= 1
    assert (image[..., 0] == 0).sum() > 50 and (image[..., 0] == 255).sum() > 50


def test_the_first_of_several_windows_counts(tmp_path: Path) -> None:
    one = read_image(write_dicom(tmp_path / "1.dcm", RAMP, WindowCenter=1000, WindowWidth=500))
    two = read_image(write_dicom(tmp_path / "2.dcm", RAMP, WindowCenter=[1000, 90], WindowWidth=[500, 9]))
    np.testing.assert_array_equal(one, two)
    assert (one != read_image(write_dicom(tmp_path / "3.dcm", RAMP))).any()


@pytest.mark.parametrize("width", [0, None, -5])
def test_a_window_without_width_is_ignored(tmp_path: Path, width: int | None) -> None:
    path = write_dicom(tmp_path / "a.dcm", RAMP, WindowCenter=1000, WindowWidth=width)
    assert_grey(read_image(path), stretched(RAMP))


def test_signed_dicom(tmp_path: Path) -> None:
    signed = RAMP.astype(np.int16) - 1500
    path = write_dicom(tmp_path / "a.dcm", signed, PixelRepresentation=1)
    assert_grey(read_image(path), stretched(signed))


@pytest.mark.parametrize("bits", [8, 12, 14, 16])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_jpeg_2000_dicom_of_every_depth(tmp_path: Path, bits: int, photometric: str) -> None:
    dtype = np.uint8 if bits == 8 else np.uint16
    noise = np.random.default_rng(bits).integers(0, 2**bits, (96, 64)).astype(dtype)
    noise[0, :2] = 0, 2**bits - 1
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "JPEG2000", irreversible=False, no_jp2=True)
    tags = {"BitsStored": bits, "HighBit": bits - 1, "PhotometricInterpretation": photometric}
    plain = write_dicom(tmp_path / "plain.dicom", noise, **tags)
    packed = compress(write_dicom(tmp_path / "packed.dicom", noise, **tags), JPEG2000Lossless, stream.getvalue())
    np.testing.assert_array_equal(read_image(packed), read_image(plain))
    assert image_size(packed) == (64, 96)


def test_a_missing_decoder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = compress(write_dicom(tmp_path / "a.dicom", RAMP), JPEGLosslessSV1, b"no stream")
    monkeypatch.setattr(get_decoder(JPEGLosslessSV1), "_available", {})
    with pytest.raises(HarnessError, match=r"a\.dicom .* JPEG Lossless.*medground-harness\[dicom\]' may help"):
        read_image(path)
    path = compress(write_dicom(tmp_path / "b.dicom", RAMP), "1.2.3.4", b"no stream")
    with pytest.raises(HarnessError, match=r"b\.dicom is broken or cannot be decoded") as raised:
        read_image(path)
    assert "may help" not in str(raised.value)


def test_lossless_jpeg_dicom(tmp_path: Path) -> None:
    gdcm = pytest.importorskip("gdcm")
    source = str(write_dicom(tmp_path / "plain.dicom", RAMP, BitsStored=12, HighBit=11))
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(source)
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFileName(str(tmp_path / "packed.dicom"))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    assert pydicom.dcmread(tmp_path / "packed.dicom").file_meta.TransferSyntaxUID == JPEGLosslessSV1
    assert_grey(read_image(tmp_path / "packed.dicom"), stretched(RAMP))


def test_colour_dicom(tmp_path: Path) -> None:
    tags = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    np.testing.assert_array_equal(read_image(write_dicom(tmp_path / "a.dcm", COLOUR, **tags)), COLOUR)


def test_indices_into_a_dicom_palette_are_not_taken_for_grey(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", RAMP, PhotometricInterpretation="PALETTE COLOR")
    with pytest.raises(HarnessError, match="PALETTE COLOR"):
        read_image(path)


def test_a_film_of_many_frames_is_refused(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", np.stack([RAMP, RAMP]), NumberOfFrames=2)
    with pytest.raises(HarnessError, match="several frames"):
        read_image(path)


def test_a_dicom_too_large_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It has no such pixels: to unpack it would be another error.
    path = write_dicom(tmp_path / "bomb.dcm", RAMP, Rows=60000, Columns=60000)
    with pytest.raises(HarnessError, match=r"bomb\.dcm is too large: Columns x Rows is 60000 x 60000"):
        read_image(path)
    monkeypatch.setattr(pydicom.Dataset, "pixel_array", property(lambda _: pytest.fail("unpacked")))
    with pytest.raises(HarnessError, match="several frames"):
        read_image(write_dicom(tmp_path / "a.dcm", np.stack([RAMP, RAMP]), NumberOfFrames=2))


def test_a_dicom_without_its_pixels_is_named(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", RAMP)
    data = pydicom.dcmread(path)
    del data.PixelData
    data.save_as(path)
    with pytest.raises(HarnessError, match=r"a\.dcm is broken"):
        read_image(path)
    path.write_bytes(write_dicom(tmp_path / "b.dcm", RAMP).read_bytes()[:-300])
    with pytest.raises(HarnessError, match=r"a\.dcm is broken"):
        read_image(path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_no_truncation_gets_through(tmp_path: Path, kind: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(COLOUR).save(buffer, kind)
    whole = buffer.getvalue()
    path = tmp_path / "cut"
    # The last bytes are PNG's end mark and check sums, without which the pixels are whole.
    for end in range(0, len(whole) - 20, max(1, len(whole) // 60)):
        path.write_bytes(whole[:end])
        for read in (read_image, image_size):
            with pytest.raises(HarnessError, match="cut is"):
                read(path)
    path.write_bytes(whole)
    assert image_size(path) == (20, 30)


def test_other_files_are_refused_by_name(tmp_path: Path) -> None:
    text = tmp_path / "notes.png"
    text.write_text("no picture at all")
    with pytest.raises(HarnessError, match=r"notes\.png is neither PNG, JPEG nor DICOM"):
        read_image(text)
    with pytest.raises(HarnessError, match=r"gone\.png cannot be read: No such file"):
        read_image(tmp_path / "gone.png")
    with pytest.raises(HarnessError, match="cannot be read: Is a directory"):
        read_image(tmp_path)


def test_postscript_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    with pytest.raises(HarnessError, match="neither"):
        read_image(path)


def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(GREY).save(tmp_path / "bomb.png")
    for limit in (599, 100):  # Pillow warns above the limit, and fails above twice the limit
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(HarnessError, match=r"bomb\.png is too large"):
            read_image(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 600)
    assert_grey(read_image(tmp_path / "bomb.png"), GREY)


@pytest.mark.parametrize(("width", "height"), [(300, 400), (401, 263), (224, 224), (3, 1000)])
def test_letterbox_places_the_image_and_nothing_else(width: int, height: int) -> None:
    frame, place = letterbox(np.full((height, width, 3), 255, np.uint8))
    assert frame.shape == (224, 224, 3) and frame.dtype == np.uint8
    x0, y0, x1, y1 = (int(edge) for edge in place.content)
    inside = np.zeros((224, 224), bool)
    inside[y0:y1, x0:x1] = True
    assert (frame[inside] == 255).all() and not frame[~inside].any()
    assert max(x1 - x0, y1 - y0) == 224


def test_a_mask_goes_where_its_image_goes() -> None:
    mask = np.zeros((300, 200), bool)
    mask[90:150, 40:101] = True  # in the frame: 67.2 to 112 and, after 37 of padding, 66.9 to 112.4
    share = letterbox_mask(mask)
    assert share.dtype == np.uint8 and share.shape == (224, 224)
    inside = np.zeros((224, 224), bool)
    inside[67:112, 67:112] = True
    np.testing.assert_array_equal(share > 127, inside)
    white = letterbox(np.repeat(np.where(mask, 255, 0).astype(np.uint8)[..., None], 3, axis=2))[0]
    np.testing.assert_array_equal(share, white[..., 1])
