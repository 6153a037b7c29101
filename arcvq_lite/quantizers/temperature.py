"""The temperature of a relaxed draw: a schedule, read at a step in training."""

from __future__ import annotations

from arcvq_lite.schedules import Schedule, checked_step

# A schedule may decay to 0. From here down the softmax is the argmax anyway.
_COLDEST = 1e-6


def temperature_at(temperature: Schedule, step: int | None) -> float:
    """τ at a step, in training.

    Raises:
        ValueError: if the step is missing, or τ is negative.
    """
    if step is None:
        raise ValueError(
            "step is missing: training with a temperature needs the number of the "
            "batch, quantizer(latents, step=t)"
        )
    value = temperature(checked_step(step))
    if not value >= 0:
        raise ValueError(f"temperature={value} at step={step} must be at least 0")
    return max(value, _COLDEST)


def check_temperature(temperature: object) -> None:
    """Refuse a temperature that is no schedule.

    Raises:
        TypeError: naming it.
    """
    if not callable(temperature):
        raise TypeError(
            f"temperature={temperature!r} must be called like a function of the step; "
            f"wrap a number as Constant({temperature!r})"
        )
