"""MNIST, Fashion-MNIST and CIFAR-10, read by torchvision and fetched if absent."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from arcvq_lite.data.fetching import (
    DownloadError,
    fetch,
    missing,
    old_ways_accepted,
    put_by_hand,
)
from arcvq_lite.data.image_set import ImageSet
from arcvq_lite.data.pixels import resize_square, to_signed
from arcvq_lite.data.subset import spread_indices


@dataclass(frozen=True)
class Download:
    """A set that torchvision knows how to fetch and read.

    Attributes:
        dataset: its class in `torchvision.datasets`.
        class_names: in the order of its labels.
        source: the sentence for `ImageSet.source`.
        offline: the set that serves while this one cannot be had.
    """

    dataset: str
    class_names: tuple[str, ...]
    source: str
    offline: str


DOWNLOADS = {
    "mnist": Download(
        dataset="MNIST",
        class_names=tuple("0123456789"),
        source="MNIST handwritten digits (Y. LeCun, C. Cortes and C. Burges, 1998).",
        offline="digits",
    ),
    "fashion-mnist": Download(
        dataset="FashionMNIST",
        class_names=(
            *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
            *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
        ),
        source="Fashion-MNIST clothing photographs (Zalando Research, 2017, MIT).",
        offline="digits",
    ),
    "cifar10": Download(
        dataset="CIFAR10",
        class_names=(
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
        source="CIFAR-10 photographs (A. Krizhevsky, 2009).",
        offline="photos",
    ),
}

# What torchvision raises where files are absent, and where they are cut short.
_ABSENT_OR_DAMAGED = (RuntimeError, ValueError, AssertionError, LookupError, TypeError)


def data_root(root: Path | None = None) -> Path:
    """Return where downloads lie: `root`, $ARCVQ_DATA or ~/.cache/arcvq_lite."""
    if root is None:
        root = Path(os.environ.get("ARCVQ_DATA") or "~/.cache/arcvq_lite")
    return Path(os.path.abspath(root.expanduser()))


def load_download(
    name: str,
    split: str,
    size: int | None,
    limit: int | None,
    root: Path | None,
    download: bool,
) -> ImageSet:
    """Read one of `DOWNLOADS`, fetching it first if it is absent.

    Args:
        name: a key of `DOWNLOADS`.
        split: "train" or "test", as its authors divided it.
        size: resize to size × size pixels; None keeps 28 or 32.
        limit: keep an evenly spread subset of this many images.
        root: see `data_root`.
        download: whether the network may be used.

    Returns:
        Images (N, 1, size, size), or (N, 3, size, size) for CIFAR-10.

    Raises:
        DownloadError: if the set cannot be fetched; says how to put it there by hand.
        FileNotFoundError: the same, where `download` is False.
    """
    known = DOWNLOADS[name]
    root = data_root(root)
    try:
        dataset = _read(known, root, split)
    except _ABSENT_OR_DAMAGED:
        _bring(name, root, download)
        dataset = _read(known, root, split)
    levels = _channel_first(torch.as_tensor(dataset.data))
    labels = torch.as_tensor(dataset.targets).long()
    kept = spread_indices(labels, limit)
    return ImageSet(
        images=resize_square(to_signed(levels[kept]), size),
        labels=labels[kept],
        class_names=known.class_names,
        source=known.source,
    )


def _dataset_class(known: Download) -> Any:
    from torchvision import datasets

    return getattr(datasets, known.dataset)


def _read(known: Download, root: Path, split: str) -> Any:
    with old_ways_accepted():
        return _dataset_class(known)(root, train=split == "train")


def _bring(name: str, root: Path, download: bool) -> None:
    known = DOWNLOADS[name]
    dataset_class = _dataset_class(known)
    absent = missing(dataset_class, root)
    by_hand = put_by_hand(name, absent, root, known.offline)
    # Archives laid by hand need no network, only unpacking.
    if absent and not download:
        raise FileNotFoundError(f"download=False, and {by_hand}")
    try:
        fetch(dataset_class, root)
    except DownloadError as error:
        raise DownloadError(
            f"{name} could not be fetched: {error}. {by_hand}"
        ) from error


def _channel_first(levels: Tensor) -> Tensor:
    """(N, H, W) or (N, H, W, 3) to (N, 1, H, W) or (N, 3, H, W)."""
    return levels.unsqueeze(1) if levels.ndim == 3 else levels.permute(0, 3, 1, 2)
