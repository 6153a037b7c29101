"""What a critic makes of a picture, and what its weight makes of a decoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, TwoSlopeNorm
from matplotlib.figure import Figure
from torch import Tensor

from arcvq_lite.viz.images import draw_image
from arcvq_lite.viz.style import CODES, INK, NEUTRAL, WARNING, readable, styled

# From the hue of a warning over white to the hue of the codes: a score and its sign.
SCORES = LinearSegmentedColormap.from_list("scores", [WARNING, "#FFFFFF", CODES])
# The widget's panel of frequencies takes as much room as this many pictures.
PANEL = 3


@styled()
def draw_scores(axes: Axes, scores: Tensor, title: str = "", reach: float = 2) -> None:
    """A critic's map of scores, a shade for each.

    Args:
        axes: empty.
        scores: (h, w), positive where a patch is taken for real.
        title: the words above.
        reach: the score, of either sign, at which a colour is full.
    """
    norm = TwoSlopeNorm(0, -reach, reach)
    axes.imshow(scores.numpy(), cmap=SCORES, norm=norm)
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=10, fontweight="normal", loc="center")
    for spine in axes.spines.values():
        spine.set_visible(True)


@styled()
def draw_guesses(
    axes: Axes, answers: Tensor, guesses: Mapping[str, tuple[Tensor, str]], title: str
) -> None:
    """Possible answers as pale lines, and what two losses would answer.

    Args:
        axes: empty.
        answers: (M, P), the grey levels that M equally likely answers give P pixels.
        guesses: for each name, grey levels (P,) and the colour of their line.
        title: the words above.
    """
    places = np.arange(answers.shape[1])
    for answer in answers[:12]:
        axes.step(
            places, answer.numpy(), where="mid", color=NEUTRAL, lw=0.8, alpha=0.45
        )
    for row, (name, (values, colour)) in enumerate(guesses.items()):
        axes.step(places, values.numpy(), where="mid", color=colour, lw=2.4)
        axes.text(
            1.0,
            1.0 - 0.13 * row,
            name,
            transform=axes.transAxes,
            color=readable(colour),
            ha="right",
            va="top",
        )
    axes.set(xlabel="pixel", ylim=(-0.12, 1.75), xlim=(0, len(places) - 1))
    axes.set_xticks(range(0, len(places), 5))
    axes.set_yticks([0, 1], ["dark", "bright"])
    axes.set_title(title)


class Painted(NamedTuple):
    """What one decoder makes of the same tokens.

    Attributes:
        images: (n, 3, H, W) in [−1, 1].
        power: (F,) over the frequencies, a share of the photographs' power.
        psnr: in dB.
        detail: the share of the photographs' energy above half of Nyquist's frequency.
        balance: λ, averaged over the last steps; None where there was no critic.
        hits: the share of patches that the critic had right in the end; likewise.
    """

    images: Tensor
    power: Tensor
    psnr: float
    detail: float
    balance: float | None = None
    hits: float | None = None


class WeightScene:
    """Decoders that were trained with different weights on their critic.

    Called as `SliderFigure` wants: scene(figure, weight=w) draws the state and
    returns its caption.

    Args:
        originals: (n, 3, H, W) in [−1, 1].
        frequencies: F of them, in cycles a pixel, ascending.
        painted: for each weight of the slider what its decoder has painted.

    Raises:
        ValueError: if there is nothing painted.
    """

    def __init__(
        self,
        originals: Tensor,
        frequencies: Sequence[float],
        painted: Mapping[float, Painted],
    ) -> None:
        if not painted:
            raise ValueError("painted must hold at least one weight, got none")
        self._originals = originals
        self._frequencies = list(frequencies)
        self._painted = dict(painted)

    def __call__(self, figure: Figure, *, weight: float) -> str:
        """Draw the state; returns the caption."""
        nearest = min(self._painted, key=lambda known: abs(known - weight))
        now = self._painted[nearest]
        if not figure.axes:
            self._set_up(figure)
        panel, *pictures = figure.axes
        for axes, image in zip(
            pictures[len(self._originals) :], now.images, strict=True
        ):
            draw_image(axes, image)
        line = panel.lines[-1]
        line.set_data(self._frequencies, np.maximum(now.power.numpy(), 1e-3))
        critic = (
            "there is no critic"
            if now.balance is None or now.hits is None
            else f"λ has come to {now.balance:.2f} and the critic is right about "
            f"{now.hits:.0%} of the patches"
        )
        return (
            f"At a weight of {nearest:.1f} {critic}. The reconstructions stand at "
            f"{now.psnr:.1f} dB, and their fine detail has {now.detail:.0%} of the "
            "photographs' energy."
        )

    def _set_up(self, figure: Figure) -> None:
        count = len(self._originals)
        grid = figure.add_gridspec(2, count + PANEL)
        panel = figure.add_subplot(grid[:, count:])
        for row in range(2):
            for column in range(count):
                axes = figure.add_subplot(grid[row, column])
                axes.set_axis_off()
                if row == 0:
                    draw_image(axes, self._originals[column])
        panel.axhline(1, color=NEUTRAL, linewidth=1)
        panel.axvline(0.25, 0, 0.8, color=NEUTRAL, linewidth=1, linestyle=":")
        panel.text(0.265, 0.011, "detail →", color=readable(NEUTRAL))
        panel.text(0.51, 5, "100 %: the photographs", color=INK, ha="right")
        panel.plot([], [], "o-", color=CODES, markersize=4)
        panel.set(
            yscale="log",
            xlim=(0, 0.52),
            ylim=(0.008, 8),
            xlabel="cycles a pixel",
            title="power of the waves",
        )
        panel.set_yticks([0.01, 0.1, 1], ["1 %", "10 %", "100 %"])
        panel.minorticks_off()
