"""Which images make up which batch: a pure function of seed and step.

Every number drawn here is a raw word of NumPy's Philox generator, whose stream is
promised never to change, under a key made of seed and epoch. So the order is the
same on every machine, for any number of workers and ranks, and after any restart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ORDER, _CROP = 0, 1  # the streams of an epoch, kept apart in the counter
_WORDS = 3  # drawn for each sample: across, down, mirrored


def permutation(images: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Shuffle 0 … N − 1 for one epoch.

    Args:
        images: N.
        seed: of the run, 0 … 2⁶⁴ − 1.
        epoch: counted from 0.

    Returns:
        (N,) each index once.
    """
    bits = _words(seed, epoch, 0, _ORDER)
    return np.argsort(bits.random_raw(images), kind="stable")


def crop_words(seed: int, epoch: int, index: int) -> tuple[int, ...]:
    """Draw the three 64-bit words that place a sample's crop in one epoch."""
    bits = _words(seed, epoch, index, _CROP)
    return tuple(bits.random_raw(_WORDS).tolist())


def _words(seed: int, epoch: int, index: int, stream: int) -> np.random.Philox:
    # As arrays, since NumPy rounds a list with numbers above 2⁶³ to floats.
    key = np.array([seed, epoch], dtype=np.uint64)
    return np.random.Philox(
        key=key, counter=np.array([0, 0, index, stream], dtype=np.uint64)
    )


class ShuffledOrder:
    """Endless batches: a new permutation an epoch, an incomplete last batch dropped.

    Args:
        images: N, the size of the set.
        batch_size: B images a batch, over all ranks.
        seed: of the run.

    Raises:
        ValueError: if a batch is larger than the set, or the seed out of range.
    """

    def __init__(self, images: int, batch_size: int, seed: int) -> None:
        if not 1 <= batch_size <= images:
            raise ValueError(
                f"batch_size={batch_size} must lie in 1 … {images}, the number of "
                f"images; take a smaller batch or a larger set"
            )
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed={seed} must lie in 0 … 2⁶⁴ − 1")
        self.images = images
        self.batch_size = batch_size
        self.seed = seed
        self._epoch = -1
        self._shuffled = np.empty(0, dtype=np.int64)

    def epoch(self, step: int) -> int:
        """The epoch that a step belongs to, both counted from 0."""
        return step // (self.images // self.batch_size)

    def indices(self, step: int) -> NDArray[np.int64]:
        """The images of one batch over all ranks, (B,)."""
        epoch, place = divmod(step, self.images // self.batch_size)
        if epoch != self._epoch:
            self._shuffled = permutation(self.images, self.seed, epoch)
            self._epoch = epoch
        return self._shuffled[place * self.batch_size :][: self.batch_size]

    def words(self, step: int, index: int) -> tuple[int, ...]:
        """The words that place the crop of an image in a step's epoch."""
        return crop_words(self.seed, self.epoch(step), index)


class FileOrder:
    """One pass over a set as it lies, the incomplete last batch included.

    Args:
        images: N, the size of the set.
        batch_size: B images a batch, over all ranks.

    Raises:
        ValueError: if `batch_size` is below 1.
    """

    def __init__(self, images: int, batch_size: int) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size} must be at least 1")
        self.images = images
        self.batch_size = batch_size

    @property
    def steps(self) -> int:
        """The number of batches in the pass."""
        return -(-self.images // self.batch_size)

    def indices(self, step: int) -> NDArray[np.int64]:
        """The images of one batch over all ranks, (B,) or fewer in the last."""
        start = step * self.batch_size
        return np.arange(start, min(start + self.batch_size, self.images))

    def words(self, step: int, index: int) -> tuple[int, ...]:
        """The words that place an image's crop; the same in every pass."""
        return crop_words(0, 0, index)
