"""One image file to 8-bit RGB, whatever its format, depth or rotation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)


def read_rgb(path: Path, size: int | None = None) -> NDArray[np.uint8]:
    """Read an image as RGB, the right way up, and cut it to a square.

    The rotation that a camera notes in the EXIF data is applied. Grey, palette and
    CMYK images become RGB, 16-bit grey is scaled to 8 bits, transparency is dropped.

    Args:
        path: the file; the format is told by its content.
        size: resize the shorter side to `size` pixels (bicubic, antialiased) and cut
            the central square; None keeps the whole image.

    Returns:
        (H, W, 3) uint8, or (size, size, 3).

    Raises:
        ValueError: if the file cannot be read as an image; names it.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as stored:
            image = to_rgb(ImageOps.exif_transpose(stored))
    except Exception as error:  # a damaged file breaks each decoder in its own way
        raise ValueError(
            f"{path} cannot be read as an image ({error}); mend it or take it out"
        ) from error
    if size is not None:
        image = _central_square(image, size)
    return np.array(image)


def _central_square(image: Image.Image, size: int) -> Image.Image:
    from PIL import Image

    shorter = min(image.size)
    width, height = (size * extent // shorter for extent in image.size)
    left, top = round((width - size) / 2), round((height - size) / 2)
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    return resized.crop((left, top, left + size, top + size))


def to_rgb(image: Image.Image) -> Image.Image:
    """Bring an image of any mode to 8-bit RGB.

    Grey, palette and CMYK become RGB, 16-bit grey is scaled to 8 bits, transparency
    is dropped.

    Raises:
        ValueError: if its grey levels have no agreed white.
    """
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I"):
        return _eight_bits(image).convert("RGB")
    if image.mode == "F":
        raise ValueError("floating-point pixels have no agreed white")
    if image.mode == "P" and "transparency" in image.info:
        # Pillow warns where a palette with an alpha of its own goes straight to RGB.
        return image.convert("RGBA").convert("RGB")
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow's own conversion would clip it at 255."""
    from PIL import Image

    levels = np.asarray(image)
    if levels.min() < 0 or levels.max() > 65535:
        raise ValueError("grey levels beyond 16 bits")
    return Image.fromarray(np.round(levels / 257).astype(np.uint8))
