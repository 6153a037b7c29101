"""Photographs, and the grids of code numbers that stand for them.

Each function draws on axes of its own, and drawing there again changes what is
there, so a moving scene calls the same function for every state.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray
from torch import Tensor

from arcvq_lite.viz.style import CODES_RAMP, INK, styled

# Steps of the golden ratio spread any run of neighbouring numbers over the whole ramp.
GOLDEN_RATIO = 0.6180339887498949
# From this place on the ramp white letters read better than dark ones.
DARK_SHADE = 0.66
# In a cell of fewer points than this a number can no longer be read.
SMALLEST_CELL = 13


@styled()
def draw_images(
    figure: Figure | SubFigure,
    images: Tensor,
    titles: Sequence[str] = (),
    columns: int | None = None,
) -> None:
    """Draw a batch of images as a grid, row by row.

    Args:
        figure: An empty figure or subfigure, or one this function drew before.
        images: (N, C, H, W), floating point in [-1, 1] (clamped), C = 1 or 3.
        titles: One for each image, or none.
        columns: Images in a row; up to eight where not given.

    Raises:
        ValueError: If the shape, the number format or the number of titles is wrong.
    """
    if images.ndim != 4 or len(images) == 0:
        raise ValueError(
            "images must be (N, C, H, W) with N of at least 1, "
            f"got {tuple(images.shape)}"
        )
    count = len(images)
    if titles and len(titles) != count:
        raise ValueError(f"titles must name each of {count} images, got {len(titles)}")
    if len(figure.axes) < count:
        figure.clear()
        columns = min(count, 8) if columns is None else columns
        figure.subplots(-(-count // columns), columns)
    for axes in figure.axes[count:]:
        axes.clear()
        axes.set_axis_off()
    labels = titles or [""] * count
    for axes, image, label in zip(figure.axes, images, labels, strict=False):
        draw_image(axes, image, label)


@styled()
def draw_image(axes: Axes, image: Tensor, title: str = "") -> None:
    """Draw one image, each of its pixels a crisp square.

    Args:
        axes: Where to.
        image: (C, H, W), floating point in [-1, 1] (clamped), C = 1 or 3.
        title: The words above it.

    Raises:
        ValueError: If the shape or the number format is wrong.
    """
    _show(axes, image_colours(image))
    _set_title(axes, title)


@styled()
def draw_tokens(
    axes: Axes,
    indices: Tensor,
    num_codes: int,
    annotate: bool = True,
    title: str = "",
) -> None:
    """Draw a grid of code numbers, the same shade for the same code.

    Args:
        axes: Where to.
        indices: (H, W), integers in [0, num_codes).
        num_codes: K, the size of the codebook.
        annotate: Whether to write each number; left out where cells are too small.
        title: The words above the grid.

    Raises:
        ValueError: If the shape, the number format or a number is wrong.
    """
    shades = token_shades(indices, num_codes)
    _show(axes, np.asarray(CODES_RAMP(shades))[..., :3])
    for line in list(axes.lines) + list(axes.texts):
        line.remove()
    height, width = shades.shape
    for edge in range(1, height):
        axes.axhline(edge - 0.5, color="white", linewidth=1)
    for edge in range(1, width):
        axes.axvline(edge - 0.5, color="white", linewidth=1)
    if annotate:
        _write_numbers(axes, indices, shades)
    _set_title(axes, title)


def image_colours(image: Tensor) -> NDArray[np.float64]:
    """Turn an image into the colours that Matplotlib shows.

    Args:
        image: (C, H, W), floating point in [-1, 1] (clamped), C = 1 or 3.

    Returns:
        (H, W, 3) in [0, 1].

    Raises:
        ValueError: If the shape or the number format is wrong.
    """
    if image.ndim != 3 or image.shape[0] not in (1, 3):
        raise ValueError(
            f"image must be (C, H, W) with C = 1 or 3, got {tuple(image.shape)}"
        )
    if not image.is_floating_point():
        raise ValueError(
            f"image must be floating point in [-1, 1], got {image.dtype}; "
            "bytes become such an image by x / 127.5 - 1"
        )
    grey_levels = (image.detach().cpu().double().clamp(-1, 1) + 1) / 2
    return np.asarray(grey_levels.expand(3, -1, -1).permute(1, 2, 0).numpy())


def token_shades(indices: Tensor, num_codes: int) -> NDArray[np.float64]:
    """Give each code number a place on the ramp, neighbours far apart.

    Args:
        indices: (H, W), integers in [0, num_codes).
        num_codes: K, the size of the codebook.

    Returns:
        (H, W) in [0, 1].

    Raises:
        ValueError: If the shape, the number format or a number is wrong.
    """
    if indices.ndim != 2 or indices.numel() == 0:
        raise ValueError(
            f"indices must be one (H, W) grid, got {tuple(indices.shape)}; "
            "of a batch, draw indices[0]"
        )
    if indices.is_floating_point() or indices.is_complex():
        raise ValueError(f"indices must be integers, got {indices.dtype}")
    numbers = indices.detach().cpu().numpy()
    if numbers.min() < 0 or numbers.max() >= num_codes:
        raise ValueError(
            f"indices must lie in 0..{num_codes - 1} for num_codes={num_codes}, "
            f"got {numbers.min()}..{numbers.max()}"
        )
    return np.asarray(numbers * GOLDEN_RATIO % 1.0)


def _show(axes: Axes, colours: NDArray[np.float64]) -> None:
    shown = axes.images[0] if axes.images else None
    if shown is not None and shown.get_size() == colours.shape[:2]:
        shown.set_data(colours)
        return
    axes.clear()
    axes.set_axis_off()
    axes.imshow(colours, interpolation="nearest")


def _set_title(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=10, fontweight="normal", loc="center")


def _write_numbers(axes: Axes, indices: Tensor, shades: NDArray[np.float64]) -> None:
    height, width = shades.shape
    box = axes.get_window_extent()
    dots = min(box.width / width, box.height / height)
    points = 72 * dots / axes.figure.dpi
    if points < SMALLEST_CELL:
        return
    for (row, column), shade in np.ndenumerate(shades):
        axes.text(
            column,
            row,
            str(int(indices[row, column])),
            color="white" if shade > DARK_SHADE else INK,
            fontsize=min(0.42 * points, 10),
            ha="center",
            va="center_baseline",
        )
