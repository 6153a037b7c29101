"""One trainer at a time in a run's folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


class FolderInUseError(RuntimeError):
    """Another process trains in the folder."""


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Keep a run's folder to this process for as long as the context lasts.

    The lock is the operating system's: it ends with the process, however that ends,
    so a killed run leaves nothing to clean up.

    Args:
        folder: of the run; made if it is not there.

    Raises:
        FolderInUseError: if another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise FolderInUseError(
            f"another process trains in {folder}; wait for it, or pass another "
            "folder as run.folder"
        ) from None
    try:
        yield
    finally:
        lock.release()
