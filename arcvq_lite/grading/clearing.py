"""A folder of somebody else's making, measured and removed without following links."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

_ENTRIES = 20_000


def bytes_below(folder: Path) -> int:
    """Space that files take in a folder; of very many entries, the first 20,000."""
    total = entries = 0
    waiting = [str(folder)]
    while waiting and entries < _ENTRIES:
        with suppress(OSError), os.scandir(waiting.pop()) as listing:
            for entry in listing:
                entries += 1
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    with suppress(OSError):
                        told = entry.stat(follow_symlinks=False)
                        total += told.st_blocks * 512
    return total


def clear_away(folder: Path) -> None:
    """Remove a folder and all in it, however deep, many or locked the entries are.

    No process may write in it any longer. Every folder found is first moved to the
    top, so that no path grows too long for the system.

    Raises:
        OSError: if something belongs to somebody else.
    """
    top = str(folder)
    os.chmod(top, stat.S_IRWXU)
    waiting = [top]
    count = 0
    while waiting:
        here = waiting[-1]
        inner = []
        with os.scandir(here) as listing:
            for entry in listing:
                if entry.is_dir(follow_symlinks=False):
                    inner.append(entry.path)
                else:
                    os.unlink(entry.path)
        if not inner:
            os.rmdir(waiting.pop())
            continue
        for path in inner:
            os.chmod(path, stat.S_IRWXU)
            if here != top:
                count += 1
                moved = os.path.join(top, f".arcvq-{os.getpid()}-{count}")
                os.rename(path, moved)
                path = moved
            waiting.append(path)
