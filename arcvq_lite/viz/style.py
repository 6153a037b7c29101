"""The one drawing style of the book: what each colour means, and a clean figure.

The four meanings differ in lightness as well as in hue, so they stay apart for
colour-blind readers and on a grey print.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.figure import Figure

CODES = "#0B4272"
LATENTS = "#F59F00"
NEUTRAL = "#868E96"
WARNING = "#C2255C"
INK = "#212529"

# Runs, methods or classes set side by side; none of them is a hue that has a meaning.
SERIES = ("#0B7A6F", "#9C7BD8", "#5A3A1E", "#B5AE3C", "#E7A6C6")

# From paper white to the hue of the codes: counts, weights, a cosine from 0 to 1.
CODES_RAMP = LinearSegmentedColormap.from_list(
    "codes", ["#F3F7FB", "#A9C8E6", "#4A86BE", CODES]
)

RC: Mapping[Any, Any] = MappingProxyType(
    {
        "figure.facecolor": "white",
        "font.family": "DejaVu Sans",
        "font.size": 10,
        "mathtext.fontset": "dejavusans",
        "text.color": INK,
        "axes.edgecolor": NEUTRAL,
        "axes.labelcolor": INK,
        "axes.labelsize": 10,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 11,
        "axes.titley": 1.0,
        "axes.titleweight": "bold",
        "axes.titlepad": 8,
        "axes.xmargin": 0.02,
        "xtick.color": NEUTRAL,
        "ytick.color": NEUTRAL,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "xtick.major.width": 0.8,
        "ytick.major.width": 0.8,
        "legend.frameon": False,
        "lines.linewidth": 1.8,
        "lines.solid_capstyle": "round",
        "image.interpolation": "nearest",
        "image.cmap": "gray",
    }
)

# Half as many again as a page shows in CSS pixels, so that dense screens stay sharp.
PIXELS_PER_INCH = 150

# The contrast against white that the WCAG ask of body text (level AA).
READABLE_CONTRAST = 4.5


@contextmanager
def styled() -> Iterator[None]:
    """The book's style, for a ``with`` block or as a decorator ``@styled()``.

    Matplotlib reads some settings when a figure is made and others at each call, so
    every function that draws is wrapped in this; nothing stays changed afterwards.
    """
    with rc_context(dict(RC)):
        yield


class BookFigure(Figure):
    """A figure whose axes come in the book's style, whatever the global settings."""

    def add_subplot(self, *args: Any, **kwargs: Any) -> Any:
        """Add axes as ``Figure.add_subplot`` does, styled."""
        with styled():
            return super().add_subplot(*args, **kwargs)

    def add_axes(self, *args: Any, **kwargs: Any) -> Any:
        """Add axes as ``Figure.add_axes`` does, styled."""
        with styled():
            return super().add_axes(*args, **kwargs)


def new_figure(width: float = 7.0, height: float = 3.2) -> BookFigure:
    """Make an empty figure that pyplot knows nothing of.

    Args:
        width: Width in inches.
        height: Height in inches.

    Returns:
        A figure on an Agg canvas, with constrained layout.

    Raises:
        ValueError: If a side is not a positive number.
    """
    for name, inches in (("width", width), ("height", height)):
        if not 0 < inches < float("inf"):
            raise ValueError(
                f"{name} must be a positive number of inches, got {inches}"
            )
    with styled():
        figure = BookFigure(
            figsize=(width, height), dpi=PIXELS_PER_INCH, layout="constrained"
        )
        FigureCanvasAgg(figure)
    return figure


def readable(colour: str) -> str:
    """Darken a colour until text in it can be read on white.

    Args:
        colour: Any Matplotlib colour.

    Returns:
        The colour itself, or a darker one of its hue, as ``#rrggbb``.
    """
    red, green, blue = to_rgb(colour)
    while contrast_on_white((red, green, blue)) < READABLE_CONTRAST:
        red, green, blue = 0.97 * red, 0.97 * green, 0.97 * blue
    return to_hex((red, green, blue))


def contrast_on_white(rgb: tuple[float, float, float]) -> float:
    """The WCAG contrast ratio (1 to 21) of a colour against white.

    Args:
        rgb: Three numbers in [0, 1].
    """
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in rgb
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 1.05 / (luminance + 0.05)
