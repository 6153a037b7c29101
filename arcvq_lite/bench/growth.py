"""How fast a cost grows with a size: its exponent on log–log axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def fitted_power(sizes: Sequence[float], costs: Sequence[float]) -> tuple[float, float]:
    """The straight line of least squares through the logarithms.

    Args:
        sizes: At least two, different and above 0.
        costs: One a size, above 0.

    Returns:
        (exponent, factor) with cost ≈ factor · size^exponent.

    Raises:
        ValueError: if there are too few sizes, or one of the numbers is not above 0.
    """
    if len(sizes) != len(costs) or len(set(sizes)) < 2:
        raise ValueError(
            f"sizes={list(sizes)} must be at least two different ones, with a cost "
            f"each, got {len(costs)} costs"
        )
    if min(*sizes, *costs) <= 0:
        raise ValueError("sizes and costs must be above 0, they are on log–log axes")
    exponent, offset = np.polyfit(np.log(sizes), np.log(costs), deg=1)
    return float(exponent), float(np.exp(offset))
