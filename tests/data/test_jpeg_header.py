"""The short look at a JPEG's header says what Pillow says, or nothing at all."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import encoded, jpeg, picture
from PIL import Image

from arcvq_lite.data.jpeg_header import upright_jpeg_extent


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"progressive": True},
        {"subsampling": 0},
        {"comment": b"\xff\xd8\xff\xc0 in a comment"},
        {"icc_profile": b"\xff" * 70_000},
        {"dpi": (72, 72)},
        {"restart_marker_blocks": 1},
    ],
)
def test_a_plain_jpeg_has_pillows_extent(mode, options):
    content = encoded(picture(1, (61, 47)).convert(mode), **options)
    assert upright_jpeg_extent(content) == (47, 61)


@pytest.mark.parametrize("orientation", [1, 6])
def test_nothing_is_said_where_metadata_may_turn_the_image(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert upright_jpeg_extent(encoded(picture(), exif=exif)) is None


def test_nothing_is_said_of_four_components_and_of_other_formats():
    assert upright_jpeg_extent(encoded(picture().convert("CMYK"))) is None
    assert upright_jpeg_extent(encoded(picture(), "PNG")) is None
    assert upright_jpeg_extent(b"") is None


def test_nothing_is_said_of_a_header_that_ends_early():
    content = jpeg()
    scan = content.index(b"\xff\xda")
    assert upright_jpeg_extent(content[: scan + 4]) == (40, 48)
    assert all(upright_jpeg_extent(content[:end]) is None for end in range(scan + 4))


@given(st.integers(2, 620), st.integers(0, 255))
def test_a_changed_byte_is_pillows_extent_or_left_to_pillow(place, byte):
    content = bytearray(jpeg())
    content[place] = byte
    found = upright_jpeg_extent(bytes(content))
    if found is None:
        return
    try:
        with Image.open(io.BytesIO(bytes(content))) as stored:
            width, height = stored.size
    except OSError:  # tables that only a decoder looks into
        return
    assert found == (height, width)
