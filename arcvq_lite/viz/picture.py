"""A finished picture: a figure as fixed pixels, with the words that stand for it."""

import base64
import io
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from arcvq_lite.viz.style import PIXELS_PER_INCH, styled

CSS_PIXELS_PER_INCH = 100

FIGURE_STYLE = "margin:0.5em 0;max-width:100%"
IMAGE_STYLE = (
    "display:block;max-width:calc(100% - 12px);height:auto;box-sizing:content-box;"
    "padding:6px;border-radius:8px;background:#fff"
)
CAPTION_STYLE = "max-width:44em;margin-top:0.4em;font-size:0.95em;line-height:1.45"


class Picture:
    """What a chapter's cell ends with: the figure, its alternative text, a caption.

    The pixels are taken once, so drawing on the figure later changes nothing here,
    and the same figure gives the same bytes in every run.

    Args:
        figure: A finished figure.
        alt: What the picture shows, in words, for a reader who cannot see it.
        caption: The visible sentence under the picture, if there is to be one.

    Raises:
        ValueError: If ``alt`` is empty.
    """

    def __init__(self, figure: Figure, alt: str, caption: str | None = None) -> None:
        if not alt.strip():
            raise ValueError(
                f"alt must say in words what the picture shows, got {alt!r}"
            )
        self.alt = alt
        self.caption = caption
        self.png = png_bytes(pixels(figure))
        self._size = css_size(figure)

    def save(self, path: str | Path) -> None:
        """Write the picture as a PNG file.

        Args:
            path: Where to; the name ends in ``.png``.

        Raises:
            ValueError: If the name ends otherwise.
        """
        target = Path(path)
        if target.suffix.lower() != ".png":
            raise ValueError(f"path must end in .png, got {target.name!r}")
        target.write_bytes(self.png)

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> dict[str, str]:
        image = image_tag(data_uri(self.png, "png"), self.alt, self._size)
        caption = "" if self.caption is None else caption_tag(self.caption)
        html = f'<figure style="{FIGURE_STYLE}">{image}{caption}</figure>'
        return {"text/html": html, "text/plain": self.alt}


def pixels(figure: Figure, per_inch: int = PIXELS_PER_INCH) -> Image.Image:
    """Draw a figure.

    Args:
        figure: What to draw.
        per_inch: How many pixels to the inch.

    Returns:
        An RGB image.
    """
    figure.set_dpi(per_inch)
    canvas: Any = figure.canvas
    if not isinstance(canvas, FigureCanvasAgg):
        canvas = FigureCanvasAgg(figure)
    with styled():
        canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def png_bytes(image: Image.Image, compress_level: int = 9) -> bytes:
    """Encode an image as PNG, without a date or the name of a program.

    Args:
        image: Any image.
        compress_level: zlib's, from 1 (quick) to 9 (small).
    """
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=compress_level)
    return buffer.getvalue()


def data_uri(data: bytes, kind: str) -> str:
    """Write an encoded image as an address that holds the image itself.

    Args:
        data: The encoded image.
        kind: Its format: ``"png"`` or ``"webp"``.
    """
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def css_size(figure: Figure) -> tuple[int, int]:
    """Width and height in CSS pixels at which a page shows a figure."""
    width, height = figure.get_size_inches() * CSS_PIXELS_PER_INCH
    return round(width), round(height)


def image_tag(source: str, alt: str, size: tuple[int, int], onload: str = "") -> str:
    """The HTML of an image on white, which also suits a dark page.

    Args:
        source: Its address.
        alt: What it shows, in words.
        size: Width and height in CSS pixels where there is room for them.
        onload: What the page does each time the image has come.
    """
    width, height = size
    handler = f' onload="{escape(onload)}"' if onload else ""
    return (
        f'<img src="{source}" alt="{escape(alt)}" width="{width}" height="{height}" '
        f'decoding="sync" style="{IMAGE_STYLE}"{handler}>'
    )


def caption_tag(caption: str) -> str:
    """The HTML of a caption, read aloud by a screen reader when it changes."""
    return (
        f'<figcaption style="{CAPTION_STYLE}" aria-live="polite">'
        f"{escape(caption)}</figcaption>"
    )
