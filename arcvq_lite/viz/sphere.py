"""Steps in the plane, and what a scale lets a classifier on the sphere reach."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from arcvq_lite.viz.style import CODES, INK, LATENTS, NEUTRAL, readable, styled


@styled()
def draw_steps(
    axes: Axes, starts: Tensor, steps: Tensor, *, colour: str = LATENTS
) -> None:
    """Points in the plane, and an arrow from each to where a step takes it.

    Args:
        axes: whose limits are set already.
        starts: (N, 2).
        steps: (N, 2), what is added to each point.
        colour: of points and arrows.
    """
    x, y = starts.T.numpy()
    across, up = steps.T.numpy()
    axes.scatter(x, y, s=30, color=colour, linewidths=0, zorder=3)
    axes.quiver(
        x,
        y,
        across,
        up,
        angles="xy",
        scale_units="xy",
        scale=1,
        color=colour,
        width=0.01,
        headwidth=4.5,
        headlength=4.5,
        headaxislength=4.5,
        zorder=2,
    )


class ScaleScene:
    """How sure a softmax on the sphere can be, for a scale and a number of classes.

    Called as `SliderFigure` wants: scene(figure, scale=s, classes=C) draws the
    state and returns its caption. Left is the confidence on the way from the own
    arrow to a rival, right is the lowest possible loss over the scale.

    Args:
        scales: S whole numbers, ascending.
        classes: the numbers of classes.
        between: (C,) for each of them the angle between two arrows, in degrees.
        confidence: (C, S, A) at A even steps on the way from the own arrow, where
            it is reachable at all, to the rival.
        floors: (C, F) the lowest possible loss in nats, on an even grid from the
            first scale to the last in which every scale occurs.

    Raises:
        ValueError: if the tensors do not fit the scales and classes.
    """

    def __init__(
        self,
        scales: Sequence[int],
        classes: Sequence[int],
        between: Tensor,
        confidence: Tensor,
        floors: Tensor,
    ) -> None:
        expected = (len(classes), len(scales))
        if confidence.shape[:2] != expected:
            raise ValueError(
                f"confidence must begin with {expected}, got {tuple(confidence.shape)}"
            )
        self._stride, rest = divmod(floors.shape[1] - 1, len(scales) - 1)
        if len(floors) != len(classes) or rest:
            raise ValueError(
                f"floors must be ({len(classes)}, F), F - 1 a multiple of "
                f"{len(scales) - 1}, got {tuple(floors.shape)}"
            )
        self._scales = list(scales)
        self._classes = list(classes)
        self._between = between.tolist()
        self._confidence = confidence.numpy()
        self._floors = floors.numpy()

    def __call__(self, figure: Figure, *, scale: float, classes: int) -> str:
        """Draw the state; returns the caption.

        Raises:
            ValueError: if the scale or the number of classes was not prepared.
        """
        if scale not in self._scales or classes not in self._classes:
            raise ValueError(
                f"scale={scale} and classes={classes} must be among {self._scales} "
                f"and {self._classes}"
            )
        if not figure.axes:
            self._set_up(figure)
        column, row = self._scales.index(int(scale)), self._classes.index(classes)
        way, floor = figure.axes
        confidence = self._confidence[row, column]
        degrees = self._between[row]
        steps = len(confidence) - 1
        angles = [degrees * step / steps for step in range(steps + 1)]
        way.lines[0].set_data(angles, confidence)
        way.lines[1].set_xdata([degrees / 2, degrees / 2])
        way.lines[2].set_data([0], confidence[:1])
        curve, marker = floor.lines[-2:]
        curve.set_ydata(self._floors[row])
        lowest = float(self._floors[row, column * self._stride])
        marker.set_data([scale], [lowest])
        floor.texts[0].set_text(f"floor {lowest:.3f}")
        way.texts[0].set_text(f"at best {confidence[0]:.1%}")
        sure = int((confidence >= 0.5).sum())
        half = (
            f"it falls below one half {angles[sure]:.0f}° from the own arrow"
            if sure
            else "it is below one half even on the own arrow"
        )
        return (
            f"At s = {scale:.0f} with C = {classes:,} classes the loss cannot fall "
            f"below {lowest:.3f}. The confidence is {confidence[0]:.1%} at best, and "
            f"{half}; the border lies at {degrees / 2:.0f}°."
        )

    def _set_up(self, figure: Figure) -> None:
        way, floor = figure.subplots(1, 2)
        way.plot([], [], color=LATENTS)
        way.axvline(0, color=NEUTRAL, linewidth=1, linestyle="--")
        way.plot([], [], "o", color=LATENTS, clip_on=False)
        way.set(
            xlim=(0, max(self._between)),
            ylim=(0, 1.02),
            xlabel="angle from the own arrow (°)",
            ylabel="confidence",
        )
        way.text(
            0.97,
            0.93,
            "",
            transform=way.transAxes,
            color=readable(LATENTS),
            ha="right",
        )
        first, last = self._scales[0], self._scales[-1]
        grid = np.linspace(first, last, self._floors.shape[1])
        floor.plot(grid, self._floors.T, color=NEUTRAL, alpha=0.5, linewidth=1)
        floor.plot(grid, self._floors[0], color=CODES)
        floor.plot([], [], "o", color=INK, clip_on=False)
        floor.set(
            xlim=(0, self._scales[-1]),
            ylim=(0, 1.02 * float(self._floors.max())),
            xlabel="scale s",
            ylabel="lowest possible loss",
        )
        floor.text(0.97, 0.93, "", transform=floor.transAxes, color=INK, ha="right")
        # Most of what a redraw costs is text.
        way.set(xticks=(0, 45, 90), yticks=(0, 0.5, 1))
        floor.set(xticks=(self._scales[0], self._scales[-1]))
        floor.locator_params(axis="y", nbins=3)
