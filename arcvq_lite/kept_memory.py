"""Freed memory kept for the next step, in place of being given back and zeroed anew.

A step frees and takes the same large blocks as the step before. The C library
gives such blocks back to the system, which zeroes every page of them when they are
taken again: at the official VQ-VAE's size that is a tenth of a training step of 128
images on a processor, and a fifth of one of 1,024. What is computed does not depend on
where it lies.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# glibc's names of what `mallopt` sets; -1 turns trimming off.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_NEVER = -1
# Where glibc's own adjusting of the two thresholds ends, and its default of the third.
_USUAL = {_MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: 64 << 20, _MMAP_MAX: 65_536}


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Keep the memory that the process frees until the end, then give it back.

    It holds for the whole process, which grows beyond its largest step, since blocks
    leave gaps: by up to a half with the models here. Inside another one the first to
    end ends it for both. Where the C library is not glibc nothing changes.
    """
    library = _glibc()
    if library is None:
        yield
        return
    mallopt, malloc_trim = library
    mallopt(_MMAP_MAX, 0)
    mallopt(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        for name, value in _USUAL.items():
            mallopt(name, value)
        malloc_trim(0)


def _glibc() -> tuple[Callable[[int, int], int], Callable[[int], int]] | None:
    """`mallopt` and `malloc_trim`, where they are."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return None
    return library.mallopt, library.malloc_trim
