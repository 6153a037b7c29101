"""Pictures: every function draws on a figure it is given, and does nothing else."""

from arcvq_lite.viz.curves import History, draw_history
from arcvq_lite.viz.images import draw_image, draw_images, draw_tokens
from arcvq_lite.viz.picture import Picture
from arcvq_lite.viz.style import (
    CODES,
    CODES_RAMP,
    INK,
    LATENTS,
    NEUTRAL,
    SERIES,
    WARNING,
    new_figure,
    readable,
    styled,
)

__all__ = [
    "CODES",
    "CODES_RAMP",
    "INK",
    "LATENTS",
    "NEUTRAL",
    "SERIES",
    "WARNING",
    "History",
    "Picture",
    "draw_history",
    "draw_image",
    "draw_images",
    "draw_tokens",
    "new_figure",
    "readable",
    "styled",
]
