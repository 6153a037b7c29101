"""Memory: the keys and values of one attention layer, kept while tokens are added."""

from __future__ import annotations

import torch
from torch import Tensor


class Memory:
    """Room for the keys and values of L places, filled from the first on.

    A token's key and value depend on nothing that comes after it, so they are
    reckoned once and read by every later token.

    Args:
        shape: (B, heads, L, width of a head).
        like: a tensor of the dtype and on the device that are wanted.
    """

    def __init__(self, shape: tuple[int, int, int, int], like: Tensor) -> None:
        self._keys = torch.empty(shape, dtype=like.dtype, device=like.device)
        self._values = torch.empty_like(self._keys)
        self._length = 0

    def extended(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Take in the next place's key and value, and give back all so far.

        Args:
            key: (B, heads, 1, width of a head).
            value: the same shape.

        Returns:
            Keys and values (B, heads, t, width of a head), views of the memory.
        """
        place, self._length = self._length, self._length + 1
        self._keys[:, :, place : self._length] = key
        self._values[:, :, place : self._length] = value
        return self._keys[:, :, : self._length], self._values[:, :, : self._length]
