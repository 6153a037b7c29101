"""A long list of names in one block of memory, cheap to hold and to hand to workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, repr=False)
class NameTable:
    """N texts as UTF-8, end to end.

    A million file names as Python objects take 100 MB and seconds to send to a
    worker; as two arrays they take 40 MB and are sent at once.

    Attributes:
        letters: every name's bytes, uint8.
        ends: (N,) int64, where each name ends in `letters`.
    """

    letters: NDArray[np.uint8]
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, names: Iterable[str]) -> NameTable:
        """Pack names; a file name that is not text keeps its odd bytes."""
        encoded = [name.encode("utf-8", "surrogateescape") for name in names]
        lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
        letters = np.frombuffer(b"".join(encoded), np.uint8)
        return cls(letters, np.cumsum(lengths, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> str:
        start = self.ends[index - 1] if index else 0
        name = self.letters[start : self.ends[index]].tobytes()
        return name.decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self)))
