"""What a reader can move: a slider over numbers, a choice among names.

A control knows its values and how they are written. It builds its live form, an
ipywidget, and lists the stops at which the static player holds a picture.
"""

import math
from collections.abc import Hashable
from dataclasses import dataclass

import ipywidgets

DESCRIPTION_WIDTH = "11em"
CONTROL_WIDTH = "34em"


@dataclass(frozen=True)
class Slider:
    """A number between two ends.

    Args:
        start: The smallest value.
        stop: The largest value.
        step: The distance between neighbouring values.
        value: Where the slider stands at first.
        label: The words beside it.
        frames: At most how many evenly spaced values the static player holds. The
            first value is always one of them, if need be in addition; with 1 it is
            the only one, and the static player does not move this slider.
        format: How a value is written, such as ``".2f"``.

    Raises:
        ValueError: If the numbers do not describe a slider.
    """

    start: float
    stop: float
    step: float
    value: float
    label: str
    frames: int = 25
    format: str = ".2f"

    def __post_init__(self) -> None:
        for name in ("start", "stop", "step", "value"):
            number = float(getattr(self, name))
            if not math.isfinite(number):
                raise ValueError(f"{name} must be finite, got {number}")
            object.__setattr__(self, name, _tidy(number))
        if self.start >= self.stop:
            raise ValueError(f"stop must lie above start={self.start}, got {self.stop}")
        if not 0 < self.step <= _tidy(self.stop - self.start):
            raise ValueError(
                f"step must be positive and at most stop - start, got {self.step}"
            )
        if self.frames < 1:
            raise ValueError(f"frames must be at least 1, got {self.frames}")
        self.check(self.value)

    def check(self, value: object) -> None:
        """Refuse a value that this slider cannot show.

        Raises:
            ValueError: If it is not a number between the ends.
        """
        if not isinstance(value, int | float) or not self.start <= value <= self.stop:
            raise ValueError(
                f"{self.label}: value must be a number in "
                f"[{self.start}, {self.stop}], got {value!r}"
            )

    def text(self, value: float) -> str:
        """Write a value as the reader sees it."""
        return format(value, self.format)

    @property
    def stops(self) -> tuple[float, ...]:
        """The values at which the static player holds a picture, in order."""
        if self.frames == 1:
            return (self.value,)
        steps = round((self.stop - self.start) / self.step)
        stride = math.ceil(steps / (self.frames - 1))
        grid = [
            _tidy(self.start + tick * self.step) for tick in range(0, steps, stride)
        ]
        return tuple(sorted({*grid, self.value, self.stop}))

    def live(self) -> ipywidgets.FloatSlider:
        """Build the slider that a running kernel answers to."""
        return ipywidgets.FloatSlider(
            value=self.value,
            min=self.start,
            max=self.stop,
            step=self.step,
            description=self.label,
            readout_format=self.format,
            style={"description_width": DESCRIPTION_WIDTH},
            layout={"width": CONTROL_WIDTH, "max_width": "100%"},
        )


@dataclass(frozen=True)
class Choice:
    """One of a few names or numbers.

    Args:
        options: What can be chosen, in order.
        value: What is chosen at first.
        label: The words beside it.

    Raises:
        ValueError: If there are fewer than two options, or ``value`` is none of them.
    """

    options: tuple[Hashable, ...]
    value: Hashable
    label: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", tuple(self.options))
        if len(set(self.options)) != len(self.options) or len(self.options) < 2:
            raise ValueError(
                f"options must be two or more different ones, got {self.options}"
            )
        self.check(self.value)

    def check(self, value: object) -> None:
        """Refuse a value that cannot be chosen.

        Raises:
            ValueError: If it is none of the options.
        """
        if value not in self.options:
            offered = ", ".join(map(repr, self.options))
            raise ValueError(
                f"{self.label}: value must be one of {offered}, got {value!r}"
            )

    def text(self, value: Hashable) -> str:
        """Write an option as the reader sees it."""
        return str(value)

    @property
    def stops(self) -> tuple[Hashable, ...]:
        """The options, each of which the static player shows."""
        return self.options

    def live(self) -> ipywidgets.Dropdown:
        """Build the list that a running kernel answers to."""
        return ipywidgets.Dropdown(
            options=[(self.text(option), option) for option in self.options],
            value=self.value,
            description=self.label,
            style={"description_width": DESCRIPTION_WIDTH},
            layout={"width": CONTROL_WIDTH, "max_width": "100%"},
        )


def _tidy(number: float) -> float:
    """Drop what floating-point sums leave behind: 0.1 + 0.2 becomes 0.3."""
    return float(f"{number:.12g}")
