"""A histogram of points, with bars that begin at round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, pairwise

_MOST_BARS = 10


@dataclass(frozen=True)
class Histogram:
    """How many have how many points.

    Args:
        edges: points at which the bars begin, and last what there is to be had.
        counts: one a bar; the last one has full marks too.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def bars(self) -> tuple[tuple[float, float, int], ...]:
        """Where each bar begins and ends, and how many it has."""
        spans = zip(pairwise(self.edges), self.counts, strict=True)
        return tuple((low, high, many) for (low, high), many in spans)


def histogram(points: Sequence[float], most: float) -> Histogram:
    """Count points in at most ten bars of 1, 2, 5, 10, 20, 50 … points.

    Args:
        points: from 0 to the most.
        most: that there are to be had.
    """
    step = next(step for step in _round_numbers() if most <= _MOST_BARS * step)
    bars = max(math.ceil(most / step), 1)
    counts = [0] * bars
    for got in points:
        counts[min(int(got / step), bars - 1)] += 1
    return Histogram((*(float(step * bar) for bar in range(bars)), most), tuple(counts))


def _round_numbers() -> Iterator[int]:
    for power in count():
        yield from (digit * 10**power for digit in (1, 2, 5))
