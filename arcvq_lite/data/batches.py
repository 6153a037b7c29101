"""Endless training batches, and one pass for evaluation, from any image source."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import KW_ONLY, dataclass, field

import torch
from torch import Tensor

from arcvq_lite.data.batch_reading import BatchReader, LevelBatch, Share, Unusable
from arcvq_lite.data.crops import CentreCrop, Crop, RandomCrop
from arcvq_lite.data.order import FileOrder, ShuffledOrder
from arcvq_lite.data.read_ahead import read_ahead
from arcvq_lite.data.source import ImageSource

FAIR_START = 1000  # a share is judged as if at least so many images had been seen
_NAMED = 20


class TooManySubstitutesError(RuntimeError):
    """More images than the stated share could not be decoded; lists their names."""


@dataclass(frozen=True, eq=False)
class Batch:
    """What a model trains on.

    Attributes:
        images: (b, 3, S, S) float32 in [-1, 1]; in pinned memory where there is CUDA.
        labels: (b,) int64.
        indices: (b,) int64, the images shown, by their number in the source.
        substituted: how many of them stand in for one that cannot be decoded.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor
    substituted: int

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, eq=False)
class Batches:
    """Endless batches that depend on the seed and their number alone.

    Batch t holds the same images in the same order with the same crops for any
    number of workers and ranks, and from wherever a run is taken up. An epoch is a
    permutation of the set, its incomplete last batch dropped. Large JPEGs are decoded
    at a reduced size, as `decode` says.

    An image that cannot be decoded is replaced by the next in the source that can,
    and counted. The run stops once the substitutes exceed `max_substituted` of the
    images that this rank has seen since `first`, or of 1,000 if it has seen fewer.

    Each `iter` starts its own workers; closing it, or dropping it, stops them.

    Args:
        source: the images, from `open_source`.
        size: side S of the crops in pixels.
        batch_size: images a batch over all ranks, a multiple of `world_size`.
        seed: of order and crops, 0 … 2⁶⁴ − 1.
        first: the number of the first batch.
        rank: this process; it gets its contiguous slice of every batch.
        world_size: the number of processes.
        workers: processes that read ahead, two batches each; 0 reads here.
        max_substituted: the share of substitutes that is put up with.
        augment: how a square is cut.

    Raises:
        ValueError: if an option is out of its range.
    """

    source: ImageSource
    _: KW_ONLY
    size: int
    batch_size: int
    seed: int
    first: int = 0
    rank: int = 0
    world_size: int = 1
    workers: int = 0
    max_substituted: float = 0.01
    augment: Crop = field(default_factory=RandomCrop)

    def __post_init__(self) -> None:
        for name, lowest in (("size", 1), ("first", 0), ("workers", 0)):
            if getattr(self, name) < lowest:
                raise ValueError(
                    f"{name}={getattr(self, name)} must be at least {lowest}"
                )
        if not 0 <= self.max_substituted <= 1:
            raise ValueError(
                f"max_substituted={self.max_substituted} must lie in [0, 1]"
            )
        self._reader()
        if self.batch_size % self.world_size:
            raise ValueError(
                f"batch_size={self.batch_size} is over all ranks and must be a "
                f"multiple of world_size={self.world_size}"
            )

    def __iter__(self) -> Iterator[Batch]:
        """Yield batch `first` and those after it.

        Raises:
            TooManySubstitutesError: see `max_substituted`.
            OSError: if the storage fails.
        """
        steps = itertools.count(self.first)
        return _read(self._reader(), steps, self.workers, self.max_substituted)

    def epoch(self, step: int) -> int:
        """The epoch that batch `step` belongs to, counted from 0."""
        return self._order().epoch(step)

    def _order(self) -> ShuffledOrder:
        return ShuffledOrder(len(self.source), self.batch_size, self.seed)

    def _reader(self) -> BatchReader:
        share = Share(self.rank, self.world_size)
        return BatchReader(
            self.source, self._order(), self.size, self.augment, share, self.size
        )


def one_pass(
    source: ImageSource,
    *,
    size: int,
    batch_size: int,
    rank: int = 0,
    world_size: int = 1,
    workers: int = 0,
    crop: Crop | None = None,
) -> Iterator[Batch]:
    """Yield every image of a source once, in its order, decoded in full.

    Args:
        source: the images, from `open_source`.
        size: side S of the crops in pixels.
        batch_size: images a batch over all ranks; the last may have fewer.
        rank: this process; it gets its contiguous slice of every batch, and no
            batch where that slice is empty.
        world_size: the number of processes.
        workers: processes that read ahead.
        crop: how a square is cut; the central one if None.

    Raises:
        TooManySubstitutesError: at the first image that cannot be decoded.
        OSError: if the storage fails.
    """
    order = FileOrder(len(source), batch_size)
    share = Share(rank, world_size)
    reader = BatchReader(source, order, size, crop or CentreCrop(), share, None)
    return _read(reader, range(order.steps), workers, max_substituted=0)


def _read(
    reader: BatchReader, steps: Iterable[int], workers: int, max_substituted: float
) -> Iterator[Batch]:
    tally = _Tally(max_substituted)
    for batch in read_ahead(reader, steps, workers):
        tally.add(batch)
        if len(batch.indices):
            yield _to_batch(batch)


def _to_batch(batch: LevelBatch) -> Batch:
    pinned = torch.cuda.is_available()
    images = torch.empty(batch.levels.shape, pin_memory=pinned)
    # One image at a time stays in the cache for the three passes.
    for image, levels in zip(images, batch.levels, strict=True):
        image.copy_(levels).div_(127.5).sub_(1)
    return Batch(images, batch.labels, batch.indices, batch.substituted)


class _Tally:
    """Counts substitutes and stops the run when they are too many."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._seen = 0
        self._substituted = 0
        self._unusable: dict[str, Unusable] = {}

    def add(self, batch: LevelBatch) -> None:
        self._seen += len(batch.indices)
        self._substituted += batch.substituted
        self._unusable |= {each.name: each for each in batch.unusable}
        if self._substituted > self._limit * max(self._seen, FAIR_START):
            raise TooManySubstitutesError(self._message())

    def _message(self) -> str:
        found = list(self._unusable.values())
        lines = [f"  {each.name}: {each.why}" for each in found[:_NAMED]]
        if len(found) > _NAMED:
            lines.append(f"  … and {len(found) - _NAMED} more")
        return "\n".join(
            [
                f"{self._substituted} of the {self._seen} images seen could not be "
                f"decoded, more than max_substituted={self._limit:g}; mend these or "
                f"take them out (`arcvq data verify` finds all):",
                *lines,
            ]
        )
