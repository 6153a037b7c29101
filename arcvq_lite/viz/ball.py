"""Codes in the plane and the ball around them, lengths of codes, a radius in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from arcvq_lite.geometry import project_to_ball
from arcvq_lite.schedules import Schedule
from arcvq_lite.viz.style import CODES, INK, NEUTRAL, styled

BALL = "#E4E7EB"
# A code counts as bound from this share of the radius on, which leaves rounding room.
BOUND = 1 - 1e-6


@styled()
def draw_projection(
    axes: Axes,
    before: Tensor,
    after: Tensor,
    radius: float,
    *,
    reach: float = 3.2,
    title: str = "",
) -> None:
    """Codes where a rule has put them, and faintly where the moved ones came from.

    Drawing there again moves what is there.

    Args:
        axes: empty, or drawn on by this function.
        before: (K, 2) the codes.
        after: (K, 2) where a rule has put them.
        radius: of the ball.
        reach: half the width and height that the axes show.
        title: the words above.
    """
    if not axes.collections:
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        axes.set(title=title)
        axes.set_axis_off()
        axes.add_patch(
            Circle((0, 0), radius, facecolor=BALL, edgecolor=NEUTRAL, zorder=0)
        )
        axes.add_collection(LineCollection([], colors=NEUTRAL, linewidths=0.7))
        axes.scatter([], [], s=26, facecolors="none", edgecolors=CODES, alpha=0.45)
        axes.scatter([], [], s=26, color=CODES, linewidths=0, zorder=3)
        axes.plot(0, 0, "+", color=NEUTRAL, markersize=7)
    ball = axes.patches[0]
    assert isinstance(ball, Circle)
    ball.set_radius(radius)
    ways, faint, full = axes.collections
    assert isinstance(ways, LineCollection)
    has_moved = (before != after).any(dim=1)
    ends = torch.stack([before[has_moved], after[has_moved]], dim=1)  # (moved, 2, 2)
    ways.set_segments(list(ends.numpy()))
    faint.set_offsets(ends[:, 0].numpy())
    full.set_offsets(after.numpy())


@styled()
def draw_lengths(axes: Axes, norms: Tensor, moved: Tensor, title: str = "") -> None:
    """The lengths of a codebook in ascending order, forgotten codes in grey.

    Args:
        axes: empty.
        norms: (K,) the codes' norms.
        moved: (K,) whether a code has ever been moved.
        title: the words above.
    """
    order = norms.argsort(stable=True)
    lengths, is_moved = norms[order].numpy(), moved[order].numpy()
    place = np.arange(len(lengths))
    axes.axhline(1, color=NEUTRAL, linewidth=1, linestyle="--", zorder=0)
    for kept, colour in ((~is_moved, NEUTRAL), (is_moved, CODES)):
        axes.scatter(place[kept], lengths[kept], s=14, color=colour, linewidths=0)
    axes.set(xlabel="codes, by length", title=title)


class BallScene:
    """Codes in the plane, the ball at one step of a schedule, and M(t) beside it.

    Called as `SliderFigure` wants: scene(figure, schedule=…, doubling=…, step=…)
    draws the state and returns its caption. The codes stay; only the ball moves.

    Args:
        codes: (K, 2).
        schedules: by name, what makes a radius M(t) of a doubling time in steps;
            a schedule that has no doubling time ignores it.
        total_steps: the last step shown.
        reach: half the side of the plane that is shown, and the top of M's axis.
    """

    def __init__(
        self,
        codes: Tensor,
        schedules: Mapping[str, Callable[[float], Schedule]],
        total_steps: int,
        *,
        reach: float = 3.2,
    ) -> None:
        self._codes = codes
        self._schedules = schedules
        self._steps = range(total_steps + 1)
        self._reach = reach

    def __call__(
        self, figure: Figure, *, schedule: str, doubling: float, step: float
    ) -> str:
        """Draw the state at a step; returns the caption."""
        if not figure.axes:
            self._set_up(figure)
        plane, clock = figure.axes
        radius_at = self._schedules[schedule](doubling)
        radius = radius_at(int(step))
        projected = project_to_ball(self._codes, radius)
        draw_projection(plane, self._codes, projected, radius, reach=self._reach)
        curve, marker = clock.lines
        curve.set_data(self._steps, [radius_at(t) for t in self._steps])
        marker.set_data([step], [min(radius, self._reach)])
        clock.texts[0].set_text(f"M({int(step)}) = {radius:.2f}")
        bound = int((projected.norm(dim=1) >= radius * BOUND).sum())
        return (
            f"At step {int(step)} the {schedule} ball has radius {radius:.2f}. "
            f"It binds {self._share(bound)}."
        )

    def _share(self, bound: int) -> str:
        count = len(self._codes)
        if bound == 0:
            return "none of the codes: each lies where it lay"
        if bound == count:
            return f"all {count} codes"
        return f"{bound} of {count} codes; the other {count - bound} are free"

    def _set_up(self, figure: Figure) -> None:
        _, clock = figure.subplots(1, 2, width_ratios=[1, 1.25])
        clock.plot([], [], color=NEUTRAL)
        clock.plot([], [], "o", color=INK, clip_on=False)
        clock.set(
            xlim=(0, self._steps[-1]),
            ylim=(0, self._reach),
            xlabel="step t",
            ylabel="radius M(t)",
        )
        clock.text(0.03, 0.95, "", transform=clock.transAxes, va="top", color=INK)
