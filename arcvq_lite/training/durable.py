"""Files that are on the disk when the call returns."""

from __future__ import annotations

import os
from pathlib import Path

from arcvq_lite.written_aside import sync_folder


def write_durably(path: Path, content: bytes | memoryview) -> None:
    """Write a new file and wait until the disk holds it.

    Raises:
        OSError: if it exists already, or there is no room.
    """
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_durably(path: Path, content: bytes | memoryview) -> None:
    """Put a file in place whole: a reader sees the old content or the new.

    Raises:
        OSError: if there is no room; the old content stands.
    """
    # One name for all who write it, so that what a killed one left is taken away.
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    write_durably(beside, content)
    os.replace(beside, path)
    sync_folder(path.parent)
