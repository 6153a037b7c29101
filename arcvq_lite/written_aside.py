"""A file that is either whole or not there."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PARTIAL = ".partial"


@contextmanager
def written_aside(path: Path) -> Iterator[BinaryIO]:
    """Write a file under another name, sync it, and give it its own when it is whole.

    Killed at any moment, it leaves `path` as it was before; what was written aside
    then lies beside it as a hidden `.partial` file, which `remove_partials` clears.

    Args:
        path: the file, replaced if it exists.

    Raises:
        OSError: if it cannot be written, the disk being full for one; nothing is
            left behind.
    """
    aside = path.with_name(f".{path.name}-{secrets.token_hex(4)}{PARTIAL}")
    try:
        with aside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the disk holds a folder's names, where the system can be asked."""
    if os.name == "nt":  # a folder cannot be opened there; the journal keeps its names
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_partials(folder: Path) -> None:
    """Remove what killed writers left aside in a folder."""
    for aside in folder.glob(f".*{PARTIAL}"):
        aside.unlink()
