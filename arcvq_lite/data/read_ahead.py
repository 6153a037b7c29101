"""Work that other processes do ahead of time, handed over in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar

import torch
from torch.utils.data import DataLoader

PREFETCHED = 2  # results that a worker has ready or in work

Result = TypeVar("Result", covariant=True)


class Reader(Protocol[Result]):
    """Anything that makes a result from its number, and can be pickled."""

    def __getitem__(self, number: int, /) -> Result:
        """Make one result."""
        ...


def read_ahead(
    reader: Reader[Result], numbers: Iterable[int], workers: int
) -> Iterator[Result]:
    """Yield `reader[number]` for every number, in order.

    The workers stop when the iterator is closed, dropped or at its end. The global
    random state is left as it is.

    Args:
        reader: sent to each worker once.
        numbers: may be endless.
        workers: processes that work ahead, each by two results; 0 works here.

    Raises:
        Exception: what the reader raises, with its traceback in the message.
    """
    loader: DataLoader[Any] = DataLoader(
        reader,  # type: ignore[arg-type]  # of a data set only this is asked
        sampler=numbers,
        batch_size=None,
        num_workers=workers,
        # A fork would copy the locks of threads that torch has running.
        multiprocessing_context="spawn" if workers else None,
        prefetch_factor=PREFETCHED if workers else None,
        collate_fn=_unchanged,
        # The workers' seeds are drawn from here, not from the run's random state.
        generator=torch.Generator(),
    )
    yield from loader


def _unchanged(result: Any) -> Any:
    return result
