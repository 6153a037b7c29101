"""Seconds of a call, of several ways in turn, and what their ratio is.

The ways take turns within a round, and every round begins with another one, so that
whatever else the machine does meanwhile falls on all of them. A ratio is taken inside
each round, and of these the median.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from arcvq_lite.bench.benchmark import Call

Now = Callable[[], float]
"""A clock: seconds since some moment."""


class Spread(NamedTuple):
    """The quartiles of a handful of measurements."""

    low: float
    median: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """The quartiles of at least one value."""
    low, median, high = np.quantile(np.asarray(values, dtype=float), (0.25, 0.5, 0.75))
    return Spread(float(low), float(median), float(high))


def ratios(of: Sequence[float], against: Sequence[float]) -> Spread:
    """The quartiles of the rounds' ratios."""
    return spread([one / other for one, other in zip(of, against, strict=True)])


def interleaved_seconds(
    calls: Mapping[str, Call],
    rounds: int,
    *,
    shortest: float = 0.2,
    now: Now = time.perf_counter,
) -> dict[str, tuple[float, ...]]:
    """Seconds of one call of each way, in every round.

    Each way is called twice before anything counts: once to warm up, and once to learn
    how many calls its turn needs.

    Args:
        calls: What is timed, by name.
        rounds: How many turns each takes, at least 1.
        shortest: Seconds that a turn should last, in which the clock's own error is
            lost.
        now: The clock.

    Returns:
        For each name the seconds of its rounds.

    Raises:
        ValueError: if `rounds` is below 1.
    """
    if rounds < 1:
        raise ValueError(f"rounds={rounds} must be at least 1")
    repeats = {}
    for name, call in calls.items():
        call()
        once = _seconds(call, 1, now)
        repeats[name] = max(1, math.ceil(shortest / once)) if once > 0 else 1
    names = list(calls)
    found: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names) if names else 0
        for name in names[first:] + names[:first]:
            found[name].append(_seconds(calls[name], repeats[name], now))
    return {name: tuple(seconds) for name, seconds in found.items()}


def _seconds(call: Call, repeats: int, now: Now) -> float:
    began = now()
    for _ in range(repeats):
        call()
    return (now() - began) / repeats
