"""A folder of JPEGs as ImageNet has them: its layout, their size, a camera's noise."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from arcvq_lite.bench.benchmark import Call

PHOTOGRAPHS = "scikit-image"  # the distribution that ships them
WIDTH, HEIGHT = 500, 375  # the commonest extent in ImageNet
# With noise of so many levels a file has 101 kB; ImageNet's have 108 on average.
_QUALITY, _NOISE = 95, 8.0
_NEAREST = 0.6  # of a photograph's largest window, the smallest that is cut


def photograph_folder(each: int) -> Path:
    """Windows of four photographs of scikit-image, a class each, in a new folder.

    Args:
        each: photographs a class.

    Returns:
        The folder, which holds them in `train`; `removed_with` clears it.
    """
    root = Path(tempfile.mkdtemp(prefix="arcvq-bench-"))
    generator = np.random.default_rng(0)
    for name, photograph in _photographs().items():
        folder = root / "train" / name
        folder.mkdir(parents=True)
        for number in range(each):
            image = _window(photograph, generator)
            image.save(folder / f"{number:03d}.JPEG", quality=_QUALITY)
    return root


def removed_with(call: Call, folder: Path) -> Call:
    """The same call, with which the folder goes at the latest when Python ends."""
    weakref.finalize(call, shutil.rmtree, folder, ignore_errors=True)
    return call


def _photographs() -> dict[str, NDArray[np.uint8]]:
    from skimage import data  # a second's import, wanted here alone

    return {
        "n01_astronaut": data.astronaut(),
        "n02_chelsea": data.chelsea(),
        "n03_coffee": data.coffee(),
        "n04_rocket": data.rocket(),
    }


def _window(
    photograph: NDArray[np.uint8], generator: np.random.Generator
) -> Image.Image:
    """A part of a photograph at a random place, as a camera would have taken it."""
    height, width = photograph.shape[:2]
    zoom = min(width / WIDTH, height / HEIGHT) * generator.uniform(_NEAREST, 1)
    wide, high = zoom * WIDTH, zoom * HEIGHT
    left = generator.uniform(0, width - wide)
    top = generator.uniform(0, height - high)
    taken = Image.fromarray(photograph).resize(
        (WIDTH, HEIGHT),
        Image.Resampling.BICUBIC,
        box=(left, top, left + wide, top + high),
    )
    noise = generator.normal(0, _NOISE, (HEIGHT, WIDTH, 3))
    levels = np.clip(np.asarray(taken) + noise, 0, 255).round().astype(np.uint8)
    return Image.fromarray(levels)
