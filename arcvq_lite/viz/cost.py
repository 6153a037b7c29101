"""The bill of a training: what an image computes, and how long on how many GPUs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from arcvq_lite.viz.style import CODES, LATENTS

# An interval that states an unmeasured utilisation: from so many times less to more.
UNSURE = 1.5
HOURS_A_DAY = 24


class Budget(NamedTuple):
    """What a training costs, from what it computes.

    Attributes:
        gflop: of one image, by the part of the model.
        images: in all.
        peak: TFLOP/s of one GPU by its data sheet.
    """

    gflop: Mapping[str, float]
    images: float
    peak: float

    def gpu_hours(self, utilisation: float) -> float:
        """Hours of one GPU that reaches a share of its peak."""
        flops = sum(self.gflop.values()) * 1e9 * self.images
        return flops / (self.peak * 1e12 * utilisation) / 3600


class CostScene:
    """A bill: what an image costs by part, and how many days on how many GPUs.

    Called as `SliderFigure` wants: scene(figure, utilisation=u, gpus=n, update=name,
    price=p) draws the state and returns its caption.

    Args:
        budgets: by the name of the update.
        most: GPUs, the end of the axis.

    Raises:
        ValueError: if there are no budgets, or their parts differ.
    """

    def __init__(self, budgets: Mapping[str, Budget], most: int = 32) -> None:
        if not budgets or len({tuple(each.gflop) for each in budgets.values()}) != 1:
            raise ValueError("budgets must hold one or more, with the same parts")
        self._budgets = budgets
        self._gpus = np.array([2**power for power in range(int(math.log2(most)) + 1)])

    def __call__(
        self,
        figure: Figure,
        *,
        utilisation: float,
        gpus: int,
        update: str,
        price: float,
    ) -> str:
        """Draw the state; returns the caption."""
        if not figure.axes:
            self._set_up(figure)
        budget = self._budgets[update]
        parts, days = figure.axes
        for bar, word, (part, gflop) in zip(
            parts.patches, parts.texts, budget.gflop.items(), strict=True
        ):
            assert hasattr(bar, "set_width")
            bar.set_width(gflop)
            word.set_text(f"{part}\n{gflop:,.0f}")
            word.set_x(gflop + 0.015 * parts.get_xlim()[1])
        hours = budget.gpu_hours(utilisation)
        middle = hours / self._gpus / HOURS_A_DAY
        line, dot = days.lines
        line.set_ydata(middle)
        here = hours / gpus / HOURS_A_DAY
        dot.set_data([gpus], [here])
        days.texts[0].set_text(f"{here:.1f} days\nbill {hours * price:,.0f}")
        corners = np.concatenate(
            [
                np.column_stack([self._gpus, middle / UNSURE]),
                np.column_stack([self._gpus, middle * UNSURE])[::-1],
            ]
        )
        days.patches[0].set_xy(corners)  # type: ignore[attr-defined]
        many = "1 GPU" if gpus == 1 else f"{gpus} GPUs"
        return (
            f"{update[:1].upper()}{update[1:]} update, {utilisation:.0%} of "
            f"{budget.peak:g} TFLOP/s: {hours:,.0f} GPU-hours, say "
            f"{hours / UNSURE:,.0f} to {hours * UNSURE:,.0f}. On {many} that is "
            f"{here:.1f} days, and at {price:.2f} an hour a bill of "
            f"{hours * price:,.0f}."
        )

    def _set_up(self, figure: Figure) -> None:
        parts, days = figure.subplots(1, 2, width_ratios=[1.1, 1])
        names = list(next(iter(self._budgets.values())).gflop)
        widest = max(max(each.gflop.values()) for each in self._budgets.values())
        parts.barh(range(len(names)), [1.0] * len(names), 0.62, color=CODES)
        for place in range(len(names)):
            parts.text(0, place, "", va="center")
        parts.set(
            xlim=(0, 1.45 * widest),
            ylim=(len(names) - 0.4, -0.6),
            yticks=[],
            xlabel="GFLOP an image and step",
            title="what a step computes",
        )
        days.plot(self._gpus, self._gpus, color=CODES)
        days.plot([], [], "o", color=LATENTS, markeredgecolor="white", markersize=9)
        days.fill([0, 0, 0], [0, 0, 0], color=CODES, alpha=0.15, linewidth=0)
        days.set(
            xscale="log",
            yscale="log",
            xlim=(0.85, 1.2 * self._gpus[-1]),
            ylim=(0.05, 100),
            xlabel="GPUs",
            ylabel="days",
            title="how long it takes",
        )
        days.set_xticks(self._gpus, [str(count) for count in self._gpus])
        days.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
        days.minorticks_off()
        # Where the line, which falls, leaves room on any number of GPUs.
        days.text(0.97, 0.97, "", ha="right", va="top", transform=days.transAxes)
