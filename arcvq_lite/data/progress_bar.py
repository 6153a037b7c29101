"""A progress bar for work that reports how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

from tqdm import tqdm

Part = TypeVar("Part", bound=Sized)
Progress = Callable[[int, int], None]


def unwatched(done: int, total: int) -> None:
    """The `Progress` that nobody sees."""


@contextmanager
def progress_bar(what: str, *, shown: bool = True) -> Iterator[Progress]:
    """Show a bar while the work lasts, in a terminal and nowhere else.

    Args:
        what: is done, in a word or two.
        shown: whether this process is the one to show it.

    Yields:
        A function of how much is done and how much there is in all.
    """
    with tqdm(desc=what, leave=False, disable=None if shown else True) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress


def counted(parts: Iterable[Part], total: int, progress: Progress) -> Iterator[Part]:
    """The parts; each has been worked on when the next is asked for.

    Args:
        parts: such as batches.
        total: how much they hold together.
        progress: called after each part.
    """
    done = 0
    for part in parts:
        yield part
        done += len(part)
        progress(done, total)
