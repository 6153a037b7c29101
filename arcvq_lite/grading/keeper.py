"""The keeper of one submission's process at a time: its birth, its watch and its end.

It runs no line of a submission. It waits until the process has ended, or until the
grader lets go of it, and then kills all that the process has started.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from arcvq_lite.grading import apart, kernel
from arcvq_lite.grading.limits import Limits
from arcvq_lite.grading.processes import children_by_parent, end

_CANNOT_BE_SET_APART = 70
_PATIENCE = 0.25  # seconds between two looks, where the system would tell anyway
_ROUNDS = 2000


@dataclass(frozen=True)
class Reach:
    """What may be read.

    Args:
        readable: files and folders, with all that is in them.
        listed: folders of which only the names in them may be seen.
        hidden: files and folders that can be made to look empty.
        needed: files without which no function could be run.
    """

    readable: tuple[Path, ...]
    listed: tuple[Path, ...]
    hidden: tuple[Path, ...]
    needed: tuple[Path, ...]


@dataclass(frozen=True)
class Place:
    """Where and under what a submission's process lives.

    Args:
        steps: means by which it is set apart.
        limits: on what it may use.
        user: that it is, where it can be another one.
        landlock: version of that.
        reach: what it may read.
        own: the folder that it may write in.
    """

    steps: apart.Steps
    limits: Limits
    user: int
    landlock: int
    reach: Reach
    own: Path


Work = Callable[[Place, int, int], None]


def give_birth(place: Place, requests: int, replies: int, work: Work) -> int:
    """Fork a process that is set apart; its number.

    Args:
        place: of the process.
        requests: the end of a pipe from the grader.
        replies: the end of a pipe to the grader.
        work: what the process does, with its place and the two ends.

    Raises:
        OSError: if there can be no process, or none in namespaces of its own.
    """
    place.steps.take("user", lambda: os.chown(place.own, place.user, place.user))
    born = apart.fork(place.steps)
    if born.process == 0:
        code = _CANNOT_BE_SET_APART
        try:
            os.setsid()
            if kernel.IS_LINUX:
                kernel.die_with_parent()
            if born.apart:
                hidden = place.reach.hidden
                place.steps.take(
                    "mounts", lambda: apart.close_mounts(place.own, hidden)
                )
                place.steps.take("proc", apart.see_own_processes)
            work(place, requests, replies)
            code = 0
        finally:
            os._exit(code)
    return born.process


def outlive(process: int, life: int) -> int:
    """Wait for a process to end, or for the grader to let go of it.

    Args:
        process: a child.
        life: the end of a pipe that is closed at the other end to let go.

    Returns:
        How it ended, as `os.waitpid` tells. Nothing that descends from it is left.
    """
    watched = [life]
    patience = 0.01
    with suppress(OSError, AttributeError):
        watched.append(os.pidfd_open(process))
        patience = _PATIENCE
    status = None
    while status is None:
        ready, _, _ = select.select(watched, [], [], patience)
        if life in ready:
            end([process])
        ended, told = os.waitpid(process, 0 if life in ready else os.WNOHANG)
        status = told if ended else None
    for handle in watched[1:]:
        os.close(handle)
    if not kernel.IS_LINUX:
        with suppress(OSError):
            os.killpg(process, signal.SIGKILL)  # it began a group of its own
    _end_children()
    return status


def _end_children() -> None:
    """Kill all descendants of this process, until nothing is left of them."""
    with suppress(ChildProcessError):
        for _ in range(_ROUNDS):
            end(children_by_parent().get(os.getpid(), []))
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            time.sleep(0.002)
