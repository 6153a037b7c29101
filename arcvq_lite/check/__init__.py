"""Instant checkers for the chapters' exercises: `check.<name>(answer)`."""

from arcvq_lite.check.ball import (
    ball_projection,
    binding_share,
    grow_then_hold,
    growth_rate,
    overflow_step,
)
from arcvq_lite.check.margins import (
    angular_margin,
    arcface_border,
    cosface_in_radians,
    cosface_logits,
)
from arcvq_lite.check.start_here import (
    bits_per_picture,
    nearest_by_angle,
    perplexity,
    usage_and_perplexity,
)

__all__ = [
    "angular_margin",
    "arcface_border",
    "ball_projection",
    "binding_share",
    "bits_per_picture",
    "cosface_in_radians",
    "cosface_logits",
    "grow_then_hold",
    "growth_rate",
    "nearest_by_angle",
    "overflow_step",
    "perplexity",
    "usage_and_perplexity",
]
