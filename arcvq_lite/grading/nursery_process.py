"""The nursery's own process: it imports torch once and forks, which takes no time.

It has nothing worth stealing: no solution is imported, no variable of the instructor's
environment is there, and no pipe between the grader and a submission stays open.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import socket
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from arcvq_lite.grading import apart, kernel
from arcvq_lite.grading.keeper import Place, Reach, give_birth, outlive
from arcvq_lite.grading.landlock import landlock_version
from arcvq_lite.grading.limits import Limits
from arcvq_lite.grading.means import MEANS
from arcvq_lite.grading.readable import around, python_roots
from arcvq_lite.grading.system_calls import filter_is_known

_FIRST_USER, _USERS = 61_000, 400


def serve(control: int) -> None:
    """Bear processes for the grader at the other end of a socket, one at a time."""
    with socket.socket(fileno=control) as grader:
        lines = grader.makefile("r", encoding="utf-8")
        settings = json.loads(lines.readline())
        _prepare(settings)
        place = _place(settings)
        found, lacking = _try_out(place, settings["means"])
        place = replace(place, steps=apart.Steps(frozenset(found)))
        user = place.user if "user" in found else None
        told = {"means": found, "lacking": lacking, "user": user}
        _tell(grader, {**told, "landlock": place.landlock})
        while True:
            line, ends, _, _ = socket.recv_fds(grader, 4096, 3)
            if not line:
                return
            own = Path(json.loads(line)["work"])
            _bear(grader, replace(place, own=own), ends)


def _prepare(settings: dict[str, Any]) -> None:
    if settings["packages"] not in sys.path:
        sys.path.append(settings["packages"])
    if kernel.IS_LINUX:
        kernel.die_with_parent()
        kernel.adopt_orphans()
        kernel.set_readable_by_others(False)
    # The submissions' packages are not found before `sys.path` is complete.
    importlib.import_module("arcvq_lite.grading.warming").warm_up()
    for module in settings["ready"]:
        with suppress(ImportError):
            importlib.import_module(module)
    importlib.import_module("arcvq_lite.grading.worker")
    # What lives now lives on in every fork, so no fork has to look through it.
    gc.collect()
    gc.freeze()


def _place(settings: dict[str, Any]) -> Place:
    hidden = [Path(path) for path in settings["hidden"]]
    roots = python_roots(Path(settings["packages"]))
    readable, listed = around(roots, hidden)
    torch_file = Path(str(sys.modules["torch"].__file__))
    # A folder that holds Python itself cannot be made to look empty.
    coverable = [path for path in hidden if not _holds_any(path, roots)]
    return Place(
        steps=apart.Steps(frozenset()),
        limits=Limits(**settings["limits"]),
        user=_FIRST_USER + os.getpid() % _USERS,
        landlock=landlock_version(),
        reach=Reach(
            readable=tuple(readable),
            listed=tuple(listed),
            hidden=tuple(coverable),
            needed=(Path(os.__file__), torch_file),
        ),
        own=Path(settings["work"]),
    )


def _holds_any(path: Path, others: list[Path]) -> bool:
    return any(other.resolve().is_relative_to(path.resolve()) for other in others)


def _try_out(place: Place, wanted: list[str]) -> tuple[list[str], dict[str, str]]:
    """Which means a process can really take here, and why not the others."""
    lacking = {}
    if not kernel.IS_LINUX:
        lacking = dict.fromkeys(wanted, f"{sys.platform} has no such means")
    if not place.landlock:
        lacking["landlock"] = "the kernel has no Landlock"
    if not filter_is_known():
        lacking["filter"] = f"no filter is known for {os.uname().machine}"
    if os.getuid() != 0:
        lacking["user"] = "only the administrator can run it as another user"
    trying = frozenset(wanted) - set(lacking)
    failed = _failures(place, trying)
    lacking |= failed
    if "namespaces" in lacking:
        for name in {"mounts", "proc"} & set(wanted):
            lacking[name] = lacking["namespaces"]
    found = [name for name in MEANS if name in trying and name not in lacking]
    return found, {name: lacking.get(name, "") for name in MEANS}


def _failures(place: Place, trying: frozenset[str]) -> dict[str, str]:
    """What a process could not do of all that it tried, and why."""
    read_end, write_end = os.pipe()

    def tell(name: str, reason: str) -> None:
        os.write(write_end, json.dumps([name, reason]).encode() + b"\n")

    def succeed(place: Place, requests: int, replies: int) -> None:
        sys.modules["arcvq_lite.grading.worker"].work(place, requests, replies)
        tell("", "all steps were tried")

    trial = replace(place, steps=apart.Steps(trying, tell))
    requests, write_requests = os.pipe()
    # The pipe that tells of the trial takes the place of the one for replies.
    child = give_birth(trial, requests, write_end, succeed)
    for end_of_pipe in (write_end, requests):
        os.close(end_of_pipe)
    with open(read_end, encoding="utf-8") as told:
        failed = dict(json.loads(line) for line in told)
    os.close(write_requests)
    _, status = os.waitpid(child, 0)
    if failed.pop("", None) is None:
        if "namespaces" not in trying:
            raise RuntimeError(f"no process could be set apart: {failed}, {status}")
        # A user of its own cannot be had in some containers, which end it at once.
        again = _failures(place, trying - {"namespaces"})
        return {**again, "namespaces": "the system does not allow them"}
    return failed


def _bear(grader: socket.socket, place: Place, ends: list[int]) -> None:
    requests, replies, life = ends

    def work(place: Place, requests: int, replies: int) -> None:
        os.close(grader.detach())
        sys.modules["arcvq_lite.grading.worker"].work(place, requests, replies)

    child = give_birth(place, requests, replies, work)
    os.close(requests)
    os.close(replies)
    _tell(grader, {"born": child})
    status = outlive(child, life)
    os.close(life)
    _tell(grader, {"ended": status})


def _tell(grader: socket.socket, message: dict[str, Any]) -> None:
    grader.sendall(json.dumps(message).encode("ascii") + b"\n")
