"""Images to learn on: two offline sets, three downloads, or a folder of one's own.

And signals of one dimension, which are made.
"""

from __future__ import annotations

import os
from difflib import get_close_matches

from arcvq_lite.data.arguments import check_count, check_path, check_split
from arcvq_lite.data.digits import load_digits
from arcvq_lite.data.downloads import DOWNLOADS, data_root, load_download
from arcvq_lite.data.fetching import DownloadError
from arcvq_lite.data.folders import load_folder
from arcvq_lite.data.image_set import ImageSet
from arcvq_lite.data.photos import load_photos
from arcvq_lite.data.signal_set import SignalSet
from arcvq_lite.data.signals import load_signals

__all__ = [
    "DATA_SETS",
    "DownloadError",
    "ImageSet",
    "SignalSet",
    "data_root",
    "load_images",
    "load_signals",
]

DATA_SETS = ("photos", "digits", *DOWNLOADS)


def load_images(
    name_or_path: str | os.PathLike[str],
    *,
    split: str = "train",
    size: int | None = None,
    limit: int | None = None,
    root: str | os.PathLike[str] | None = None,
    download: bool = True,
) -> ImageSet:
    """Load a set of images into memory, the same on every call.

    | name | images | train / test |
    |---|---|---|
    | `"photos"` | 32×32 RGB patches of photographs, offline | 6,100 / 459 |
    | `"digits"` | 8×8 grey digits, offline | 1,297 / 500 |
    | `"mnist"`, `"fashion-mnist"` | 28×28 grey, downloaded once | 60,000 / 10,000 |
    | `"cifar10"` | 32×32 RGB, downloaded once | 50,000 / 10,000 |
    | a folder | RGB; class folders, ImageNet's layout, or plain | what is there |

    Args:
        name_or_path: one of the names above, or a folder. A folder that is called
            like a set is given as a path, as in `"./photos"`.
        split: "train" or "test". A folder's test split is its part called test, val
            or validation.
        size: side of the images in pixels: the patch of "photos" (the stride is half
            of it); for the others, resized antialiased, a folder's images by their
            shorter side and then cut to the central square. None keeps each set's
            own size.
        limit: keep at most this many images: a fixed subset, spread evenly over the
            classes and within each.
        root: where downloads lie; by default $ARCVQ_DATA, else ~/.cache/arcvq_lite.
            The other sources do not use it.
        download: whether an absent set may be fetched from the network.

    Returns:
        Images (N, C, H, W) float32 in [-1, 1] with labels, class names and source.

    Raises:
        ValueError: for an unknown name, split, size or limit, and for a folder that
            cannot serve.
        TypeError: for arguments of another kind.
        FileNotFoundError: if a folder does not exist, or a set is absent and
            `download` is False.
        NotADirectoryError: if the path is a file.
        DownloadError: if a set cannot be fetched; says how to put it there by hand.
        ImportError: if the package that ships an offline set is missing.

    Example:
        >>> digits = load_images("digits", split="test", limit=50)
        >>> digits.images.shape
        torch.Size([50, 1, 8, 8])
    """
    path = check_path("name_or_path", name_or_path)
    split = check_split(split)
    size = check_count("size", size)
    limit = check_count("limit", limit)
    place = None if root is None else check_path("root", root)
    if name_or_path == "photos":
        return load_photos(split, size, limit)
    if name_or_path == "digits":
        return load_digits(split, size, limit)
    if isinstance(name_or_path, str) and name_or_path in DOWNLOADS:
        return load_download(name_or_path, split, size, limit, place, download)
    if isinstance(name_or_path, str) and not _means_a_path(name_or_path):
        raise ValueError(_unknown(name_or_path))
    return load_folder(path, split, size, limit)


def _means_a_path(text: str) -> bool:
    looks = any(mark in text for mark in "/\\") or text.startswith((".", "~"))
    return looks or os.path.exists(text)


def _unknown(name: str) -> str:
    near = get_close_matches(name.lower(), DATA_SETS, cutoff=0.5)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    known = ", ".join(map(repr, DATA_SETS))
    return (
        f"name_or_path={name!r} is neither a known set nor an existing folder.{hint} "
        f"Known sets: {known}; anything else is the path of a folder of images."
    )
