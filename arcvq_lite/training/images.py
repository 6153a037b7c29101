"""The images of a run: a folder or shards of any size, or a named set in memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import torch

from arcvq_lite.data import DATA_SETS, ImageSet, load_images
from arcvq_lite.data.batch_reading import Share
from arcvq_lite.data.batches import Batch, Batches
from arcvq_lite.data.crops import CentreCrop, RandomCrop
from arcvq_lite.data.order import ShuffledOrder
from arcvq_lite.data.source import ImageSource, open_source
from arcvq_lite.training.options import DataOptions
from arcvq_lite.training.training_set import TrainingSet

_MEASURED = 1000  # images of a folder from which its variance is taken
_PART = 50  # of them held in memory at a time


class TrainingImages(TrainingSet, Protocol):
    """What an autoencoder trains on."""

    @property
    def channels(self) -> int:
        """C of every image."""

    @property
    def size(self) -> int:
        """Height of every image in pixels."""

    def variance(self) -> float:
        """Of all values in [−1, 1], or of a fixed sample of them."""


def open_images(options: DataOptions) -> TrainingImages:
    """Open what `data.source` names.

    Raises:
        ValueError: if there is no such set, the folder cannot serve, or a folder
            comes without a size.
        FileNotFoundError: if there is no such folder.
    """
    if options.source in DATA_SETS:
        return ImagesInMemory(load_images(options.source, size=options.size), options)
    if options.size is None:
        raise ValueError(
            f"data.size is missing: images of the folder {options.source} are cut to "
            "one size, such as data.size=256"
        )
    try:
        source = open_source(options.source)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{error}; pass the images' own folder as --data.source"
        ) from error
    return EncodedImages(source, options.size, options)


@dataclass(frozen=True, eq=False)
class ImagesInMemory:
    """A named set, whole in memory, every image as it is.

    Args:
        image_set: the images.
        options: batch size and seed.
    """

    image_set: ImageSet
    options: DataOptions

    def __post_init__(self) -> None:
        self._order()

    @property
    def channels(self) -> int:
        """C of every image."""
        return self.image_set.images.shape[1]

    @property
    def size(self) -> int:
        """Height of every image."""
        return self.image_set.images.shape[2]

    def __len__(self) -> int:
        return len(self.image_set)

    def name(self, index: int) -> str:
        """The set and the number."""
        return f"{self.options.source}[{index}]"

    def identity(self) -> dict[str, object]:
        """Channels and height."""
        return {"shape": [self.channels, self.size]}

    def variance(self) -> float:
        """Of the whole set."""
        return self.image_set.images.var().item()

    def batches(self, first: int, rank: int, world_size: int) -> Iterator[Batch]:
        """This rank's slice of batch `first` and of every one after it."""
        order, share = self._order(), Share(rank, world_size)
        images, labels = self.image_set.images, self.image_set.labels
        for step in itertools.count(first):
            indices = torch.from_numpy(share.of(order.indices(step)).copy())
            yield Batch(images[indices], labels[indices], indices, substituted=0)

    def _order(self) -> ShuffledOrder:
        options = self.options
        return ShuffledOrder(len(self), options.batch_size, options.seed)


@dataclass(frozen=True, eq=False)
class EncodedImages:
    """Files or shards, decoded as they are needed.

    Args:
        source: the encoded images.
        size: side of a crop in pixels.
        options: batches, crops and workers.
    """

    source: ImageSource
    size: int
    options: DataOptions

    @property
    def channels(self) -> int:
        """C of every image: they are decoded to RGB."""
        return 3

    def __post_init__(self) -> None:
        self._batches(0, 0, 1)

    def __len__(self) -> int:
        return len(self.source)

    def name(self, index: int) -> str:
        """The path of the image, or its shard and member."""
        return self.source.name(index)

    def identity(self) -> dict[str, object]:
        """Channels and height."""
        return {"shape": [self.channels, self.size]}

    def variance(self) -> float:
        """Of the first 1,000 images of the first epoch, or of all if fewer."""
        part = min(_PART, len(self))
        sample = replace(self._batches(0, 0, 1), batch_size=part, workers=0)
        count, total, squares = 0, 0.0, 0.0
        for batch in itertools.islice(sample, min(_MEASURED, len(self)) // part):
            values = batch.images.double()
            count += values.numel()
            total += values.sum().item()
            squares += values.square().sum().item()
        return (squares - total * total / count) / (count - 1)

    def batches(self, first: int, rank: int, world_size: int) -> Iterator[Batch]:
        """This rank's slice of batch `first` and of every one after it."""
        return iter(self._batches(first, rank, world_size))

    def _batches(self, first: int, rank: int, world_size: int) -> Batches:
        options = self.options
        random_crop = RandomCrop(options.mirror_chance)
        return Batches(
            self.source,
            size=self.size,
            batch_size=options.batch_size,
            seed=options.seed,
            first=first,
            rank=rank,
            world_size=world_size,
            workers=options.workers,
            max_substituted=options.max_substituted,
            augment=random_crop if options.crop == "random" else CentreCrop(),
        )
