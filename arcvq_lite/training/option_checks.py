"""What options of several kinds are refused for."""

from __future__ import annotations

import math


def check_at_least(name: str, value: int, least: int) -> None:
    """Refuse a count that is too small.

    Raises:
        ValueError: naming it.
    """
    if value < least:
        raise ValueError(f"{name}={value} must be at least {least}")


def check_above_zero(name: str, value: float) -> None:
    """Refuse a number that is not positive, or not finite.

    Raises:
        ValueError: naming it.
    """
    if not 0 < value < math.inf:
        raise ValueError(f"{name}={value} must be above 0 and finite")


def check_share(name: str, value: float) -> None:
    """Refuse a share that is below 0, or leaves nothing.

    Raises:
        ValueError: naming it.
    """
    if not 0 <= value < 1:
        raise ValueError(f"{name}={value} must lie in [0, 1)")
