"""Directions in two dimensions: a circle, classes as arrows, embeddings as points."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Wedge
from torch import Tensor

from arcvq_lite.viz.style import CODES, LATENTS, NEUTRAL, WARNING, readable, styled


@styled()
def draw_circle(axes: Axes, *, radius: float = 1.0, reach: float = 1.35) -> None:
    """A circle around the origin on axes without frame, equal on both sides.

    Args:
        axes: where to.
        radius: of the circle.
        reach: half the width and height that the axes show.
    """
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axes.set_axis_off()
    turn = np.linspace(0, 2 * math.pi, 361)
    axes.plot(radius * np.cos(turn), radius * np.sin(turn), color=NEUTRAL, linewidth=1)


@styled()
def draw_arrows(axes: Axes, angles: Tensor, labels: Sequence[str]) -> None:
    """One arrow a class from the centre to the circle, its name at the tip.

    Args:
        axes: drawn on by `draw_circle`.
        angles: (C,) radians from the horizontal.
        labels: C names.

    Raises:
        ValueError: if there is not one name an angle.
    """
    if len(labels) != len(angles):
        raise ValueError(f"labels must name {len(angles)} arrows, got {len(labels)}")
    for angle, label in zip(angles.tolist(), labels, strict=True):
        tip = (math.cos(angle), math.sin(angle))
        axes.annotate(
            "",
            tip,
            (0, 0),
            arrowprops={"arrowstyle": "-|>", "color": CODES, "linewidth": 2},
        )
        axes.text(
            1.2 * tip[0],
            1.2 * tip[1],
            label,
            color=CODES,
            fontsize=12,
            fontweight="bold",
            ha="center",
            va="center",
        )


@styled()
def draw_directions(
    axes: Axes, angles: Tensor, *, colour: str = LATENTS, radius: float = 1.0
) -> None:
    """Points on the circle at the given angles.

    Args:
        axes: drawn on by `draw_circle`.
        angles: (N,) radians from the horizontal.
        colour: of the points.
        radius: distance of the points from the centre.
    """
    axes.scatter(
        radius * angles.cos().numpy(),
        radius * angles.sin().numpy(),
        s=16,
        color=colour,
        alpha=0.75,
        linewidths=0,
        zorder=3,
    )


class MarginScene:
    """Two classes on a circle, and which of their points satisfy a margin.

    Called as `SliderFigure` wants: scene(figure, margin=m) draws the state and
    returns its caption. A point satisfies the margin when its angle to its own
    arrow, with m added, is still smaller than its angle to the other one.

    Args:
        own: (N,) angle of each point to its own class's arrow, radians.
        other: (N,) angle to the other arrow.
        positions: (N,) where the points lie on the circle, radians.
        arrows: the two classes' directions, radians.
        names: the two classes' names.

    Raises:
        ValueError: if the three tensors have not the same length.
    """

    def __init__(
        self,
        own: Tensor,
        other: Tensor,
        positions: Tensor,
        arrows: Tensor,
        names: Sequence[str],
    ) -> None:
        if not len(own) == len(other) == len(positions):
            raise ValueError(
                "own, other and positions must have one entry a point, got "
                f"{len(own)}, {len(other)} and {len(positions)}"
            )
        self._gap = (other - own).numpy()
        self._positions = positions.numpy()
        self._arrows = arrows
        self._names = names

    def __call__(self, figure: Figure, *, margin: float) -> str:
        """Draw the state at a margin in radians; returns the caption."""
        if not figure.axes:
            self._set_up(figure)
        circle, histogram = figure.axes
        satisfied = self._gap > margin
        right = self._gap > 0
        classes = [satisfied, right & ~satisfied, ~right]
        for points, kept in zip(circle.collections, classes, strict=True):
            angles = self._positions[kept]
            points.set_offsets(np.column_stack([np.cos(angles), np.sin(angles)]))
        half = math.degrees(margin / 2)
        for wedge, middle in zip(circle.patches, self._borders(), strict=True):
            assert isinstance(wedge, Wedge)
            wedge.set_theta1(middle - half)
            wedge.set_theta2(middle + half)
        histogram.lines[0].set_xdata([margin, margin])
        counts = [int(kept.sum()) for kept in classes]
        for text, count in zip(histogram.texts, counts, strict=True):
            text.set_text(text.get_text().split(":")[0] + f": {count}")
        return (
            f"At a margin of {margin:.2f} rad, {counts[0]} of {len(self._gap)} points "
            f"satisfy it, {counts[1]} are right but too near the border, and "
            f"{counts[2]} are wrong; the points and arrows have not moved."
        )

    def _borders(self) -> tuple[float, float]:
        """Both directions, in degrees, at equal angles from the two arrows."""
        middle = math.degrees(float(self._arrows.mean()))
        return middle, middle + 180

    def _set_up(self, figure: Figure) -> None:
        circle, histogram = figure.subplots(1, 2, width_ratios=[1, 1.25])
        draw_circle(circle)
        for middle in self._borders():
            circle.add_patch(
                Wedge((0, 0), 1, middle, middle, color=NEUTRAL, alpha=0.25)
            )
        draw_arrows(circle, self._arrows, self._names)
        colours = (LATENTS, WARNING, NEUTRAL)
        for colour, marker in zip(colours, "oX.", strict=True):
            circle.scatter([], [], s=26, color=colour, marker=marker, zorder=3)
        low, high = min(0.0, self._gap.min()) - 0.1, self._gap.max() + 0.1
        heights, _, _ = histogram.hist(
            self._gap, bins=np.linspace(low, high, 31).tolist(), color=LATENTS
        )
        histogram.axvline(0, ymax=0.7, color=WARNING, linewidth=1.6)
        histogram.lines[0].set_linestyle("--")
        histogram.set(
            xlabel="gap: angle to the other arrow − angle to its own (rad)",
            ylabel="points",
            xlim=(low, high),
            ylim=(0, 1.45 * np.max(heights)),  # the words stand above the bars
        )
        # Most of what a redraw costs is text, and most of that the axes' numbers.
        histogram.locator_params(nbins=4)
        words = ("satisfied", "right, too near", "wrong")
        for place, (word, colour) in enumerate(zip(words, colours, strict=True)):
            histogram.text(
                0.03,
                0.95 - 0.1 * place,
                word,
                transform=histogram.transAxes,
                color=readable(colour),
                va="top",
            )
