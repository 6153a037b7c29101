"""One batch by its number: read, decoded and cropped, with substitutes counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arcvq_lite.data.crops import Crop
from arcvq_lite.data.decoding import UndecodableError, decode
from arcvq_lite.data.source import ImageSource

# What a file is, not what befell the disk: a passing fault of the storage must
# stop the run, or it would train on other images than the same run without it.
_UNUSABLE = (UndecodableError, FileNotFoundError, PermissionError)


class Order(Protocol):
    """Which images make up a batch, and the words that place their crops."""

    def indices(self, step: int) -> NDArray[np.int64]:
        """The images of one batch over all ranks."""
        ...

    def words(self, step: int, index: int) -> tuple[int, ...]:
        """The words that place the crop of one image."""
        ...


@dataclass(frozen=True)
class Share:
    """The part of every batch that one rank reads: a contiguous slice.

    Args:
        rank: this process, 0 … world_size − 1.
        world_size: the number of processes.

    Raises:
        ValueError: if the rank is not below the world size.
    """

    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world_size:
            raise ValueError(
                f"rank={self.rank} must lie in 0 … world_size − 1 = "
                f"{self.world_size - 1}"
            )

    def of(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """This rank's slice of a batch."""
        start = len(indices) * self.rank // self.world_size
        stop = len(indices) * (self.rank + 1) // self.world_size
        return indices[start:stop]


@dataclass(frozen=True)
class Unusable:
    """An image that was passed over: what it is called and why."""

    name: str
    why: str


@dataclass(frozen=True, eq=False)
class LevelBatch:
    """A batch as a worker hands it over, in 8 bits to keep shared memory small.

    Attributes:
        levels: (b, 3, S, S) uint8.
        labels: (b,) int64.
        indices: (b,) int64, the images shown.
        substituted: how many stand in for another.
        unusable: the images passed over.
    """

    levels: Tensor
    labels: Tensor
    indices: Tensor
    substituted: int
    unusable: tuple[Unusable, ...]


@dataclass(frozen=True, eq=False)
class BatchReader:
    """Batches by number, as a `DataLoader` asks for them.

    Args:
        source: the images.
        order: which of them make up a batch.
        size: side of a crop in pixels.
        crop: how it is cut.
        share: this rank's part.
        shorter: the shorter side below which no JPEG is decoded; None decodes all
            in full, for crops that must be exact.
    """

    source: ImageSource
    order: Order
    size: int
    crop: Crop
    share: Share
    shorter: int | None

    def __getitem__(self, step: int) -> LevelBatch:
        """Read this rank's part of one batch.

        An image that cannot be decoded is replaced by the next in the source that
        can, cropped with the words of the one it stands for; the others keep their
        places.

        Raises:
            ValueError: if not one image of the source can be decoded.
            OSError: if the storage fails.
        """
        wanted = self.share.of(self.order.indices(step)).tolist()
        levels = torch.empty((len(wanted), 3, self.size, self.size), dtype=torch.uint8)
        shown: list[int] = []
        unusable: list[Unusable] = []
        for place, index in enumerate(wanted):
            words = self.order.words(step, index)
            usable, passed_over = self._fill(levels[place], index, words)
            shown.append(usable)
            unusable += passed_over
        return LevelBatch(
            levels=levels,
            labels=torch.tensor([self.source.label(index) for index in shown]).long(),
            indices=torch.tensor(shown).long(),
            substituted=sum(a != b for a, b in zip(wanted, shown, strict=True)),
            unusable=tuple(unusable),
        )

    def _fill(
        self, place: Tensor, index: int, words: tuple[int, ...]
    ) -> tuple[int, list[Unusable]]:
        """Write the crop of an image, or of its substitute, into (3, S, S)."""
        passed_over: list[Unusable] = []
        total = len(self.source)
        for candidate in ((index + further) % total for further in range(total)):
            try:
                encoded = self.source.read(candidate)
                pixels = decode(encoded, shorter=self.shorter)
            except _UNUSABLE as error:
                name = self.source.name(candidate)
                passed_over.append(Unusable(name, str(error)))
                continue
            # NumPy takes interleaved bytes apart in half of PyTorch's time.
            np.copyto(place.numpy(), self.crop(pixels, self.size, words).numpy())
            return candidate, passed_over
        raise ValueError(
            f"not one of the {total} images can be decoded; the first is "
            f"{passed_over[0].name} ({passed_over[0].why})"
        )
