"""The next item is made in a thread while the present one is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def one_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the same items in the same order, each made before it is asked for.

    Reading and decoding leave Python's lock, so that they go on beside a model.

    Args:
        items: made one at a time, in a thread that is theirs alone.

    Raises:
        Exception: what making an item raises, when that item is asked for.
    """
    source, end = iter(items), object()
    with ThreadPoolExecutor(max_workers=1) as thread:
        coming = thread.submit(next, source, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, source, end)
            yield item  # type: ignore[misc]  # it is not the end
