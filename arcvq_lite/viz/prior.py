"""A prior over tokens: sheets of pictures, who reads whom, and the choice of a code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from einops import rearrange
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.viz.images import draw_image, image_colours
from arcvq_lite.viz.style import CODES, CODES_RAMP, NEUTRAL, readable, styled

# A sampling table is looked up by slider values, which come back as such sums.
_DIGITS = 6


@styled()
def draw_sheet(axes: Axes, images: Tensor, columns: int, title: str = "") -> None:
    """Draw many small pictures as one, with white lines between them.

    Args:
        axes: empty, or one this function drew before.
        images: (N, C, H, W), floating point in [-1, 1] (clamped), C = 1 or 3.
        columns: pictures in a row; N is a multiple of it.
        title: the words above.
    """
    draw_image(axes, sheet(images, columns))
    axes.set_title(title, fontsize=10.5, pad=4)


def sheet(images: Tensor, columns: int) -> Tensor:
    """Lay N pictures out row by row, a white line of one pixel around each.

    Args:
        images: (N, C, H, W), C = 1 or 3.
        columns: pictures in a row.

    Returns:
        (C, rows (H + 1) + 1, columns (W + 1) + 1).

    Raises:
        ValueError: if the pictures do not fill the rows.
    """
    if len(images) == 0 or len(images) % columns:
        raise ValueError(
            f"images must fill rows of columns={columns}, got {len(images)} of them"
        )
    framed = F.pad(images, (0, 1, 0, 1), value=1.0)
    tiled = rearrange(framed, "(r c) d h w -> d (r h) (c w)", c=columns)
    return F.pad(tiled, (1, 0, 1, 0), value=1.0)


@styled()
def draw_reading(axes: Axes, weights: Tensor, title: str) -> None:
    """Who reads whom: a row of attention weights for each place.

    Args:
        axes: empty.
        weights: (t, t), each row's sum is 1; a weight of 0 stays white.
        title: the words above.
    """
    places = len(weights)
    shown = np.ma.masked_equal(weights.numpy(), 0)
    axes.imshow(shown, cmap=CODES_RAMP, vmin=0, vmax=float(weights.max()))
    axes.set(xlabel="is read", ylabel="reads", title=title)
    axes.title.set_fontsize(10.5)
    ticks = range(0, places, 5)
    axes.set_xticks(ticks, [str(tick + 1) for tick in ticks])
    axes.set_yticks(ticks, [str(tick + 1) for tick in ticks])
    for spine in axes.spines.values():
        spine.set_visible(True)


class Chances(NamedTuple):
    """How likely each code is to be chosen.

    Attributes:
        softened: (K,) by the temperature alone.
        kept: (K,) after the unlikely ones were cut off, 0 for these.
    """

    softened: Tensor
    kept: Tensor


@dataclass(frozen=True, eq=False)
class Draw:
    """Pictures sampled with one setting.

    Attributes:
        images: (N, C, H, W), floating point in [-1, 1].
        distance: of their features from those of real pictures.
        different: how many of the sampled token grids are different ones.
        count: how many were sampled.
    """

    images: Tensor
    distance: float
    different: int
    count: int


class ChoiceScene:
    """One choice among codes, and what whole pictures become when all are so made.

    Called as `SliderFigure` wants: scene(figure, temperature=τ, top_p=p) draws the
    state and returns its caption. Nothing is sampled here.

    Args:
        begun: (C, H, W) the picture as far as it is written.
        chances: (temperature, top_p) → `Chances` of the next code.
        letters: (n, C, h, w) what the n likeliest codes look like, the first first.
        codes: (n,) their numbers.
        draws: (temperature, top_p) → `Draw`, one for each stop of the sliders.
        columns: pictures in a row of the sheet.

    Raises:
        ValueError: if there is no draw.
    """

    def __init__(
        self,
        begun: Tensor,
        chances: Callable[[float, float], Chances],
        letters: Tensor,
        codes: Tensor,
        draws: Mapping[tuple[float, float], Draw],
        columns: int,
    ) -> None:
        if not draws:
            raise ValueError("draws must hold one or more, got none")
        self._begun = begun
        self._chances = chances
        self._letters = letters
        self._codes = codes
        self._draws = {_key(*setting): draw for setting, draw in draws.items()}
        # Bytes are drawn several times faster than floating-point colours.
        self._sheets = {
            setting: _bytes(sheet(draw.images, columns))
            for setting, draw in self._draws.items()
        }

    def __call__(self, figure: Figure, *, temperature: float, top_p: float) -> str:
        """Draw the state; returns the caption.

        Raises:
            ValueError: if nothing was sampled with this setting.
        """
        setting = _key(temperature, top_p)
        if setting not in self._draws:
            raise ValueError(
                f"temperature={temperature} and top_p={top_p} are not among the "
                f"{len(self._draws)} settings that were sampled"
            )
        if not figure.axes:
            self._set_up(figure)
        chances = self._chances(temperature, top_p)
        sides = figure.axes[1].containers, (chances.softened, chances.kept)
        for bars, values in zip(*sides, strict=True):
            for bar, value in zip(bars, values[self._codes].tolist(), strict=True):
                bar.set_height(value)
        figure.axes[2].images[0].set_data(self._sheets[setting])
        return _caption(temperature, top_p, chances, self._draws[setting])

    def _set_up(self, figure: Figure) -> None:
        left, middle, right = figure.subplots(1, 3, width_ratios=[0.7, 2.2, 2.2])
        draw_image(left, self._begun)
        left.set_title("written so far", fontsize=10, fontweight="normal")
        shown = len(self._codes)
        places = np.arange(shown)
        middle.bar(places, np.zeros(shown), width=0.8, color=NEUTRAL, alpha=0.45)
        middle.bar(places, np.zeros(shown), width=0.8, color=CODES)
        middle.set(xlim=(-0.6, shown - 0.4), ylim=(-0.14, 1.02), xticks=[])
        middle.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        middle.spines["bottom"].set_visible(False)
        # One image of all letters: each of them a place wide, with a white line.
        framed = F.pad(self._letters, (0, 1), value=1.0)
        middle.imshow(
            image_colours(rearrange(framed, "n d h w -> d h (n w)")),
            extent=(-0.4, shown - 0.4, -0.12, -0.02),
            aspect="auto",
        )
        middle.set_xlim(-0.6, shown - 0.4)
        middle.set_ylim(-0.14, 1.02)
        middle.set_title("chance of the next code", fontsize=10, fontweight="normal")
        for height, words, colour in (
            (0.95, "after the cut", CODES),
            (0.85, "before it", readable(NEUTRAL)),
        ):
            middle.text(shown - 0.5, height, words, color=colour, ha="right", va="top")
        right.imshow(next(iter(self._sheets.values())))
        right.set_axis_off()
        right.set_title("pictures written so", fontsize=10, fontweight="normal")


def _key(temperature: float, top_p: float) -> tuple[float, float]:
    return round(temperature, _DIGITS), round(top_p, _DIGITS)


def _caption(temperature: float, top_p: float, chances: Chances, draw: Draw) -> str:
    likely = int((chances.kept > 0).sum())
    among = "one code is left" if likely == 1 else f"{likely} codes are left"
    return (
        f"At temperature {temperature:.2f} and top-p {top_p:.1f}, {among} for this "
        f"place, the likeliest with {float(chances.kept.max()):.0%}. Of {draw.count} "
        f"whole grids written so, {draw.different} are different ones, and the "
        f"pictures' distance from real patches is {draw.distance:.1f}."
    )


def _bytes(image: Tensor) -> NDArray[np.uint8]:
    return np.rint(255 * image_colours(image)).astype(np.uint8)
