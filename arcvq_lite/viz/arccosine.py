"""Codes call latents: who is chosen, who is pulled, and where everyone ends up."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from arcvq_lite.viz.style import (
    CODES,
    CODES_RAMP,
    LATENTS,
    NEUTRAL,
    WARNING,
    readable,
    styled,
)

# The floor of the logarithmic axes: what is smaller is drawn on it.
FAINTEST = 1e-5


@styled()
def draw_choices(
    axes: Axes,
    cosine: Tensor,
    rows: Tensor,
    columns: Tensor,
    colour: str,
    title: str,
) -> None:
    """A matrix of cosines in pale shades, and a dot on every chosen cell.

    Args:
        axes: empty.
        cosine: (K, N), a code a row, a latent a column.
        rows: the codes of the chosen cells.
        columns: their latents, of the same shape.
        colour: of the dots.
        title: the words above.
    """
    # Shades stop in the middle of the ramp, so that dots of any colour stand out.
    axes.imshow(cosine.numpy(), cmap=CODES_RAMP, vmin=-0.5, vmax=2.2, aspect="auto")
    axes.scatter(columns.numpy(), rows.numpy(), s=5, color=colour, linewidths=0)
    codes, latents = cosine.shape
    axes.set(
        xlabel=f"{latents} latents",
        ylabel=f"{codes} codes",
        xlim=(-1, latents),
        ylim=(codes, -1),
        xticks=[],
        yticks=[],
        title=title,
    )


@styled()
def draw_tangents(
    axes: Axes, angles: Tensor, turns: Tensor, *, colour: str, width: float = 0.01
) -> None:
    """Arrows along a circle of radius 1, one for each point that is turned.

    Args:
        axes: drawn on by `draw_circle`.
        angles: (N,) where the points lie, radians from the horizontal.
        turns: (N,) how long each arrow is; positive turns anticlockwise.
        colour: of the arrows.
        width: of the arrows, in widths of the axes.
    """
    positions, lengths = angles.numpy(), turns.numpy()
    axes.quiver(
        np.cos(positions),
        np.sin(positions),
        -lengths * np.sin(positions),
        lengths * np.cos(positions),
        angles="xy",
        scale_units="xy",
        scale=1,
        color=colour,
        width=width,
        zorder=2,  # under the points, from which the arrows start
    )


@styled()
def draw_sphere_map(axes: Axes, codes: Tensor, latents: Tensor, title: str) -> None:
    """The unit sphere unrolled so that equal areas stay equal.

    Args:
        axes: empty.
        codes: (K, 3) on the sphere.
        latents: (N, 3) on the sphere.
        title: the words above.
    """
    looks = ((codes, CODES, 30, 2), (latents, LATENTS, 11, 3))
    for points, colour, size, layer in looks:
        longitude = points[:, 1].atan2(points[:, 0]).rad2deg().numpy()
        height = points[:, 2].numpy()
        axes.scatter(
            longitude, height, s=size, color=colour, linewidths=0, zorder=layer
        )
    axes.set(xlim=(-190, 190), ylim=(-1.1, 1.1), xticks=[], yticks=[], title=title)
    for spine in axes.spines.values():
        spine.set_visible(True)


class Felt(NamedTuple):
    """What the latents feel of one code.

    Attributes:
        share: (N,) each latent's share of the code's softmax.
        force: (N,) towards the code where positive, away from it where negative.
        called: (N,) bool, which latents are the code's positives.
        loss: of the code, in nats.
    """

    share: Tensor
    force: Tensor
    called: Tensor
    loss: float


class ForceScene:
    """One code's softmax over its latents, and the force on each of them.

    Called as `SliderFigure` wants: scene(figure, margin=m, scale=s, top_k=k) draws
    the state and returns its caption. The latents stay where they are.

    Args:
        theta: (N,) angle of each latent to the code, radians.
        felt: (margin, scale, top_k) → `Felt`, in the order of `theta`.
    """

    def __init__(
        self, theta: Tensor, felt: Callable[[float, float, int], Felt]
    ) -> None:
        self._degrees = np.degrees(theta.numpy())
        self._felt = felt

    def __call__(
        self, figure: Figure, *, margin: float, scale: float, top_k: float
    ) -> str:
        """Draw the state; returns the caption."""
        if not figure.axes:
            self._set_up(figure)
        felt = self._felt(margin, scale, round(top_k))
        called, force = felt.called.numpy(), felt.force.numpy()
        for axes, heights in zip(
            figure.axes, (felt.share.numpy(), np.abs(force)), strict=True
        ):
            shown = np.maximum(heights, FAINTEST)
            for points, kept in zip(axes.collections, (~called, called), strict=True):
                points.set_offsets(np.column_stack([self._degrees, shown])[kept])
        won = float(felt.share[felt.called].sum())
        return (
            f"At m = {margin:.1f}, s = {scale:.0f} and k = {round(top_k)} the called "
            f"latents hold {won:.1%} of the softmax and the loss of this code is "
            f"{felt.loss:.2f}. The nearest latent is pulled with {force[0]:.2f}, and "
            f"all the others together are pushed with {-force[~called].sum():.2f}."
        )

    def _set_up(self, figure: Figure) -> None:
        panels = figure.subplots(1, 2, sharex=True)
        reach = 10 * math.ceil(self._degrees.max() / 10)
        nearest = 10 * math.floor(self._degrees.min() / 10)
        names = ("share of the softmax", "force on the latent")
        words = (("not called", "called"), ("pushed away", "pulled"))
        for axes, name, pair in zip(panels, names, words, strict=True):
            axes.set(
                yscale="log",
                ylim=(0.5 * FAINTEST, 60),
                xlim=(nearest, reach),
                xlabel="angle to the code (degrees)",
                title=name,
            )
            axes.set_yticks([1e-4, 1e-2, 1], ["0.0001", "0.01", "1"])
            axes.minorticks_off()
            axes.set_xticks(range(60, reach + 1, 60))
            looks = ((LATENTS, ".", 22), (CODES, "o", 30))
            for place, (colour, marker, size) in enumerate(looks):
                axes.scatter([], [], s=size, color=colour, marker=marker, zorder=3)
                axes.text(
                    0.97,
                    0.95 - 0.11 * place,
                    pair[place],
                    transform=axes.transAxes,
                    color=readable(colour),
                    ha="right",
                    va="top",
                )


class Curve(NamedTuple):
    """A named line.

    Attributes:
        name: written where the line ends.
        values: one a place.
        nudge: how far the name is moved up, in points.
    """

    name: str
    values: list[float]
    nudge: float = 0.0


@styled()
def draw_floor(
    axes: Axes, ratio: list[int], curves: list[Curve], reached: list[float]
) -> None:
    """Where the loss starts, ends and cannot go, over the number of latents.

    Args:
        axes: empty.
        ratio: how many latents there are for each that can be called, ascending.
        curves: up to four, one value a ratio; the last is what is provable.
        reached: what descent has reached, one value a ratio.
    """
    for curve, line in zip(curves, (":", "--", "-.", "-"), strict=True):
        colour = WARNING if curve is curves[-1] else NEUTRAL
        axes.plot(ratio, curve.values, line, color=colour)
        axes.annotate(
            curve.name,
            (ratio[-1], curve.values[-1]),
            xytext=(12, curve.nudge),
            textcoords="offset points",
            color=readable(colour),
            va="center",
        )
    axes.plot(ratio, reached, "o", color=LATENTS, zorder=3)
    axes.annotate(
        "reached by descent",
        (ratio[0], reached[0]),
        xytext=(0, 14),
        textcoords="offset points",
        color=readable(LATENTS),
    )
    axes.set(xscale="log", xlabel="latents for each place, N / (k K)", ylabel="loss")
    axes.set(xlim=(0.9 * ratio[0], 4 * ratio[-1]), ylim=(0, None))
    axes.set_xticks(ratio, [str(value) for value in ratio])
    axes.minorticks_off()
