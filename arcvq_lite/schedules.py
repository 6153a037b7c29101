"""Numbers that change with the training step: radii of the ball and loss weights.

A schedule is a frozen dataclass called with the step, an int that counts batches
from 0. Every one of them is finite in float32 at any step.
"""

from __future__ import annotations

import bisect
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass

Schedule = Callable[[int], float]

# A codebook scaled by more than this is infinite, and NaN one operation later.
LARGEST_FLOAT32 = (2 - 2**-23) * 2.0**127
_LARGEST_EXPONENT = math.log(LARGEST_FLOAT32)


@dataclass(frozen=True)
class ExponentialRadius:
    """The paper's growing ball: M(t) = exp(alpha · t), from 1 upwards.

    Args:
        alpha: growth per step, at least 0; M doubles every ln 2 / alpha steps.

    Raises:
        ValueError: if alpha is negative or not finite, or a step is negative.

    Source: ArcVQ-VAE (Kim & Yoo, 2026), Ball-Bounded Norm Regularization.
    """

    alpha: float

    def __post_init__(self) -> None:
        _require(0 <= self.alpha <= LARGEST_FLOAT32, "alpha", self.alpha, "at least 0")

    def __call__(self, step: int) -> float:
        """M at the step."""
        exponent = min(self.alpha * checked_step(step), _LARGEST_EXPONENT)
        return min(math.exp(exponent), LARGEST_FLOAT32)


@dataclass(frozen=True)
class ConstantRadius:
    """A ball that never changes: M(t) = radius.

    Args:
        radius: above 0. The paper's ablation fixes it at 1.

    Raises:
        ValueError: if the radius is not above 0 and finite, or a step is negative.
    """

    radius: float

    def __post_init__(self) -> None:
        _require(0 < self.radius <= LARGEST_FLOAT32, "radius", self.radius, "above 0")

    def __call__(self, step: int) -> float:
        """M at the step."""
        checked_step(step)
        return self.radius


@dataclass(frozen=True)
class ShrinkingRadius:
    """A ball that closes: M(t) = initial · √(1 − t / total_steps), then 0.

    Neither the paper nor its code shrinks the ball. The schedule comes from a
    machine-made review of the paper, and is here so that it can be measured.

    Args:
        initial: the radius at step 0, above 0.
        total_steps: the step at which the radius reaches 0, at least 1.

    Raises:
        ValueError: if an option is out of its range, or a step is negative.
    """

    initial: float
    total_steps: int

    def __post_init__(self) -> None:
        _require(
            0 < self.initial <= LARGEST_FLOAT32, "initial", self.initial, "above 0"
        )
        _require(self.total_steps >= 1, "total_steps", self.total_steps, "at least 1")

    def __call__(self, step: int) -> float:
        """M at the step."""
        left = max(0.0, 1 - checked_step(step) / self.total_steps)
        return self.initial * math.sqrt(left)


@dataclass(frozen=True)
class ExponentialDecay:
    """A weight that fades: w(t) = initial · exp(−rate · t).

    Args:
        initial: the weight at step 0, at least 0.
        rate: decay per step, at least 0; w halves every ln 2 / rate steps.

    Raises:
        ValueError: if an option is negative or not finite, or a step is negative.

    Source: ArcVQ-VAE (Kim & Yoo, 2026), the margin's weight γ(t).
    """

    initial: float
    rate: float

    def __post_init__(self) -> None:
        _require(
            0 <= self.initial <= LARGEST_FLOAT32, "initial", self.initial, "at least 0"
        )
        _require(0 <= self.rate <= LARGEST_FLOAT32, "rate", self.rate, "at least 0")

    def __call__(self, step: int) -> float:
        """The weight at the step."""
        return self.initial * math.exp(-self.rate * checked_step(step))


@dataclass(frozen=True)
class Constant:
    """A weight that stays: w(t) = value.

    Args:
        value: at least 0.

    Raises:
        ValueError: if the value is negative or not finite, or a step is negative.
    """

    value: float

    def __post_init__(self) -> None:
        _require(0 <= self.value <= LARGEST_FLOAT32, "value", self.value, "at least 0")

    def __call__(self, step: int) -> float:
        """The weight at the step."""
        checked_step(step)
        return self.value


@dataclass(frozen=True)
class PiecewiseSchedule:
    """Several schedules one after the other, each called with the global step.

    Args:
        schedules: the pieces, one or more.
        boundaries: the steps at which the next piece takes over, ascending, one
            fewer than the pieces.

    Raises:
        ValueError: if the counts do not fit or the boundaries do not ascend.

    Example:
        >>> radius = PiecewiseSchedule(
        ...     (ExponentialRadius(3e-4), ConstantRadius(1.5)), boundaries=(1000,)
        ... )
        >>> radius(0), radius(1000)
        (1.0, 1.5)
    """

    schedules: tuple[Schedule, ...]
    boundaries: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.schedules) != len(self.boundaries) + 1:
            raise ValueError(
                f"boundaries={self.boundaries} must be one fewer than the "
                f"{len(self.schedules)} schedules"
            )
        if list(self.boundaries) != sorted(set(self.boundaries)):
            raise ValueError(f"boundaries={self.boundaries} must ascend")

    def __call__(self, step: int) -> float:
        """The value at the step, from the piece that it falls in."""
        piece = bisect.bisect_right(self.boundaries, checked_step(step))
        return self.schedules[piece](step)


def checked_step(step: int) -> int:
    """The step as an int.

    Raises:
        TypeError: if it is not a whole number.
        ValueError: if it is negative.
    """
    try:
        whole = operator.index(step)
    except TypeError:
        raise TypeError(f"step={step!r} must be a whole number, an int") from None
    if whole < 0:
        raise ValueError(f"step={step} must be at least 0")
    return whole


def _require(holds: bool, name: str, value: float, wanted: str) -> None:
    if not holds:
        raise ValueError(f"{name}={value} must be {wanted} and finite in float32")
