"""Instant checkers for the chapters' exercises: `check.<name>(answer)`."""

from arcvq_lite.check.margins import (
    angular_margin,
    arcface_border,
    cosface_in_radians,
    cosface_logits,
)

__all__ = [
    "angular_margin",
    "arcface_border",
    "cosface_in_radians",
    "cosface_logits",
]
