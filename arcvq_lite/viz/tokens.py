"""A picture, its tokens, and what a decoder makes of them, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray
from torch import Tensor

from arcvq_lite.viz.images import (
    draw_image,
    draw_tokens,
    image_colours,
    token_shades,
)
from arcvq_lite.viz.style import CODES_RAMP, styled


@styled()
def draw_there_and_back(
    figure: Figure | SubFigure,
    picture: Tensor,
    indices: Tensor,
    reconstruction: Tensor,
    num_codes: int,
    *,
    numbers: bool = True,
) -> None:
    """Draw a picture, the grid of its tokens, and its reconstruction.

    Args:
        figure: An empty figure or subfigure, or one this function drew before.
        picture: (C, H, W), floating point in [-1, 1] (clamped), C = 1 or 3.
        indices: (h, w), integers in [0, num_codes).
        reconstruction: (C, H, W), as the picture.
        num_codes: K, the size of the codebook.
        numbers: Whether each token is written, with lines between them; without,
            a large grid looks like a picture itself.

    Raises:
        ValueError: If a shape, a number format or a token is wrong.
    """
    if not figure.axes:
        figure.subplots(1, 3)
    left, middle, right = figure.axes
    draw_image(left, picture, "picture")
    if numbers:
        draw_tokens(middle, indices, num_codes, title="tokens")
    else:
        draw_image(middle, token_image(indices, num_codes), "tokens")
    draw_image(right, reconstruction, "reconstruction")


def token_image(indices: Tensor, num_codes: int) -> Tensor:
    """A grid of tokens as an image of one pixel a token.

    Args:
        indices: (h, w), integers in [0, num_codes).
        num_codes: K, the size of the codebook.

    Returns:
        (3, h, w) in [-1, 1], in the shades of `draw_tokens`.

    Raises:
        ValueError: If the shape, the number format or a number is wrong.
    """
    colours = np.asarray(CODES_RAMP(token_shades(indices, num_codes)))[..., :3]
    return torch.from_numpy(colours).movedim(2, 0) * 2 - 1


@dataclass(frozen=True, eq=False)
class Retelling:
    """What comes back of a picture when only some of the codes may be used.

    Attributes:
        indices: (h, w) int64, the tokens in the numbering of the whole codebook.
        reconstruction: (C, H, W), what the decoder makes of them.
        psnr: of the reconstruction, in dB.
    """

    indices: Tensor
    reconstruction: Tensor
    psnr: float


class VocabularyScene:
    """One picture told with more and more codes.

    Called as `SliderFigure` wants: scene(figure, bits=b) draws the retelling with
    2**b codes and returns its caption.

    Args:
        picture: (C, H, W), floating point in [-1, 1].
        retellings: one for each whole number of bits a token.

    Raises:
        ValueError: If there is no retelling.
    """

    def __init__(self, picture: Tensor, retellings: Mapping[int, Retelling]) -> None:
        if not retellings:
            raise ValueError("retellings must hold one or more, got none")
        self._picture = picture
        self._retellings = dict(retellings)
        # Bytes are drawn several times faster than floating-point colours.
        self._panels = {
            bits: (
                _bytes(token_image(told.indices, 1 + int(told.indices.max()))),
                _bytes(told.reconstruction),
            )
            for bits, told in retellings.items()
        }

    def __call__(self, figure: Figure, *, bits: float) -> str:
        """Draw the retelling at so many bits a token; returns the caption.

        Raises:
            ValueError: If there is no retelling with so many bits.
        """
        kept = round(bits)
        if kept not in self._retellings:
            raise ValueError(
                f"bits={bits} must be one of {', '.join(map(str, self._retellings))}"
            )
        told = self._retellings[kept]
        if not figure.axes:
            self._set_up(figure, told)
        for axes, panel in zip(figure.axes[1:], self._panels[kept], strict=True):
            axes.images[0].set_data(panel)
        used = len(told.indices.unique())
        return (
            f"With K = {2**kept} codes to choose from, {kept} "
            f"{'bit' if kept == 1 else 'bits'} a token, {used} are used and the "
            f"picture comes back at {told.psnr:.1f} dB."
        )

    def _set_up(self, figure: Figure, told: Retelling) -> None:
        draw_there_and_back(
            figure,
            self._picture,
            told.indices,
            told.reconstruction,
            1 + int(told.indices.max()),
            numbers=False,
        )
        figure.axes[0].images[0].set_data(_bytes(self._picture))


def _bytes(image: Tensor) -> NDArray[np.uint8]:
    """An image (C, H, W) in [-1, 1] as (H, W, 3) grey levels from 0 to 255."""
    return np.rint(255 * image_colours(image)).astype(np.uint8)
