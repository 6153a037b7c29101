"""From intervals to one of three words, by rules that were written beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Literal

from arcvq_lite.study.options import Change, ClaimOptions
from arcvq_lite.study.statistics import Interval

Verdict = Literal["supported", "not_supported", "undecided"]


def possible_changes(interval: Interval, smallest: float) -> frozenset[Change]:
    """What a difference may still be, given where it lies.

    Up is above the smallest difference that counts, down is below its negative, and
    same is between the two, ends included.

    Args:
        interval: of the mean difference.
        smallest: the smallest difference that counts, at least 0.
    """
    changes: set[Change] = set()
    if interval.high > smallest:
        changes.add("up")
    if interval.low < -smallest:
        changes.add("down")
    if interval.low <= smallest and interval.high >= -smallest:
        changes.add("same")
    return frozenset(changes)


def judge(claim: ClaimOptions, possible: Mapping[str, Set[Change]]) -> Verdict:
    """The verdict on a claim.

    It is supported if of every measure that it expects to change only the expected
    change is still possible, and not supported if of every measure in `refuted_by`
    only changes listed there are. Everything else is undecided, a measure without a
    single difference too.

    Args:
        claim: with its rules.
        possible: by measure, what is still possible; nothing where nothing is known.
    """

    def certain(measure: str, changes: Set[Change]) -> bool:
        known = possible.get(measure, frozenset())
        return bool(known) and known <= changes

    if all(certain(measure, {change}) for measure, change in claim.expects.items()):
        return "supported"
    if all(
        certain(measure, set(changes)) for measure, changes in claim.refuted_by.items()
    ):
        return "not_supported"
    return "undecided"
