"""Arms set side by side: the differences of their pairs, and how they grew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from arcvq_lite.viz.style import CODES, INK, NEUTRAL, WARNING, readable, styled

_BAND = "#E9ECEF"  # where a difference counts as the same
_PARTS = (0.0, 0.5, 1.0, 3.0, 10.0, 30.0)  # ticks, in parts of the linear range
_ROOM = 1.5  # decades that each half of the linear range is as wide as


class Compared(NamedTuple):
    """An arm's differences from another, seed by seed.

    Attributes:
        differences: one a seed.
        low: where the interval of their mean begins.
        high: where it ends.
        possible: in words, what the mean may still be, such as "up or the same".
    """

    differences: Sequence[float]
    low: float
    high: float
    possible: str

    @property
    def mean(self) -> float:
        """The mean difference."""
        return sum(self.differences) / len(self.differences)


class Measure(NamedTuple):
    """How a measure is written.

    Attributes:
        unit: such as "dB".
        digits: after the point.
        smallest: the smallest difference that counts.
        linear: up to here differences are drawn to scale; larger ones, which would
            squeeze all others together, on a logarithmic axis.
    """

    unit: str
    digits: int
    smallest: float
    linear: float

    def change(self, value: float) -> str:
        """A difference with its sign."""
        return f"{value:+.{self.digits}f}".replace("-", "−")


@styled()
def draw_effects(
    axes: Axes,
    rows: Mapping[str, Compared],
    measure: Measure,
    colours: Sequence[str] = (),
) -> None:
    """A row for each comparison: a dot a seed, the interval, and the grey band.

    Args:
        axes: empty.
        rows: by the words beside each.
        measure: of the differences.
        colours: of the rows; neutral where there are none.
    """
    shades = colours or [NEUTRAL] * len(rows)
    axes.axvspan(-measure.smallest, measure.smallest, color=_BAND, linewidth=0)
    axes.axvline(0, color=NEUTRAL, linewidth=0.8)
    for height, (row, colour) in enumerate(zip(rows.values(), shades, strict=True)):
        seeds = row.differences
        axes.plot([row.low, row.high], [height] * 2, color=colour, linewidth=1.4)
        axes.plot(seeds, [height] * len(seeds), "o", color=colour, markersize=4)
        axes.plot([row.mean], [height], "|", color=INK, markersize=11, mew=1.8)
    _name_rows(axes, list(rows))
    axes.set_xscale("symlog", linthresh=measure.linear, linscale=_ROOM)
    axes.set_xticks(*_ticks(measure, *axes.get_xlim()))
    axes.minorticks_off()
    axes.set_xlabel(f"difference ({measure.unit})")


def _ticks(measure: Measure, low: float, high: float) -> tuple[list[float], list[str]]:
    """Few ticks between two limits, and how they are written."""
    ticks = {sign * part * measure.linear for part in _PARTS for sign in (1, -1)}
    shown = sorted(tick for tick in ticks if low <= tick <= high)
    return shown, [f"{tick + 0.0:g}".replace("-", "−") for tick in shown]


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), list(names))
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelcolor=INK)


class AblationScene:
    """All arms' differences from a baseline, and one of them over the steps.

    Called as `SliderFigure` wants: scene(figure, measure=name, arm=name, step=t)
    draws the state and returns its caption. Nothing is computed from runs here.

    Args:
        compared: by measure and by arm, one `Compared` for each of `steps`.
        measures: by name, those of `compared`.
        steps: ascending, evenly spaced.
        baseline: what the arms are compared with, in words.

    Raises:
        ValueError: if an arm has not one comparison a step.
    """

    def __init__(
        self,
        compared: Mapping[str, Mapping[str, Sequence[Compared]]],
        measures: Mapping[str, Measure],
        steps: Sequence[int],
        baseline: str,
    ) -> None:
        for name, arms in compared.items():
            for arm, found in arms.items():
                if len(found) != len(steps):
                    raise ValueError(
                        f"compared[{name!r}][{arm!r}] must have one entry for each of "
                        f"{len(steps)} steps, got {len(found)}"
                    )
        self._compared = compared
        self._measures = measures
        self._steps = list(steps)
        self._baseline = baseline
        self._arms = list(next(iter(compared.values())))

    def __call__(self, figure: Figure, *, measure: str, arm: str, step: float) -> str:
        """Draw the state; returns the caption."""
        if not figure.axes:
            self._set_up(figure)
        place = min(
            range(len(self._steps)), key=lambda row: abs(self._steps[row] - step)
        )
        self._draw_rows(figure.axes[0], measure, arm, place)
        self._draw_growth(figure.axes[1], measure, arm, place)
        found, how = self._compared[measure][arm][place], self._measures[measure]
        seeds = ", ".join(map(how.change, found.differences))
        return (
            f"After {self._steps[place]:,} steps: {arm} less {self._baseline}, "
            f"{how.change(found.mean)} {how.unit} of {measure} on the mean. Seed by "
            f"seed: {seeds}. The interval goes from {how.change(found.low)} to "
            f"{how.change(found.high)}: {found.possible}."
        )

    def _set_up(self, figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
        for axes in (left, right):
            axes.add_patch(Rectangle((0, 0), 0, 0, color=_BAND, linewidth=0, zorder=0))
        left.axvline(0, color=NEUTRAL, linewidth=0.8, zorder=1)
        right.axhline(0, color=NEUTRAL, linewidth=0.8, zorder=1)
        for colour, layer in ((NEUTRAL, 2), (CODES, 3)):
            left.plot([], [], color=colour, linewidth=1.2, zorder=layer)
            left.plot([], [], "o", color=colour, markersize=3.2, zorder=layer)
        _name_rows(left, self._arms)
        left.tick_params(axis="y", labelsize=8)
        right.add_collection(LineCollection([], colors=NEUTRAL, linewidths=1))
        right.plot([], [], color=CODES, linewidth=2.4)
        right.plot([], [], color=WARNING, linewidth=1, zorder=1)
        first, last = self._steps[0], self._steps[-1]
        right.set(xlim=(0, last + first), xlabel="step", title="the arm over the steps")
        left.set(title=f"less {self._baseline}", xlabel="difference")
        right.text(
            0.98,
            0.02,
            "grey: seeds; blue: their mean",
            transform=right.transAxes,
            ha="right",
            va="bottom",
            fontsize=8,
            color=readable(NEUTRAL),
        )

    def _draw_rows(self, axes: Axes, measure: str, arm: str, place: int) -> None:
        rows = {name: found[place] for name, found in self._compared[measure].items()}
        heights = range(len(rows))
        chosen = self._arms.index(arm)
        line, dots, own_line, own_dots = axes.lines[1:5]
        _set_rows(line, dots, rows.values(), [h for h in heights if h != chosen])
        _set_rows(own_line, own_dots, rows.values(), [chosen])
        for height, label in enumerate(axes.get_yticklabels()):
            label.set_color(CODES if height == chosen else INK)
            label.set_fontweight("bold" if height == chosen else "normal")
        how, reach = self._measures[measure], self._reach(measure)
        _set_band(axes, (-how.smallest, -1, 2 * how.smallest, len(rows) + 1))
        axes.set_xscale("symlog", linthresh=how.linear, linscale=_ROOM)
        axes.set_xlim(reach)
        axes.set_xticks(*_ticks(how, *reach))
        axes.minorticks_off()
        axes.set_xlabel(f"difference ({how.unit})")

    def _draw_growth(self, axes: Axes, measure: str, arm: str, place: int) -> None:
        found = self._compared[measure][arm]
        seeds = np.array([row.differences for row in found])  # (steps, seeds)
        paths = [np.column_stack([self._steps, path]) for path in seeds.T]
        collection = axes.collections[0]
        assert isinstance(collection, LineCollection)
        collection.set_segments(paths)
        mean, marker = axes.lines[1:3]
        mean.set_data(self._steps, seeds.mean(axis=1))
        low, high = self._reach(measure)
        marker.set_data([self._steps[place]] * 2, [low, high])
        how = self._measures[measure]
        _set_band(axes, (0, -how.smallest, 2 * self._steps[-1], 2 * how.smallest))
        axes.set_yscale("symlog", linthresh=how.linear, linscale=_ROOM)
        axes.set_ylim(low, high)
        axes.set_yticks(*_ticks(how, low, high))
        axes.minorticks_off()

    def _reach(self, measure: str) -> tuple[float, float]:
        """The same limits for all arms and steps, so that only what moves moves."""
        values = [
            value
            for found in self._compared[measure].values()
            for row in found
            for value in row.differences
        ]
        room = 0.05 * (max(values) - min(values))
        return min(values) - room, max(values) + room


def _set_rows(
    line: Line2D, dots: Line2D, rows: Iterable[Compared], heights: Sequence[int]
) -> None:
    """Intervals as one broken line, and dots."""
    found = list(rows)
    ends = [(found[h].low, found[h].high, np.nan) for h in heights]
    line.set_data(np.ravel(ends), np.repeat(heights, 3))
    seeds = [found[h].differences for h in heights]
    dots.set_data(np.ravel(seeds), np.repeat(heights, len(seeds[0])))


def _set_band(axes: Axes, bounds: tuple[float, float, float, float]) -> None:
    band = axes.patches[0]
    assert isinstance(band, Rectangle)
    band.set_bounds(*bounds)
