"""TrainingSet: what the loop asks of whatever a run trains on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from arcvq_lite.data.batches import Batch


class TrainingSet(Protocol):
    """Numbered things to learn from, in batches that their number decides."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """What one is called in a message."""

    def identity(self) -> dict[str, object]:
        """What a model is built for, by name: kept, and the same when a run goes on."""

    def batches(self, first: int, rank: int, world_size: int) -> Iterator[Batch]:
        """This rank's part of batch `first` and of every one after it."""
