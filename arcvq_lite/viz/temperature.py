"""A softmax in the plane: territories of classes, and petals that open with heat."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from torch import Tensor

from arcvq_lite.viz.circle import draw_circle
from arcvq_lite.viz.style import CODES, INK, LATENTS, NEUTRAL, SERIES, readable, styled

CONFIDENCES = (0.9, 0.99)


@styled()
def draw_territories(
    axes: Axes,
    probabilities: Tensor,
    reach: float,
    *,
    labelled: bool = True,
    title: str = "",
) -> None:
    """Which class wins where in the plane, and lines of equal confidence.

    Args:
        axes: empty.
        probabilities: (P, P, C) on a square grid, rows from below to above.
        reach: half the side of the square.
        labelled: whether the confidences 0.9 and 0.99 are written on their lines.
        title: the words above.
    """
    place = np.linspace(-reach, reach, probabilities.shape[0])
    highest = probabilities.amax(dim=2)
    for label in range(probabilities.shape[2]):
        own = probabilities[..., label]
        others = probabilities.clone()
        others[..., label] = -1
        lead = (own - others.amax(dim=2)).numpy()
        colour = SERIES[label % len(SERIES)]
        axes.contourf(place, place, lead, levels=[0, 2], colors=[colour], alpha=0.16)
        axes.contour(place, place, lead, levels=[0], colors=[INK], linewidths=1)
    lines = axes.contour(
        place,
        place,
        highest.numpy(),
        levels=CONFIDENCES,
        colors=[NEUTRAL],
        linewidths=0.9,
        linestyles=":",
    )
    if labelled:
        axes.clabel(lines, fmt="%g", fontsize=8, colors=[INK])
    axes.set(aspect="equal", title=title)
    axes.set_axis_off()


@styled()
def draw_labelled_points(
    axes: Axes, points: Tensor, labels: Tensor, *, size: float = 22
) -> None:
    """Each point as the numeral of its class, so that it can be read in grey.

    Args:
        axes: where to.
        points: (N, 2).
        labels: (N,) whole numbers.
        size: of a numeral, in square points.
    """
    for label in labels.unique().tolist():
        kept = points[labels == label].numpy()
        axes.scatter(
            kept[:, 0],
            kept[:, 1],
            s=size,
            marker=f"${label}$",
            color=readable(SERIES[label % len(SERIES)]),
            linewidths=0.3,
            zorder=3,
        )


@dataclass(frozen=True, eq=False)
class Flower:
    """One head over all directions of an embedding of fixed length.

    Attributes:
        logits: (A, C) at temperature 1, for A directions evenly round the circle,
            the first at 0 rad; the first is not repeated at the end.
        arrows: (C, 2) the classes' arrows; the longest is drawn as long as the circle.
    """

    logits: Tensor
    arrows: Tensor


class TemperatureScene:
    """A softmax over directions at one temperature: petals, and the bars of one point.

    Called as `SliderFigure` wants: scene(figure, doublings=…, digit=…, lengths=…)
    draws the state at τ = 2**doublings and returns its caption. Along each direction a
    class's petal reaches as far from the centre as the class is probable there.

    Args:
        flowers: heads to choose from, named by the lengths of their arrows.
        digits: directions in radians to choose from, by name.
        names: of the C classes.

    Raises:
        ValueError: if there is no head or no direction, or the names do not fit.
    """

    def __init__(
        self,
        flowers: Mapping[str, Flower],
        digits: Mapping[str, float],
        names: Sequence[str],
    ) -> None:
        if not flowers or not digits:
            raise ValueError("flowers and digits must each hold one or more, got none")
        for title, flower in flowers.items():
            if not flower.logits.shape[1] == len(flower.arrows) == len(names):
                raise ValueError(
                    f"names must name {flower.logits.shape[1]} classes of the head "
                    f"{title!r}, got {len(names)}"
                )
        self._flowers = dict(flowers)
        self._digits = dict(digits)
        self._names = list(names)

    def __call__(
        self, figure: Figure, *, doublings: float, digit: str, lengths: str
    ) -> str:
        """Draw the state at a temperature of 2**doublings; returns the caption."""
        if not figure.axes:
            self._set_up(figure)
        circle, bars = figure.axes
        flower, direction = self._flowers[lengths], self._digits[digit] % (2 * math.pi)
        temperature = 2.0**doublings
        shares = (flower.logits / temperature).softmax(dim=1).numpy()  # (A, C)
        count = len(shares)
        turn = np.arange(count) * 2 * math.pi / count
        around = np.stack([np.cos(turn), np.sin(turn)], axis=1)  # (A, 2)
        for petal, share in zip(circle.patches, shares.T, strict=True):
            petal.set_xy(around * share[:, None])  # type: ignore[attr-defined]
        rays = circle.collections[0]
        assert isinstance(rays, LineCollection)
        tips = (flower.arrows / flower.arrows.norm(dim=1).max()).numpy()
        rays.set_segments([np.stack([0 * tip, tip]) for tip in tips])
        for tip, text in zip(tips, circle.texts, strict=True):
            text.set_position(tuple(1.16 * tip / np.linalg.norm(tip)))
        place = np.array([math.cos(direction), math.sin(direction)])
        circle.lines[-1].set_data([0, place[0]], [0, place[1]])
        here = shares[round(direction / (2 * math.pi) * count) % count]  # (C,)
        for bar, share in zip(bars.patches, here, strict=True):
            bar.set_height(share)  # type: ignore[attr-defined]
        bars.texts[-1].set_text(f"τ = {temperature:.3g}")
        winner = int(here.argmax())
        return (
            f"At τ = {temperature:.3g}, with arrows {lengths}, the digit {digit} is a "
            f"{self._names[winner]} with probability {here[winner]:.3f}; the dashed "
            f"ring is at 1/{len(self._names)}. Temperature moves no border."
        )

    def _set_up(self, figure: Figure) -> None:
        circle, bars = figure.subplots(1, 2, width_ratios=[1, 1.1])
        draw_circle(circle, reach=1.28)
        turn = np.linspace(0, 2 * math.pi, 181)
        even = 1 / len(self._names)
        circle.plot(even * np.cos(turn), even * np.sin(turn), "--", color=NEUTRAL, lw=1)
        for label, name in enumerate(self._names):
            colour = SERIES[label % len(SERIES)]
            circle.fill([0], [0], facecolor=colour, alpha=0.45, edgecolor=INK, lw=0.8)
            circle.text(
                0, 0, name, color=CODES, weight="bold", ha="center", va="center"
            )
        circle.add_collection(LineCollection([], colors=CODES, linewidths=2, zorder=3))
        circle.plot([], [], "-o", color=LATENTS, markersize=7, markevery=[1], zorder=4)
        colours = [SERIES[label % len(SERIES)] for label in range(len(self._names))]
        bars.bar(self._names, [0.0] * len(self._names), color=colours, width=0.7)
        bars.axhline(even, color=NEUTRAL, linestyle="--", linewidth=1)
        bars.set(ylim=(0, 1), yticks=[0, 0.5, 1])
        title = {"transform": bars.transAxes, "va": "bottom"}
        bars.text(0.02, 1.03, "probability of each class", **title)
        bars.text(0.98, 1.03, "", ha="right", **title)
