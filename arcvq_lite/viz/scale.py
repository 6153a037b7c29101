"""Long runs: how far a resumed one drifts, who reads which image, a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from arcvq_lite.viz.style import (
    CODES,
    LATENTS,
    NEUTRAL,
    SERIES,
    WARNING,
    readable,
    styled,
)

Row = Mapping[str, Any]


@styled()
def draw_drift(
    axes: Axes, steps: Sequence[int], drifts: Mapping[str, Sequence[float]]
) -> None:
    """How far runs have drifted from one that was never interrupted.

    Args:
        axes: empty.
        steps: taken since the runs were resumed.
        drifts: by name of the run, one number a step; a run that has not drifted at
            all is drawn in the hue of the codes, the others in warning.
    """
    for name, values in drifts.items():
        exact = max(values) == 0
        colour = CODES if exact else WARNING
        axes.plot(steps, values, color=colour, linewidth=2.6 if exact else 1.6)
        axes.annotate(
            name,
            (steps[-1], values[-1]),
            xytext=(7, 0),
            textcoords="offset points",
            color=colour,
            va="center",
        )
    axes.set(xlabel="steps since the checkpoint", xlim=(steps[0], steps[-1]))


@styled()
def draw_shares(axes: Axes, ranks: NDArray[np.int64], names: Sequence[str]) -> None:
    """Which rank reads which image of which batch, a row a number of ranks.

    Args:
        axes: empty.
        ranks: (R, S, B) for each of R rows, S batches and B images the rank.
        names: R, what stands beside the rows.
    """
    shades = (CODES, LATENTS, *SERIES)
    for row, batches in enumerate(ranks):
        for place, batch in enumerate(batches):
            start = place * (len(batch) + 1.0)
            left = start + np.arange(len(batch))
            colours = [shades[rank] for rank in batch]
            axes.bar(left, 0.72, 0.86, bottom=row - 0.36, color=colours, align="edge")
            if row == 0:
                axes.text(start + len(batch) / 2, -0.52, f"batch {place}", ha="center")
    axes.set(ylim=(len(ranks) - 0.5, -0.8), xticks=[], yticks=range(len(names)))
    axes.set_yticklabels(names)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


@styled()
def draw_resolution(
    axes: Axes, angles: Sequence[float], seen: Mapping[str, Sequence[float]]
) -> None:
    """Angles as they come back from a cosine that was stored with few digits.

    Args:
        axes: empty.
        angles: the true ones, radians, ascending.
        seen: by name of the format, what comes back; the first one is drawn boldest.
    """
    looks = ((WARNING, 2.2, "-"), (SERIES[1], 1.6, "-"), (CODES, 1.2, "--"))
    for (name, values), (colour, width, line) in zip(seen.items(), looks, strict=False):
        axes.plot(angles, values, line, color=colour, linewidth=width, label=name)
    axes.axvline(0.1, color=NEUTRAL, linewidth=1)
    axes.text(0.103, 0.005, "m = 0.1", color=readable(NEUTRAL))
    axes.set(xlabel="true angle (rad)", ylabel="angle from the stored cosine (rad)")
    axes.legend(loc="upper left")


class RunScene:
    """A logged run: one quantity over the steps, and when each step was taken.

    Called as `SliderFigure` wants: scene(figure, step=t, quantity=name,
    smoothing=β) draws the state and returns its caption.

    Args:
        rows: of `log.jsonl`, ascending in "step".
        clocks: of `clock.jsonl`, as they were written; where their "step" falls
            back, the run was resumed.

    Raises:
        ValueError: if there are no rows.
    """

    def __init__(self, rows: Sequence[Row], clocks: Sequence[Row]) -> None:
        if not rows or not clocks:
            raise ValueError("rows and clocks must each hold one or more")
        self._rows = rows
        self._steps = np.array([row["step"] for row in rows])
        began = clocks[0]["time"]
        self._clock = np.array(
            [((clock["time"] - began) / 60, clock["step"]) for clock in clocks]
        )  # (rows of both starts, 2): minutes, step

    def __call__(
        self, figure: Figure, *, step: float, quantity: str, smoothing: float
    ) -> str:
        """Draw the state; returns the caption.

        Raises:
            ValueError: if the quantity was never logged.
        """
        if not any(quantity in row for row in self._rows):
            raise ValueError(f"quantity={quantity!r} was not logged")
        if not figure.axes:
            self._set_up(figure)
        curve, clock = figure.axes
        place = int(np.abs(self._steps - step).argmin())
        logged = self._steps[place]
        column = [(row["step"], row[quantity]) for row in self._rows if quantity in row]
        points = np.array(column, dtype=float)  # (n, 2)
        smooth = smoothed(points[:, 1], smoothing)
        raw, line, marker = curve.lines
        raw.set_data(points.T)
        line.set_data(points[:, 0], smooth)
        marker.set_xdata([logged, logged])
        low, high = points[:, 1].min(), points[:, 1].max()
        reach = 0.05 * (high - low or 1.0)
        curve.set(ylim=(low - reach, high + reach))
        curve.title.set_text(quantity)
        moments = self._clock[self._clock[:, 1] == logged]
        clock.lines[1].set_data(moments.T)
        return self._sentence(quantity, place, points, smooth, len(moments))

    def _sentence(
        self,
        quantity: str,
        place: int,
        points: NDArray[np.float64],
        smooth: NDArray[np.float64],
        times: int,
    ) -> str:
        row = self._rows[place]
        if quantity in row:
            here = int(np.searchsorted(points[:, 0], row["step"]))
            said = f"{quantity} {row[quantity]:.3f}, smoothed {smooth[here]:.3f}"
        else:
            said = f"{quantity} is not logged yet"
        taken = "was taken once" if times < 2 else "was taken twice, for the kill"
        return (
            f"Step {row['step']}, {row['images']:,} images seen: {said}. The step "
            f"{taken}."
        )

    def _set_up(self, figure: Figure) -> None:
        curve, clock = figure.subplots(1, 2, width_ratios=[1.5, 1])
        curve.plot([], [], color=NEUTRAL, linewidth=0.8, alpha=0.7)
        curve.plot([], [], color=CODES, linewidth=2)
        curve.axvline(0, color=LATENTS, linewidth=1.4)
        curve.set(xlim=(self._steps[0], self._steps[-1]), xlabel="step", title=" ")
        clock.plot(*self._clock.T, color=CODES, linewidth=1.6)
        clock.plot([], [], "o", color=LATENTS, markeredgecolor="white")
        clock.set(
            title="progress",
            xlabel="minutes",
            ylabel="step",
            xlim=(0, 1.02 * self._clock[-1, 0]),
            ylim=(0, 1.03 * self._steps[-1]),
        )
        clock.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        falls = np.flatnonzero(np.diff(self._clock[:, 1]) <= 0)
        for fall in falls:
            minutes, step = self._clock[fall]
            clock.annotate(
                "killed",
                (minutes, step),
                xytext=(-6, 6),
                textcoords="offset points",
                color=WARNING,
                ha="right",
            )


def smoothed(values: NDArray[np.float64], smoothing: float) -> NDArray[np.float64]:
    """A running mean in which each value weighs `smoothing` times the next one.

    It is divided by the weights so far, so that it begins at the first value.

    Args:
        values: (n,).
        smoothing: β, 0 ≤ β < 1.
    """
    kept, weight, means = 0.0, 0.0, []
    for value in values:
        kept = smoothing * kept + value
        weight = smoothing * weight + 1
        means.append(kept / weight)
    return np.array(means)
