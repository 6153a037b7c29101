"""From the means that were found on this machine to what they deny, in words."""

from __future__ import annotations

import os
from collections.abc import Mapping

from arcvq_lite.grading.kernel import IS_LINUX
from arcvq_lite.grading.protections import Protection, Protections

# In the order in which they are taken.
MEANS = (
    *("user", "namespaces", "mounts", "proc", "capabilities", "landlock", "filter"),
)

_NAMES = {
    "user": "another user",
    "namespaces": "namespaces",
    "mounts": "mounts of their own",
    "proc": "a list of their own processes",
    "capabilities": "a process without rights",
    "landlock": "Landlock",
    "filter": "a filter on system calls",
}
_AS_ROOT = (
    "you grade as root, and submissions ran as root, without its rights where these "
    "could be taken away; grade as an ordinary user"
)
_NAMESPACE = "a namespace of its own"
_FILTER = "a filter on system calls"
_LANDLOCK = "Landlock"


def protections_from(
    found: frozenset[str], lacking: Mapping[str, str], landlock: int
) -> Protections:
    """What is denied to a process that is set apart by these means.

    Args:
        found: names of the means in force.
        lacking: why each of the others could not be had.
        landlock: its version.
    """

    def by(**means: str) -> tuple[str, ...]:
        return tuple(words for name, words in means.items() if name in found)

    def without(*names: str) -> str:
        told = [
            f"{_NAMES[name]} ({lacking[name]})" for name in names if lacking.get(name)
        ]
        return f"Not to be had: {', '.join(told)}." if told else ""

    tcp = by(landlock="Landlock, for TCP") if landlock >= 4 else ()
    network = by(namespaces=_NAMESPACE, filter=_FILTER)
    signals = by(landlock=f"{_LANDLOCK}, for signals") if landlock >= 6 else ()
    others = by(namespaces=_NAMESPACE, filter=_FILTER)
    files = by(landlock=_LANDLOCK)
    covered = by(mounts="mounts that make the solutions and hidden folders look empty")
    partly = "" if files else "Other files of this user can be read."
    clock = ("the grader's clock",)
    poll = ("the grader, which looks ten times a second",) if IS_LINUX else ()
    memory = ("a limit on addresses", *poll) if IS_LINUX else ()
    # The kernel does not count the processes of the administrator.
    bound = IS_LINUX and ("user" in found or os.getuid() != 0)
    counted = ("a limit on their number",) if bound else ()
    swept = by(namespaces=_NAMESPACE) or (
        ("a keeper that adopts and kills what is left",) if IS_LINUX else ()
    )
    rights = by(user="a user to whom nothing belongs", capabilities="no capabilities")
    return Protections(
        (
            Protection(
                "reading the solutions and other submissions",
                files + covered,
                f"{partly} {without('landlock', 'mounts')}".strip(),
            ),
            Protection(
                "writing files outside an empty folder",
                files + by(mounts="mounts that are read-only"),
                without("landlock", "mounts"),
            ),
            Protection(
                "reaching a network",
                network or tcp,
                without("namespaces", "filter"),
            ),
            Protection(
                "signals to other processes and a look into them",
                others or signals,
                without("namespaces", "filter", "proc"),
            ),
            Protection(
                "starting programs", files + by(filter=_FILTER), without("filter")
            ),
            Protection(
                "using more memory than allowed",
                memory,
                "" if memory else "This system keeps no such limit.",
            ),
            Protection("taking more time than allowed", clock),
            Protection(
                "starting more processes than allowed",
                counted + poll,
            ),
            Protection(
                "leaving processes behind",
                swept,
                "" if swept else "Look for them by hand when the marks are made.",
            ),
            Protection(
                "the rights of an administrator",
                rights,
                without("user", "capabilities"),
            ),
        ),
        _AS_ROOT if os.getuid() == 0 and "user" not in found else "",
    )
