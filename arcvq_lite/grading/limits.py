"""Limits: how much of the machine a submission may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one submission may use of the machine that grades it.

    Args:
        seconds_a_call: of the clock, for one call of a function. Time in which other
            processes keep it from running is not counted, up to ten times as much.
        seconds_to_load: of the clock, for all statements that define the functions.
        seconds_a_submission: of the clock, for all its calls together.
        memory_mb: of working memory, beyond what torch itself takes.
        file_mb: that one file may have, and a quarter of what all of them may.
        processes: that may run at once, threads included.
        reply_mb: that one reply may have.
    """

    seconds_a_call: float = 10.0
    seconds_to_load: float = 20.0
    seconds_a_submission: float = 300.0
    memory_mb: int = 1024
    file_mb: int = 64
    processes: int = 32
    reply_mb: int = 64

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value <= 0:
                raise ValueError(f"{name}={value} must be greater than 0")
        if self.processes < 4:
            raise ValueError(
                f"processes={self.processes} leaves none, wanted 4 or more"
            )
