"""The tokens that a prior trains on: a token file, whole in memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arcvq_lite.data.batch_reading import Share
from arcvq_lite.data.batches import Batch
from arcvq_lite.data.order import ShuffledOrder
from arcvq_lite.data.token_file import TokenSet, load_tokens
from arcvq_lite.training.options import DataOptions


@dataclass(frozen=True, eq=False)
class TokensInMemory:
    """A token file, each of its pictures as a sequence.

    In place of images a batch holds sequences int64 (b, 1 + L): a picture's class,
    which a prior without classes leaves unread, and its tokens row by row.

    Args:
        tokens: of all pictures.
        options: batch size and seed.
    """

    tokens: TokenSet
    options: DataOptions

    def __post_init__(self) -> None:
        self._order()

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def length(self) -> int:
        """L, the tokens of a picture."""
        height, width = self.tokens.grid
        return height * width

    def name(self, index: int) -> str:
        """What the encoded image was called."""
        return self.tokens.names[index]

    def identity(self) -> dict[str, object]:
        """Which codes in which grid, of which codebook; what the classes are."""
        return {
            "num_codes": self.tokens.num_codes,
            "grid": list(self.tokens.grid),
            "class_names": list(self.tokens.class_names),
            "codebook_sha256": self.tokens.codebook_sha256,
        }

    def batches(self, first: int, rank: int, world_size: int) -> Iterator[Batch]:
        """This rank's slice of batch `first` and of every one after it."""
        order, share = self._order(), Share(rank, world_size)
        for step in itertools.count(first):
            chosen = share.of(order.indices(step)).copy()
            labels = torch.from_numpy(self.tokens.labels[chosen])
            sequences = self._sequences(chosen, labels)
            yield Batch(sequences, labels, torch.from_numpy(chosen), substituted=0)

    def _sequences(self, chosen: NDArray[np.int64], labels: Tensor) -> Tensor:
        grids = self.tokens.indices[chosen].astype(np.int64)  # (b, h, w)
        return torch.cat([labels[:, None], torch.from_numpy(grids).flatten(1)], dim=1)

    def _order(self) -> ShuffledOrder:
        return ShuffledOrder(len(self), self.options.batch_size, self.options.seed)


def open_tokens(options: DataOptions) -> TokensInMemory:
    """Read the token file that `data.source` names.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, or holds less than a batch.
    """
    try:
        tokens = load_tokens(options.source)
    except (FileNotFoundError, ValueError) as error:
        raise type(error)(f"data.source of a prior: {error}") from error
    return TokensInMemory(tokens, options)
