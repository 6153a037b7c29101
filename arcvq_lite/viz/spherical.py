"""A plane cut into the cells that codes own, by distance or by angle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from torch import Tensor

from arcvq_lite.viz.style import CODES, CODES_RAMP, INK, LATENTS, NEUTRAL, styled

# A cell is the darker the more latents it has won; points must stay visible on it.
DARKEST = 0.5
# The share of latents at which a cell is as dark as it gets.
FULL_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class Cells:
    """Codes in the plane and what they own under one way of matching.

    Attributes:
        codes: (K, 2).
        owners: (G, G) int64, the code that owns each point of a square grid; rows
            run upwards, columns to the right.
        counts: (K,) int64, how many latents each code has won.
    """

    codes: Tensor
    owners: Tensor
    counts: Tensor

    @property
    def picture(self) -> NDArray[np.uint8]:
        """(G, G, 3) bytes: shades by the latents won, and the borders between."""
        share = self.counts.numpy() / max(int(self.counts.sum()), 1)
        shades = DARKEST * np.minimum(share / FULL_SHARE, 1)
        colours = np.asarray(CODES_RAMP(shades))[:, :3]
        owners = self.owners.numpy()
        picture = colours[owners]
        border = np.zeros(owners.shape, dtype=bool)
        border[1:] |= owners[1:] != owners[:-1]
        border[:, 1:] |= owners[:, 1:] != owners[:, :-1]
        picture[border] = to_rgb(NEUTRAL)
        levels: NDArray[np.uint8] = np.rint(255 * picture).astype(np.uint8)
        return levels


@styled()
def draw_cells(
    axes: Axes,
    cells: Cells,
    latents: Tensor,
    *,
    reach: float = 3.4,
    title: str = "",
) -> None:
    """Cells, the latents in them, and the codes; a code without latents is hollow.

    Drawing there again moves the codes and their cells; the latents stay.

    Args:
        axes: empty, or drawn on by this function.
        cells: what each code owns.
        latents: (N, 2).
        reach: half the width and height that the axes and the grid show.
        title: the words above.
    """
    if not axes.images:
        sides = (-reach, reach, -reach, reach)
        axes.imshow(cells.picture, origin="lower", extent=sides, aspect="equal")
        axes.scatter(latents[:, 0], latents[:, 1], s=4, color=LATENTS, linewidths=0)
        axes.scatter([], [], s=46, color=CODES, edgecolors="white", zorder=3)
        axes.scatter([], [], s=38, facecolors="white", edgecolors=CODES, zorder=3)
        axes.plot(0, 0, "+", color=INK, markersize=7)
        axes.set(xlim=sides[:2], ylim=sides[:2], title=title)
        axes.set_axis_off()
    axes.images[0].set_data(cells.picture)
    _, full, hollow = axes.collections
    wins = cells.counts > 0
    full.set_offsets(cells.codes[wins].numpy())
    hollow.set_offsets(cells.codes[~wins].numpy())


class CellsScene:
    """Cells of codes whose lengths spread more and more, under two matchings.

    Called as `SliderFigure` wants: scene(figure, skew=…, matching=…) draws the
    state and returns its caption.

    Args:
        latents: (N, 2), the same in every state.
        states: the cells by skew, to two decimals, and by the matching's name; the
            codes of each state stand in the order of their lengths.
        reach: half the side of the plane that is shown.

    Raises:
        ValueError: if there is no state.
    """

    def __init__(
        self,
        latents: Tensor,
        states: Mapping[tuple[float, str], Cells],
        *,
        reach: float = 3.4,
    ) -> None:
        if not states:
            raise ValueError("states must hold one or more, got none")
        self._latents = latents
        self._states = dict(states)
        self._reach = reach
        self._top = 1.05 * max(int(it.counts.max()) for it in states.values())

    def __call__(self, figure: Figure, *, skew: float, matching: str) -> str:
        """Draw the state; returns the caption.

        Raises:
            ValueError: if there is no state with this skew and matching.
        """
        key = (round(skew, 2), matching)
        if key not in self._states:
            raise ValueError(f"no state has skew={skew} and matching={matching!r}")
        cells = self._states[key]
        if not figure.axes:
            self._set_up(figure, len(cells.codes))
        plane, bars = figure.axes
        draw_cells(plane, cells, self._latents, reach=self._reach)
        for bar, count in zip(bars.patches, cells.counts.tolist(), strict=True):
            assert isinstance(bar, Rectangle)
            bar.set_height(count)
        return self._caption(cells, matching, key[0])

    def _caption(self, cells: Cells, matching: str, skew: float) -> str:
        lengths = cells.codes.norm(dim=1)
        first = int(cells.counts[0])
        share = int(cells.counts.max()) / len(self._latents)
        empty = int((cells.counts == 0).sum())
        return (
            f"{matching} matching, skew {skew:.1f}: lengths from {lengths.min():.2f} "
            f"to {lengths.max():.2f}. The first code wins {first} of "
            f"{len(self._latents)} latents, the fullest cell holds {share:.0%} of "
            f"them, and {empty or 'none'} of the {len(cells.codes)} codes "
            f"{'goes' if empty < 2 else 'go'} without any."
        )

    def _set_up(self, figure: Figure, num_codes: int) -> None:
        _, bars = figure.subplots(1, 2, width_ratios=[1, 1.1])
        bars.bar(range(num_codes), [0] * num_codes, color=CODES, width=0.7)
        bars.set(
            xticks=[],
            xlabel="codes, from short to long",
            ylabel="latents won",
            ylim=(0, self._top),
        )
        bars.locator_params(axis="y", nbins=4)
