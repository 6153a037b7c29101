"""Who descends from whom among the processes of this machine, as Linux tells it."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def children_by_parent() -> dict[int, list[int]]:
    """The children of every process; empty where there is no /proc."""
    children = defaultdict(list)
    for pid in _pids():
        with suppress(OSError, ValueError, IndexError):
            told = (_PROC / str(pid) / "stat").read_bytes()
            # A name in brackets comes first, and may hold brackets itself.
            state, parent = told.rpartition(b")")[2].split()[:2]
            if state not in (b"Z", b"X"):
                children[int(parent)].append(pid)
    return dict(children)


def descendants(pid: int) -> list[int]:
    """All living processes that descend from one, but not itself."""
    children = children_by_parent()
    found: list[int] = []
    waiting = [pid]
    while waiting:
        own = children.get(waiting.pop(), [])
        found += own
        waiting += own
    return found


def resident_bytes(pid: int) -> int:
    """Working memory that a process has; 0 where it is gone or not told."""
    try:
        pages = int((_PROC / str(pid) / "statm").read_bytes().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGESIZE")


def seconds_in_queue(pid: int) -> float:
    """Time that a process was ready to run and had no processor; 0 if not told."""
    try:
        told = (_PROC / str(pid) / "schedstat").read_bytes().split()
        return int(told[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def mapped_bytes() -> int | None:
    """Addresses that this process has in use; None where it is not told."""
    try:
        pages = int((_PROC / "self" / "statm").read_bytes().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGESIZE")


def started_as(mark: str) -> list[int]:
    """Living processes whose command line has a mark in it, but not this one."""
    found = []
    for pid in _pids():
        with suppress(OSError):
            line = (_PROC / str(pid) / "cmdline").read_bytes()
            if os.fsencode(mark) in line and pid != os.getpid():
                found.append(pid)
    return found


def count_of_user(user: int) -> int:
    """Processes and threads of a user, as the limit on their number counts them."""
    count = 0
    for pid in _pids():
        with suppress(OSError):
            folder = _PROC / str(pid)
            if folder.stat().st_uid == user:
                count += len(os.listdir(folder / "task"))
    return count


def end(pids: list[int]) -> None:
    """Kill processes; those that are gone already do not matter."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir(_PROC) if name.isdigit()]
    except OSError:
        return []
