import io
import struct
import zlib

import numpy as np
import pytest
import skimage.data as skimage_data
import torch
from hypothesis import given
from hypothesis import strategies as st
from pictures import BROKEN, encoded, jpeg, picture
from PIL import Image

from arcvq_lite.data.crops import CentreCrop
from arcvq_lite.data.decoding import MAX_PIXELS, UndecodableError, decode

RAMP = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (16, 1))  # (16, 32)


def array(content, **options):
    return decode(content, **options).permute(1, 2, 0).numpy()


def png_header(width, height):
    """A PNG that claims a size and has no pixels."""
    content = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(b""))):
        check = struct.pack(">I", zlib.crc32(name + body))
        content += struct.pack(">I", len(body)) + name + body + check
    return content


def turned(image, form, **options):
    """The image stored lying, with the note that it is to be turned clockwise."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(image.rotate(90, expand=True), form, exif=exif, **options)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_a_jpeg_has_pillows_pixels(mode, options):
    content = encoded(picture(1, (61, 47)).convert(mode), **options)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    np.testing.assert_array_equal(array(content), expected)


def test_a_jpeg_has_the_same_pixels_without_torchvisions_decoder(monkeypatch):
    content = jpeg(2)
    with_it = decode(content)

    def absent(*args, **options):
        raise AttributeError("no such operator")

    monkeypatch.setattr(torch.ops.image, "decode_jpeg", absent)
    assert torch.equal(decode(content), with_it)


@pytest.mark.parametrize(
    ("extent", "shorter", "expected"),
    [
        ((400, 300), 75, (75, 100)),
        ((400, 300), 76, (150, 200)),
        ((401, 301), 150, (151, 201)),
        ((400, 300), 151, (300, 400)),
        ((3000, 320), 40, (40, 375)),
        ((320, 640), 8, (80, 40)),
    ],
)
def test_a_jpeg_is_decoded_no_larger_than_needed(extent, shorter, expected):
    made = decode(jpeg(3, extent), shorter=shorter)
    assert made.shape[1:] == expected
    assert min(made.shape[1:]) >= shorter


@given(st.integers(16, 120), st.integers(16, 120), st.integers(1, 60))
def test_reduction_never_goes_below_what_is_needed(width, height, shorter):
    made = decode(jpeg(0, (width, height)), shorter=shorter)
    assert min(made.shape[1:]) >= min(shorter, width, height)


def test_reduction_is_within_two_levels_on_average_of_a_full_decode():
    for photo in (skimage_data.astronaut(), skimage_data.chelsea()):
        content = encoded(Image.fromarray(photo), quality=90)
        centre, size = CentreCrop(), 96
        full = centre(decode(content), size, (0, 0, 0)).int()
        reduced = centre(decode(content, shorter=size), size, (0, 0, 0)).int()
        assert not torch.equal(full, reduced)
        assert (full - reduced).abs().float().mean() < 2


def test_other_formats_are_decoded_in_full():
    content = encoded(picture(0, (64, 48)), "PNG")
    np.testing.assert_array_equal(
        array(content, shorter=8), np.asarray(picture(0, (64, 48)))
    )


def test_cmyk_is_converted():
    content = encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)))
    red, green, blue = array(content)[4, 4].astype(int)
    assert red > 240
    assert max(green, blue) < 15


def test_sixteen_bit_grey_is_scaled():
    content = encoded(Image.fromarray(RAMP.astype(np.uint16) * 257), "PNG")
    np.testing.assert_array_equal(array(content)[..., 0], RAMP)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation_is_taken(form):
    frames = [Image.new("RGB", (8, 8), (level, 0, 0)) for level in (250, 10)]
    options = {"lossless": True} if form == "WEBP" else {}
    content = encoded(
        frames[0], form, save_all=True, append_images=frames[1:], **options
    )
    assert array(content)[0, 0].tolist() == [250, 0, 0]


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_exif_rotation_is_applied(form):
    content = turned(picture(5, (48, 32)), form)
    stored = np.asarray(Image.open(io.BytesIO(content)))
    np.testing.assert_array_equal(array(content), np.rot90(stored, k=-1))


def test_a_rotated_jpeg_is_reduced_too():
    content = turned(picture(5, (128, 64)), "JPEG")
    assert decode(content, shorter=32).shape == (3, 32, 64)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_other_modes_become_rgb_without_a_warning(mode):
    content = encoded(Image.fromarray(RAMP).convert(mode), "PNG")
    assert decode(content).shape == (3, 16, 32)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (b"<html>not found</html>", "not an image"),
        (BROKEN, "truncated"),
        (jpeg()[:-200], "truncated"),
        (encoded(picture(), "PNG")[:-900], "truncated"),
        (encoded(Image.fromarray(RAMP.astype(np.float32)), "TIFF"), "corrupt"),
        (png_header(MAX_PIXELS // 1000 + 1, 1000), "too large"),
        (png_header(60_000, 60_000), "too large"),
    ],
)
def test_what_cannot_be_decoded_is_told_by_kind(content, kind):
    with pytest.raises(UndecodableError) as caught:
        decode(content, shorter=16)
    assert caught.value.kind == kind


@given(st.integers(0, len(jpeg()) - 1))
def test_a_jpeg_cut_anywhere_is_refused(length):
    with pytest.raises(UndecodableError):
        decode(jpeg()[:length], shorter=16)


@given(st.data())
def test_damage_gives_pixels_or_one_kind_of_error(data):
    form = data.draw(st.sampled_from(["JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP"]))
    content = bytearray(encoded(picture(), form))
    places = st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=5)
    for place in data.draw(places):
        content[place] = data.draw(st.integers(0, 255))
    try:
        made = decode(bytes(content), shorter=16)
    except UndecodableError:
        return
    assert made.shape[0] == 3
