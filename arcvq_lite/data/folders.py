"""Images of one's own: class folders, ImageNet's layout, or one plain folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from arcvq_lite.data.folder_layout import find_images
from arcvq_lite.data.image_files import read_rgb
from arcvq_lite.data.image_set import ImageSet
from arcvq_lite.data.pixels import to_signed
from arcvq_lite.data.subset import spread_indices

BAR_FROM = 200  # fewer images than this are read before a bar would be seen


def load_folder(
    folder: Path, split: str, size: int | None, limit: int | None
) -> ImageSet:
    """Read the images of a folder into memory.

    The layouts are those of `find_images`. The whole set is held as float32, which
    takes 12·N·size² bytes; `limit` chooses before anything is read.

    Args:
        folder: the folder.
        split: "train" or "test".
        size: each image's shorter side becomes `size` pixels (bicubic, antialiased),
            then the central square is cut; None needs images of one size.
        limit: read an evenly spread subset of this many images.

    Returns:
        Images (N, 3, size, size), or (N, 3, H, W) with size None; sorted by class,
        then by path.

    Raises:
        FileNotFoundError: if there is no such folder.
        NotADirectoryError: if it is a file.
        ValueError: if no images are found for the split, one cannot be read, or
            `size` is None and two differ in size.
    """
    found = find_images(folder, split)
    labels = torch.tensor(found.labels)
    kept = spread_indices(labels, limit)
    paths = [found.paths[index] for index in kept.tolist()]
    return ImageSet(
        images=to_signed(_read_all(paths, size, found.name)),
        labels=labels[kept],
        class_names=found.class_names,
        source=f"Images from the folder {found.name}.",
    )


def _read_all(paths: list[Path], size: int | None, name: str) -> Tensor:
    """Read N files into one (N, 3, H, W) uint8 tensor."""
    first = read_rgb(paths[0], size)  # (H, W, 3)
    levels: NDArray[np.uint8] = np.empty((len(paths), *first.shape), dtype=np.uint8)
    bar = tqdm(paths, f"reading {name}", leave=False, disable=len(paths) < BAR_FROM)
    for index, path in enumerate(bar):
        pixels = read_rgb(path, size)
        if pixels.shape != first.shape:
            raise ValueError(
                "size=None needs images of one size, but "
                f"{paths[0]} is {_extent(first)} and {path} is {_extent(pixels)}; "
                f"pass size, as in size=64"
            )
        levels[index] = pixels
    return rearrange(torch.from_numpy(levels), "n h w c -> n c h w")


def _extent(pixels: NDArray[np.uint8]) -> str:
    return f"{pixels.shape[1]}×{pixels.shape[0]} (width×height)"
