"""Points: how a task's are shared among its parts, in whole tenths."""

from __future__ import annotations

from collections.abc import Sequence


def share(total: float, weights: Sequence[float]) -> list[float]:
    """Share points in proportion to weights, to a tenth, so that the sum is exact.

    Shares are rounded down to tenths, and the tenths that are left go to those that
    lost most by it, the first of equals first (the method of largest remainders).

    Args:
        total: to be shared, in whole tenths.
        weights: none negative, and not all 0.

    Returns:
        One share for each weight.
    """
    tenths = round(total * 10)
    whole = sum(weights)
    exact = [tenths * weight / whole for weight in weights]
    shares = [int(part) for part in exact]
    by_loss = sorted(range(len(exact)), key=lambda i: (shares[i] - exact[i], i))
    for place in by_loss[: tenths - sum(shares)]:
        shares[place] += 1
    return [share / 10 for share in shares]


def add(points: Sequence[float]) -> float:
    """The sum of points in tenths, without what binary fractions add to it."""
    return round(sum(points), 1)


def written(points: float) -> str:
    """Points as people write them: "7", "7.5"."""
    return f"{points:.1f}".removesuffix(".0")
