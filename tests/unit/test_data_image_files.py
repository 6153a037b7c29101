import numpy as np
import pytest
from PIL import Image

from arcvq_lite.data.image_files import read_rgb

RAMP = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (16, 1))  # (16, 32)


def test_greyscale_becomes_three_equal_channels(tmp_path):
    Image.fromarray(RAMP).save(tmp_path / "grey.png")
    pixels = read_rgb(tmp_path / "grey.png")
    assert pixels.shape == (16, 32, 3)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, RAMP[..., None].repeat(3, axis=2))


def test_jpeg_is_close_to_what_was_saved(tmp_path):
    Image.fromarray(RAMP).convert("RGB").save(tmp_path / "ramp.jpg", quality=95)
    difference = read_rgb(tmp_path / "ramp.jpg")[..., 0].astype(int) - RAMP
    assert np.abs(difference).max() < 8


def test_cmyk_is_converted(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "red.jpg")
    red, green, blue = read_rgb(tmp_path / "red.jpg")[4, 4].astype(int)
    assert red > 240
    assert max(green, blue) < 15


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path, suffix):
    path = tmp_path / f"deep.{suffix}"
    Image.fromarray(RAMP.astype(np.uint16) * 257).save(path)
    np.testing.assert_array_equal(read_rgb(path)[..., 0], RAMP)


def test_a_palette_with_transparency_reads_without_a_warning(tmp_path):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 250, 120, 10])
    image.save(tmp_path / "p.png", transparency=bytes([0, 128]))
    assert read_rgb(tmp_path / "p.png")[0, 0].tolist() == [250, 120, 10]


@pytest.mark.parametrize("mode", ["1", "LA", "RGBA"])
def test_other_modes_become_rgb(tmp_path, mode):
    Image.fromarray(RAMP).convert(mode).save(tmp_path / "a.png")
    assert read_rgb(tmp_path / "a.png").shape == (16, 32, 3)


def test_exif_rotation_is_applied(tmp_path):
    upright = Image.fromarray(RAMP).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying; to be turned clockwise by a quarter
    upright.rotate(90, expand=True).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(
        read_rgb(tmp_path / "turned.png"), np.asarray(upright)
    )


def test_content_and_not_the_suffix_tells_the_format(tmp_path):
    Image.fromarray(RAMP).save(tmp_path / "really_a_png.jpg", format="PNG")
    np.testing.assert_array_equal(read_rgb(tmp_path / "really_a_png.jpg")[..., 0], RAMP)


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "tif"])
def test_a_truncated_image_is_named(tmp_path, suffix):
    path = tmp_path / f"cut.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(ValueError, match=rf"cut\.{suffix} cannot be read as an image"):
        read_rgb(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff", b"<html>not found</html>"])
def test_what_is_no_image_is_named(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.jpg cannot be read as an image"):
        read_rgb(tmp_path / "a.jpg")


def test_grey_levels_without_an_agreed_white_are_refused(tmp_path):
    Image.fromarray(RAMP.astype(np.float32)).save(tmp_path / "float.tif")
    Image.fromarray(RAMP.astype(np.int32) * 100_000).save(tmp_path / "long.tif")
    with pytest.raises(ValueError, match=r"float\.tif.*no agreed white"):
        read_rgb(tmp_path / "float.tif")
    with pytest.raises(ValueError, match=r"long\.tif.*beyond 16 bits"):
        read_rgb(tmp_path / "long.tif")
