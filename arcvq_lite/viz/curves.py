"""Logged runs as curves: one small picture a quantity, one line a run."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from arcvq_lite.viz.style import INK, SERIES, readable, styled

LINE_STYLES = ("-", "--", "-.", ":", "-")
# A quantity that spans more than this is drawn on a logarithmic axis.
WIDE_SPAN = 30.0


class History(Protocol):
    """What a training run logged: named numbers at the same steps."""

    @property
    def steps(self) -> Sequence[int]:
        """The logged steps, in order."""

    @property
    def names(self) -> Sequence[str]:
        """The quantities that were logged."""

    def __getitem__(self, name: str) -> Sequence[float]:
        """The values of one quantity, one a logged step."""


@styled()
def draw_history(
    figure: Figure | SubFigure,
    histories: Mapping[str, History],
    quantities: Sequence[str] = ("reconstruction", "usage"),
) -> None:
    """Draw logged quantities side by side, each run named where its line ends.

    Args:
        figure: An empty figure or subfigure.
        histories: Up to five runs by the name a reader shall see.
        quantities: What to draw; ``"usage"`` is shown in per cent.

    Raises:
        ValueError: If there is nothing to draw or a run did not log a quantity.
    """
    _check(histories, quantities)
    panels = figure.subplots(1, len(quantities), squeeze=False)[0]
    for axes, quantity in zip(panels, quantities, strict=True):
        for run, (colour, style) in zip(
            histories.values(), _looks(len(histories)), strict=True
        ):
            axes.plot(run.steps, run[quantity], color=colour, linestyle=style)
        _label_axes(axes, quantity)
    if len(histories) > 1:
        _name_lines(panels[-1], list(histories))


def _check(histories: Mapping[str, History], quantities: Sequence[str]) -> None:
    if not 1 <= len(histories) <= len(SERIES):
        raise ValueError(
            f"histories must hold 1 to {len(SERIES)} runs, got {len(histories)}"
        )
    if isinstance(quantities, str) or not quantities:
        raise ValueError(f"quantities must be a list of names, got {quantities!r}")
    for label, run in histories.items():
        missing = [name for name in quantities if name not in run.names]
        if missing:
            raise ValueError(
                f"quantities: the run {label!r} did not log {', '.join(missing)}; "
                f"it logged {', '.join(run.names)}"
            )


def _looks(count: int) -> list[tuple[str, str]]:
    if count == 1:
        return [(INK, "-")]
    return list(zip(SERIES[:count], LINE_STYLES[:count], strict=True))


def _label_axes(axes: Axes, quantity: str) -> None:
    axes.set_title(quantity.replace("_", " "))
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    if quantity == "usage":
        axes.set_ylim(0, 1.03)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        return
    values = np.concatenate([np.asarray(line.get_ydata()) for line in axes.lines])
    values = values[np.isfinite(values)]
    if values.size and values.min() > 0 and values.max() > WIDE_SPAN * values.min():
        axes.set_yscale("log")


def _name_lines(axes: Axes, labels: Sequence[str]) -> None:
    """Write each name at its line's end, pushed apart where two would collide."""
    lowest = axes.get_ylim()[0]
    ends = [_end(line, otherwise=lowest) for line in axes.lines]
    to_axes = axes.transData + axes.transAxes.inverted()
    heights = [float(to_axes.transform((0.0, end))[1]) for end in ends]
    for line, label, height in zip(
        axes.lines, labels, _spread(heights, gap=0.085), strict=True
    ):
        axes.annotate(
            label,
            (1.0, height),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=readable(str(line.get_color())),
        )


def _end(line: Line2D, otherwise: float) -> float:
    """The last finite value of a line."""
    values = np.asarray(line.get_ydata(), dtype=float)
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if finite.size else otherwise


def _spread(heights: Sequence[float], gap: float) -> list[float]:
    """Move heights as little as needed for neighbours to be ``gap`` apart."""
    order = np.argsort(heights, kind="stable")
    offsets = gap * np.arange(len(order))
    # Least squares under "each at least gap above the last" is isotonic regression
    # of the heights less their own offsets; pooling adjacent blocks solves it.
    blocks: list[list[float]] = []
    for target in np.asarray(heights)[order] - offsets:
        blocks.append([float(target)])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    placed = np.empty(len(order))
    placed[order] = np.concatenate([[np.mean(b)] * len(b) for b in blocks]) + offsets
    return [float(height) for height in placed]
