"""What a decoder paints for single codes: an alphabet, an edited picture, a reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from torch import Tensor

from arcvq_lite.viz.images import image_colours
from arcvq_lite.viz.style import CODES, CODES_RAMP, INK, NEUTRAL, styled
from arcvq_lite.viz.tokens import token_image

# Between two pictures of an alphabet, in shares of a picture's side.
GAP = 0.14
ROOM_FOR_WORDS = 0.42


@styled()
def draw_alphabet(
    axes: Axes,
    pictures: Tensor,
    labels: Sequence[str],
    *,
    columns: int = 16,
    idle: Sequence[bool] | None = None,
) -> None:
    """Pictures as a grid in one pair of axes, a short label under each.

    Args:
        axes: empty.
        pictures: (K, C, H, W), floating point in [-1, 1] (clamped), C = 1 or 3.
        labels: K short texts.
        columns: pictures in a row.
        idle: whether a picture is struck through; none if left out.

    Raises:
        ValueError: if there is not one label a picture.
    """
    count, side = len(pictures), pictures.shape[-1]
    if len(labels) != count:
        raise ValueError(f"labels must name {count} pictures, got {len(labels)}")
    room = ROOM_FOR_WORDS if any(labels) else 0.0
    across, down = side * (1 + GAP), side * (1 + GAP + room)
    rows = -(-count // columns)
    axes.set_axis_off()
    struck = [False] * count if idle is None else idle
    for place, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        left, top = place % columns * across, place // columns * down
        axes.imshow(
            image_colours(picture),
            extent=(left, left + side, top + side, top),
            interpolation="nearest",
        )
        if struck[place]:
            axes.plot(
                [left, left + side], [top + side, top], color=NEUTRAL, linewidth=1.2
            )
        axes.text(
            left + side / 2,
            top + side * 1.06,
            label,
            ha="center",
            va="top",
            fontsize=8,
            color=NEUTRAL if struck[place] else INK,
        )
    axes.set(xlim=(-1, columns * across), ylim=(rows * down, -1), aspect="equal")


@styled()
def draw_reach(
    axes: Axes, strength: Tensor, square: tuple[int, int, int], title: str = ""
) -> None:
    """How strongly each pixel of a picture and one place of a grid hang together.

    The darker a pixel, the stronger, on a logarithmic scale; white is exactly 0.

    Args:
        axes: empty.
        strength: (H, W), at least 0, not all of it 0.
        square: top row, left column and side of what the place stands above.
        title: the words above.
    """
    reached = strength > 0
    decades = strength[reached].log10()
    shade = torch.zeros_like(strength)
    # The faintest pixel that is reached at all must still differ from white.
    shade[reached] = 0.15 + 0.85 * ((decades - decades.max()) / 5 + 1).clamp(min=0)
    colours = np.asarray(CODES_RAMP(shade.numpy()))[..., :3]
    axes.imshow(np.where(reached[..., None].numpy(), colours, 1.0))
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(True)
    top, left, side = square
    corner = (left - 0.5, top - 0.5)
    axes.add_patch(Rectangle(corner, side, side, fill=False, edgecolor="white", lw=1.6))
    axes.set_title(title, fontsize=10, fontweight="normal", loc="center")


@dataclass(frozen=True, eq=False)
class Edit:
    """A picture's tokens with one code put somewhere, and what was painted then.

    Attributes:
        indices: (h, w) int64, the tokens after the edit.
        painted: (C, H, W), what the decoder makes of them.
        changed: how many pixels differ from the unedited reconstruction.
    """

    indices: Tensor
    painted: Tensor
    changed: int


class CodeScene:
    """One code, put at a place of a picture's tokens, and what the decoder paints.

    Called as `SliderFigure` wants: scene(figure, code=r, where=name) shows the edit
    with the r-th most frequent code and returns its caption.

    Args:
        before: the unedited tokens and their reconstruction.
        edits: by rank of the code, from 1, and by the name of the place.
        numbers: which code each rank is.
        num_codes: K, the size of the codebook.

    Raises:
        ValueError: if there is no edit.
    """

    def __init__(
        self,
        before: Edit,
        edits: Mapping[tuple[int, str], Edit],
        numbers: Sequence[int],
        num_codes: int,
    ) -> None:
        if not edits:
            raise ValueError("edits must hold one or more, got none")
        self._before = before
        self._numbers = numbers
        self._edits = dict(edits)
        self._frames = {
            key: (
                _bytes(token_image(edit.indices, num_codes)),
                _bytes(edit.painted),
                self._difference(edit),
            )
            for key, edit in edits.items()
        }
        self._size = edits[next(iter(edits))].painted.shape[-2:]
        self._num_codes = num_codes

    def __call__(self, figure: Figure, *, code: float, where: str) -> str:
        """Draw an edit; returns the caption.

        Raises:
            ValueError: If there is none with this code at this place.
        """
        key = (round(code), where)
        if key not in self._edits:
            raise ValueError(f"code={code} and where={where!r} have no edit")
        edit = self._edits[key]
        if not figure.axes:
            self._set_up(figure)
        for axes, frame in zip(figure.axes[1:], self._frames[key], strict=True):
            axes.images[0].set_data(frame)
        rows, columns = torch.nonzero(
            edit.indices != self._before.indices, as_tuple=True
        )
        marks = torch.stack([columns, rows], dim=1)
        figure.axes[1].collections[0].set_offsets(marks.numpy())
        height, width = self._size
        places = "1 place" if len(rows) == 1 else f"{len(rows)} places"
        return (
            f"Code {self._numbers[key[0] - 1]}, number {key[0]} by frequency, {where}: "
            f"{places} of {edit.indices.numel()} have another token, and "
            f"{edit.changed} of {height * width:,} pixels have changed."
        )

    def _difference(self, edit: Edit) -> NDArray[np.uint8]:
        gap = (edit.painted.clamp(-1, 1) - self._before.painted.clamp(-1, 1)).abs()
        grey = 1 - 4 * gap.mean(dim=0, keepdim=True)  # white is no change
        return _bytes(grey)

    def _set_up(self, figure: Figure) -> None:
        panels = figure.subplots(1, 4)
        pictures = (
            _bytes(self._before.painted),
            _bytes(token_image(self._before.indices, self._num_codes)),
            _bytes(self._before.painted),
            np.full((*self._size, 3), 255, dtype=np.uint8),
        )
        titles = ("as encoded", "tokens", "painted now", "change")
        for axes, picture, title in zip(panels, pictures, titles, strict=True):
            axes.imshow(picture, interpolation="nearest")
            axes.set_title(title, fontsize=10, fontweight="normal", loc="center")
            axes.set(xticks=[], yticks=[])
            for spine in axes.spines.values():
                spine.set_visible(axes is panels[3])
        panels[1].scatter([], [], s=14, color="white", edgecolors=CODES, linewidths=1)


def _bytes(image: Tensor) -> NDArray[np.uint8]:
    """An image (C, H, W) in [-1, 1] as (H, W, 3) grey levels from 0 to 255."""
    return np.rint(255 * image_colours(image)).astype(np.uint8)
