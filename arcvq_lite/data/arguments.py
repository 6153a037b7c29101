"""Checks of the arguments that all sources share."""

from __future__ import annotations

import operator
import os
from pathlib import Path

SPLITS = ("train", "test")


def check_split(split: object) -> str:
    """Return `split` if it is "train" or "test".

    Raises:
        ValueError: for anything else; says which part of a folder "test" reads.
    """
    for known in SPLITS:
        if split == known:
            return known
    raise ValueError(
        f'split must be "train" or "test", got {split!r} (in a folder, "test" reads '
        f"the part called test, val or validation)"
    )


def check_count(name: str, value: object) -> int | None:
    """Return an optional count as a plain integer.

    Args:
        name: the argument, for the message.
        value: an integer of at least 1 (NumPy's count too), or None.

    Raises:
        TypeError: if `value` is not a whole number, True and False included.
        ValueError: if `value` is below 1.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(
            f"{name} must be an integer of at least 1, or None; "
            f"got {value!r} ({type(value).__name__})"
        )
    count = operator.index(value)
    if count < 1:
        raise ValueError(f"{name} must be at least 1, or None; got {count}")
    return count


def check_path(name: str, value: object) -> Path:
    """Return a path with its `~` expanded.

    Raises:
        TypeError: if `value` is neither text nor a path.
    """
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name} must be a path, got {value!r}")
    return Path(os.fspath(value)).expanduser()
