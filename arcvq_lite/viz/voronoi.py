"""Codes in a plane, the cells that belong to them, and the picture they paint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from arcvq_lite.viz.images import draw_image, image_colours
from arcvq_lite.viz.style import CODES, styled

# How much of a cell's colour is mixed into white, so that points stay visible on it.
TINT = 0.45
# Pixels of the plane across; borders between cells are one of them wide.
ACROSS = 240

Colours = Callable[[Tensor], Tensor]
Window = tuple[float, float, float, float]


@styled()
def draw_cells(
    axes: Axes,
    points: Tensor,
    codebook: Tensor,
    colour_of: Colours,
    *,
    title: str = "",
) -> None:
    """Points of a plane, codes among them, and the cell of each code.

    A cell holds the places that are nearer to its code than to any other one, and
    is tinted with the colour of its code.

    Args:
        axes: empty.
        points: (N, 2).
        codebook: (K, 2).
        colour_of: from places (M, 2) to their colours (M, 3) in [-1, 1].
        title: the words above.
    """
    window = window_of(points)
    draw_plane(axes, points, colour_of, window, title=title)
    axes.images[0].set_data(cell_image(codebook, colour_of, window))
    axes.collections[1].set_offsets(codebook.numpy())


@styled()
def draw_steps(axes: Axes, before: Tensor, after: Tensor) -> None:
    """Rings where codes were, dots where a rule has moved them, and the ways between.

    Args:
        axes: drawn on by `draw_cells`, whose codes become rings.
        before: (K, 2), the codes that were drawn there.
        after: (K, 2).
    """
    rings = axes.collections[1]
    rings.set_facecolor("white")
    rings.set_edgecolor(CODES)
    ways = torch.stack([before, after], dim=1).numpy()  # (K, 2, 2)
    axes.add_collection(LineCollection(list(ways), colors=CODES, linewidths=1.8))
    x, y = after.T.numpy()
    axes.scatter(x, y, s=34, color=CODES, edgecolors="white", linewidths=0.8, zorder=5)


def draw_plane(
    axes: Axes, points: Tensor, colour_of: Colours, window: Window, *, title: str = ""
) -> None:
    """Points in their own colours, with room for cells below and codes above."""
    blank = np.full((2, 2, 3), 255, dtype=np.uint8)
    axes.imshow(blank, extent=window, origin="lower", interpolation="nearest")
    colours = image_colours(colour_of(points).T[:, None])[0]  # (N, 3)
    x, y = points.T.numpy()
    axes.scatter(x, y, s=4, c=colours, linewidths=0, zorder=2)
    axes.scatter(
        [], [], s=46, color=CODES, edgecolors="white", linewidths=1.2, zorder=4
    )
    axes.set(xlim=window[:2], ylim=window[2:], aspect="equal", title=title)
    axes.set_axis_off()


def window_of(points: Tensor, margin: float = 0.08) -> Window:
    """Left, right, bottom and top of a frame around points (N, 2)."""
    low, high = points.min(dim=0).values, points.max(dim=0).values
    pad = margin * float((high - low).max())
    (left, bottom), (right, top) = low.tolist(), high.tolist()
    return left - pad, right + pad, bottom - pad, top + pad


def cell_image(
    codebook: Tensor, colour_of: Colours, window: Window
) -> NDArray[np.uint8]:
    """The cells of a codebook (K, 2), tinted, with white borders between them.

    Returns:
        Grey levels (rows, columns, 3), the lowest row first.
    """
    left, right, bottom, top = window
    down = round(ACROSS * (top - bottom) / (right - left))
    across = torch.linspace(left, right, ACROSS, dtype=codebook.dtype)
    upwards = torch.linspace(bottom, top, down, dtype=codebook.dtype)
    places = torch.cartesian_prod(upwards, across).flip(1)  # (rows * columns, 2)
    # Distances to every place but for the same term on each, so the order stays.
    distance = codebook.square().sum(dim=1) - 2 * places @ codebook.T
    owner = distance.argmin(dim=1).reshape(down, ACROSS).numpy()
    shades = 1 - TINT * (1 - image_colours(colour_of(codebook).T[:, None])[0])
    cells = shades[owner]
    border = np.zeros(owner.shape, dtype=bool)
    border[:-1] |= owner[:-1] != owner[1:]
    border[:, :-1] |= owner[:, :-1] != owner[:, 1:]
    cells[border] = 1
    return np.asarray(np.rint(255 * cells), dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class Clustering:
    """One state of an algorithm that moves codes.

    Attributes:
        codebook: (K, 2).
        indices: (h, w), which code each pixel of a picture takes.
        error: what is said of it in the caption.
    """

    codebook: Tensor
    indices: Tensor
    error: float


class VoronoiScene:
    """Cells of a plane of colours, and a photograph painted with their codes.

    Called as `SliderFigure` wants: scene(figure, bits=b, step=t) draws 2**b codes
    after t steps and returns its caption.

    Args:
        points: (N, 2), a selection of the pixels in the plane.
        picture: (3, h, w) in [-1, 1], the photograph that is painted again.
        colour_of: from places (M, 2) to their colours (M, 3) in [-1, 1].
        runs: by bits, the states of one run in the order of its steps.
        unit: what one token stands for, as in "3 bits a pixel".

    Raises:
        ValueError: if there is no run, or one has no state.
    """

    def __init__(
        self,
        points: Tensor,
        picture: Tensor,
        colour_of: Colours,
        runs: Mapping[int, Sequence[Clustering]],
        *,
        unit: str = "pixel",
    ) -> None:
        if not runs or not all(runs.values()):
            raise ValueError("runs must hold one or more, each with a state")
        self._points = points
        self._picture = picture
        self._colour_of = colour_of
        self._runs = runs
        self._unit = unit
        self._window = window_of(points)
        self._panels = {
            (bits, step): self._panel(state)
            for bits, states in runs.items()
            for step, state in enumerate(states)
        }

    def __call__(self, figure: Figure, *, bits: float, step: float) -> str:
        """Draw a state; returns the caption.

        Raises:
            ValueError: if there is no such state.
        """
        place = (round(bits), round(step))
        if place not in self._panels:
            raise ValueError(f"bits={bits} and step={step} are in none of the runs")
        if not figure.axes:
            self._set_up(figure)
        plane, painting = figure.axes
        cells, painted = self._panels[place]
        states = self._runs[place[0]]
        state = states[place[1]]
        plane.images[0].set_data(cells)
        plane.collections[1].set_offsets(state.codebook.numpy())
        painting.images[0].set_data(painted)
        count = len(state.codebook)
        idle = count - len(state.indices.unique())
        whose = "every code has pixels" if not idle else f"{idle} of them own none"
        return (
            f"{count} codes, {place[0]} {'bit' if place[0] == 1 else 'bits'} a "
            f"{self._unit}, after {place[1]} of Lloyd's steps: the error is "
            f"{state.error:.4f}, {state.error / states[0].error:.0%} of what it was "
            f"at the start, and {whose}."
        )

    def _panel(self, state: Clustering) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        cells = cell_image(state.codebook, self._colour_of, self._window)
        colours = self._colour_of(state.codebook)[state.indices]  # (h, w, 3)
        painted = np.rint(255 * image_colours(colours.movedim(2, 0)))
        return cells, painted.astype(np.uint8)

    def _set_up(self, figure: Figure) -> None:
        window = self._window
        wide = (window[1] - window[0]) / (window[3] - window[2])
        _, height, width = self._picture.shape
        plane, painting = figure.subplots(1, 2, width_ratios=[wide, width / height])
        draw_plane(plane, self._points, self._colour_of, window)
        draw_image(painting, self._picture)
