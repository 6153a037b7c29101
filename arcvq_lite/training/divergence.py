"""DivergenceError: what every trainer raises when the loss is no longer a number."""

from __future__ import annotations


class DivergenceError(FloatingPointError):
    """The loss is no longer a finite number; the message has step and terms."""
