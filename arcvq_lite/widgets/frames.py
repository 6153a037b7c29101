"""The pictures of a static player, in few bytes.

Drawings have few colours and change little from state to state, so each frame keeps
256 colours and only the part in which it differs from the first picture.
"""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from arcvq_lite.viz.picture import data_uri

COLOURS = 256
# Odd, in pixels: two beyond what differs, so that no seam shows where a page scales.
REACH = 5


@dataclass(frozen=True)
class Frame:
    """One state of a figure: an address that holds its picture, and its sentence."""

    source: str
    caption: str


def whole_frame(image: Image.Image, caption: str) -> Frame:
    """A frame that shows a picture by itself.

    Args:
        image: RGB.
        caption: The sentence that says what it shows.
    """
    return Frame(data_uri(webp_bytes(few_colours(image)), "webp"), caption)


def changed_frame(image: Image.Image, first: Image.Image, caption: str) -> Frame:
    """A frame that shows a picture over the first one.

    Args:
        image: RGB.
        first: RGB of the same size, which the page shows behind.
        caption: The sentence that says what ``image`` shows.
    """
    return Frame(data_uri(webp_bytes(overlay(image, first)), "webp"), caption)


def overlay(image: Image.Image, first: Image.Image) -> Image.Image:
    """Keep of a picture what the first one, shown behind it, does not show.

    Args:
        image: RGB.
        first: RGB of the same size.

    Returns:
        RGBA in few colours, clear where both agree.
    """
    differs = (np.asarray(image) != np.asarray(first)).any(axis=-1)
    mask = Image.fromarray(differs.astype(np.uint8) * 255)
    kept = few_colours(image)
    kept.putalpha(mask.filter(ImageFilter.MaxFilter(REACH)))
    return kept


def few_colours(image: Image.Image) -> Image.Image:
    """Reduce an RGB image to 256 colours, and leave white exactly white."""
    palette = image.quantize(
        COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
    )
    colours = np.array(palette.convert("RGB"))
    colours[(np.asarray(image) == 255).all(axis=-1)] = 255
    return Image.fromarray(colours)


def webp_bytes(image: Image.Image) -> bytes:
    """Encode an image as lossless WebP.

    Args:
        image: RGB or RGBA.
    """
    buffer = io.BytesIO()
    image.save(buffer, format="WEBP", lossless=True, method=3)
    return buffer.getvalue()
