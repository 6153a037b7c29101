"""What a benchmark is: contestants that compute the same, and how they should differ.

Ratios inside one run are what counts, since seconds belong to a machine and an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Call = Callable[[], Any]
"""What is timed. It returns what is compared, already computed: a mapping from a
name to a tensor, or None where there is nothing to compare."""

Measure = Literal["seconds", "memory"]


class DisagreementError(Exception):
    """Two contestants do not compute the same, so that their times say nothing."""


@dataclass(frozen=True)
class Contestant:
    """One way to do the benchmark's work.

    Args:
        name: Such as "plain formula" or "floor".
        prepare: Imports, allocates and seeds, outside the clock, and returns the
            call. A top-level function or a `functools.partial` of one, so that a
            child process can be given it.
        compared: Whether its result must equal the first compared contestant's; a
            floor has no result to compare.
        package: The distribution that must be installed; None if the library's own
            dependencies suffice.
    """

    name: str
    prepare: Callable[[], Call]
    compared: bool = True
    package: str | None = None


@dataclass(frozen=True)
class Target:
    """How much of another contestant's time or memory one may take.

    Args:
        of: Name of the contestant that is judged.
        against: Name of the contestant that it is compared with; None if `at_most`
            is in seconds, or in MiB, and no ratio.
        measure: Time of a call, or extra peak memory of a call.
        at_most: The ratio of the two, such as 1/6.
    """

    of: str
    against: str | None
    measure: Measure
    at_most: float


@dataclass(frozen=True)
class Limit:
    """Seconds that no other way is compared with, and how many are allowed.

    Args:
        name: What takes them, such as "import arcvq_lite, beyond torch".
        seconds: From the number of rounds to the seconds of each, however they are
            had: by another process, or from a record, which has one.
        at_most: Seconds that the median may reach.
    """

    name: str
    seconds: Callable[[int], Sequence[float]]
    at_most: float


@dataclass(frozen=True)
class Growth:
    """How the time and the memory of one way grow with one size.

    Args:
        of: Whose growth it is, such as "arcvq_lite".
        size: What grows, such as "K".
        sizes: Its values, at least two, in rising order.
        prepare: Takes a size and returns the call, as `Contestant.prepare` does.
        at_most: The exponent of time that is allowed; None asks for none.
        other_sizes: The sizes that stay as they are, such as "N = 8,192, D = 16".
    """

    of: str
    size: str
    sizes: tuple[int, ...]
    prepare: Callable[[int], Call]
    at_most: float | None = None
    other_sizes: str = ""


@dataclass(frozen=True)
class Benchmark:
    """Contestants that do the same work.

    Args:
        name: What the record is called.
        says: One sentence for the table.
        contestants: At least one, where there are no limits.
        targets: What is asked of them.
        tolerance: How far results may be apart, relative to the largest entry of the
            first compared contestant's.
        quick: Whether it belongs to the few that CI compares with the stored ones.
        growths: Sizes to grow, measured after the contestants.
        parts: Seconds of the parts of the library's call, by name, in the order of
            their work; None where the call is not divided.
        limits: Seconds that stand by themselves.
    """

    name: str
    says: str
    contestants: tuple[Contestant, ...]
    targets: tuple[Target, ...]
    tolerance: float
    quick: bool = False
    growths: tuple[Growth, ...] = ()
    parts: Callable[[], Mapping[str, float]] | None = None
    limits: tuple[Limit, ...] = ()
