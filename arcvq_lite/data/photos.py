"""Patches of seven photographs that two scientific packages carry in their wheels."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor

from arcvq_lite.data.image_files import read_rgb
from arcvq_lite.data.image_set import ImageSet
from arcvq_lite.data.pixels import to_signed
from arcvq_lite.data.subset import spread_indices


@dataclass(frozen=True)
class Photograph:
    """Where a photograph lies inside an installed package.

    Attributes:
        name: what the photograph is called in `ImageSet.class_names`.
        package: the import name of the package that ships it.
        distribution: the name of that package for pip.
        file: path of the file below the package's folder.
    """

    name: str
    package: str
    distribution: str
    file: str


TRAIN_PHOTOGRAPHS = (
    Photograph("astronaut", "skimage", "scikit-image", "data/astronaut.png"),
    Photograph("coffee", "skimage", "scikit-image", "data/coffee.png"),
    Photograph("rocket", "skimage", "scikit-image", "data/rocket.jpg"),
    Photograph("motorcycle", "skimage", "scikit-image", "data/motorcycle_left.png"),
    Photograph("china", "sklearn", "scikit-learn", "datasets/images/china.jpg"),
    Photograph("flower", "sklearn", "scikit-learn", "datasets/images/flower.jpg"),
)
TEST_PHOTOGRAPHS = (
    Photograph("chelsea", "skimage", "scikit-image", "data/chelsea.png"),
)

_CREDITS = {
    "train": "photographs shipped with scikit-image (astronaut: NASA, public domain; "
    "coffee: Rachel Michetti, CC0; rocket: SpaceX, public domain; motorcycle: "
    "Middlebury stereo benchmark 2014) and scikit-learn (china: danielbuechele, "
    "flower: vultilion, both CC BY 2.0)",
    "test": "the cat Chelsea, a photograph shipped with scikit-image "
    "(Stéfan van der Walt, CC0)",
}


def load_photos(split: str, size: int | None, limit: int | None) -> ImageSet:
    """Cut photographs into square patches that overlap by half.

    Whole photographs are held out, so the two splits share no pixel: six give the
    train patches, the cat gives the test patches. The patches follow the order of
    the photographs, and in each go from left to right, then down.

    Args:
        split: "train" (6,100 patches at 32 pixels) or "test" (459).
        size: side of a patch in pixels, 32 if None; the stride is half of it.
        limit: keep an evenly spread subset of this many patches.

    Returns:
        Images (N, 3, size, size); the label is the photograph, numbered over the
        photographs of both splits.

    Raises:
        ImportError: if scikit-image or scikit-learn is missing.
        FileNotFoundError: if the installed package does not carry a photograph.
        ValueError: if `size` is above the smaller side of a photograph.
    """
    size = 32 if size is None else size
    held = TRAIN_PHOTOGRAPHS if split == "train" else TEST_PHOTOGRAPHS
    names = tuple(photo.name for photo in TRAIN_PHOTOGRAPHS + TEST_PHOTOGRAPHS)
    patches = [_patches(photo, size) for photo in held]
    labels = torch.cat(
        [
            torch.full((len(part),), names.index(photo.name))
            for photo, part in zip(held, patches, strict=True)
        ]
    )
    kept = spread_indices(labels, limit)
    return ImageSet(
        images=to_signed(torch.cat(patches)[kept]),
        labels=labels[kept],
        class_names=names,
        source=f"{size}×{size} patches of {_CREDITS[split]}.",
    )


def _patches(photo: Photograph, size: int) -> Tensor:
    """Cut one photograph into (N, 3, size, size) uint8 patches."""
    pixels = torch.from_numpy(read_rgb(_shipped_file(photo)))  # (H, W, 3)
    if size > min(pixels.shape[:2]):
        raise ValueError(
            f"size={size} is larger than the photograph {photo.name!r}, "
            f"{pixels.shape[0]}×{pixels.shape[1]} pixels; take at most "
            f"{min(pixels.shape[:2])}"
        )
    stride = max(1, size // 2)
    windows = pixels.unfold(0, size, stride).unfold(1, size, stride)
    return rearrange(windows, "rows columns c h w -> (rows columns) c h w")


def _shipped_file(photo: Photograph) -> Path:
    # The file is opened by its path. The packages' own loaders may go to the
    # network, and importing them takes a second.
    spec = find_spec(photo.package)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(
            f'load_images("photos") needs {photo.distribution}: '
            f'pip install "arcvq-lite[lab]"',
            name=photo.package,
        )
    for folder in spec.submodule_search_locations:
        path = Path(folder, photo.file)
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"the installed {photo.distribution} does not carry {photo.file}; install it "
        f'again from its wheel, or use load_images("digits") meanwhile'
    )
