"""Run a function in a process of its own, where nothing has been before it.

What ran earlier leaves its mark: memory that the allocator keeps, libraries, threads
that wait.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")


def in_own_process(function: Callable[..., T], *given: object) -> T:
    """What a function returns, or raises, in a new interpreter with as many threads.

    It ends with this process, however that ends.

    Args:
        function: A top-level function.
        given: Its arguments, which can be pickled.
    """
    context = multiprocessing.get_context("spawn")
    threads = torch.get_num_threads()
    with ProcessPoolExecutor(
        1, mp_context=context, initializer=_begin, initargs=(threads,)
    ) as child:
        return child.submit(function, *given).result()


def _begin(threads: int) -> None:
    torch.set_num_threads(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
