"""The folder of a nursery: held while it lives, cleared when it or its grader ends."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from arcvq_lite.grading.clearing import clear_away

_NAME = "arcvq-nursery-"


@contextmanager
def nursery_folder() -> Iterator[Path]:
    """A temporary folder of this process's own, gone when the context ends.

    What graders left behind that were killed goes first. A folder is one of those if
    nobody holds its lock, which the operating system takes from a process that ends.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{_NAME}*"):
        with suppress(OSError, Timeout):
            if left.lstat().st_uid == os.geteuid() and not left.is_symlink():
                with _lock(left):
                    clear_away(left)
    # It takes its name when it is held: before, another grader could clear it away.
    made = Path(tempfile.mkdtemp(prefix="arcvq-new-")).resolve()
    with _lock(made):
        folder = made.rename(made.with_name(made.name.replace("arcvq-new-", _NAME)))
        try:
            yield folder
        finally:
            clear_away(folder)


def _lock(folder: Path) -> FileLock:
    return FileLock(folder / ".lock", timeout=0)
