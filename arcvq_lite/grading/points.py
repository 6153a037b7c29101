"""Points: how a task's are shared among its parts, in whole tenths."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def share(total: float, weights: Sequence[float]) -> list[float]:
    """Share points in proportion to weights, to a tenth, so that the sum is exact.

    Shares are rounded down to tenths, and the tenths that are left go to those that
    lost most by it, of equals to the one with the greater weight, and then to the
    first (the method of largest remainders).

    Args:
        total: to be shared, in whole tenths.
        weights: none negative, and not all 0.

    Returns:
        One share for each weight.
    """
    tenths = round(total * 10)
    # Fractions, since what floats round off would decide between equals.
    parts = [Fraction(weight) for weight in weights]
    exact = [tenths * part / sum(parts) for part in parts]
    shares = [int(part) for part in exact]
    by_loss = sorted(
        range(len(exact)), key=lambda i: (shares[i] - exact[i], -parts[i], i)
    )
    for place in by_loss[: tenths - sum(shares)]:
        shares[place] += 1
    return [share / 10 for share in shares]


def add(points: Sequence[float]) -> float:
    """The sum of points in tenths, without what binary fractions add to it."""
    return round(sum(points), 1)


def written(points: float) -> str:
    """Points as people write them: "7", "7.5", and "7.25" where a person gave that."""
    return f"{points:.2f}".rstrip("0").rstrip(".")
