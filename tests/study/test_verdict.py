"""Verdicts: a rule fixed beforehand, over everything that can come out."""

import itertools

import pytest
from small_studies import WORDS

from arcvq_lite.study.options import ClaimOptions, WordsOptions
from arcvq_lite.study.statistics import Interval
from arcvq_lite.study.verdict import judge, possible_changes

UP, SAME, DOWN = "up", "same", "down"
# What an interval can leave open: a stretch of down, same, up without a gap.
OPEN = [
    frozenset(changes)
    for changes in (
        [UP],
        [SAME],
        [DOWN],
        [UP, SAME],
        [SAME, DOWN],
        [UP, SAME, DOWN],
    )
]


def claim(expects, refuted_by):
    return ClaimOptions(
        "It works.", "arm", "other", expects, refuted_by, WordsOptions(**WORDS)
    )


SEEDS_CRITERION = claim(
    {"usage": UP, "psnr": UP}, {"usage": [SAME, DOWN], "psnr": [DOWN]}
)


@pytest.mark.parametrize(
    ("low", "high", "possible"),
    [
        (0.2, 0.4, {UP}),
        (-0.4, -0.2, {DOWN}),
        (-0.1, 0.1, {SAME}),
        (0.0, 0.0, {SAME}),
        (-0.05, 0.3, {UP, SAME}),
        (0.1, 0.3, {UP, SAME}),
        (-0.3, 0.05, {SAME, DOWN}),
        (-0.3, 0.3, {UP, SAME, DOWN}),
    ],
)
def test_what_an_interval_leaves_open(low, high, possible):
    assert possible_changes(Interval(low, high), smallest=0.1) == possible


def test_without_a_smallest_difference_only_zero_is_the_same():
    assert possible_changes(Interval(0.0, 0.0), 0.0) == {SAME}
    assert possible_changes(Interval(1e-9, 1.0), 0.0) == {UP}
    assert possible_changes(Interval(0.0, 1.0), 0.0) == {UP, SAME}


@pytest.mark.parametrize(("usage", "psnr"), list(itertools.product(OPEN, OPEN)))
def test_the_seeds_criterion_over_all_that_can_come_out(usage, psnr):
    """Usage same or down while the error rises: the claim does not hold."""
    verdict = judge(SEEDS_CRITERION, {"usage": usage, "psnr": psnr})
    if usage == psnr == {UP}:
        assert verdict == "supported"
    elif UP not in usage and psnr == {DOWN}:
        assert verdict == "not_supported"
    else:
        assert verdict == "undecided"


def test_the_criterion_gives_each_verdict_so_often():
    found = [
        judge(SEEDS_CRITERION, {"usage": usage, "psnr": psnr})
        for usage, psnr in itertools.product(OPEN, OPEN)
    ]
    assert found.count("supported") == 1
    assert found.count("not_supported") == 3
    assert found.count("undecided") == 32


@pytest.mark.parametrize("psnr", OPEN)
def test_a_claim_that_nothing_changes(psnr):
    verdict = judge(claim({"psnr": SAME}, {"psnr": [DOWN]}), {"psnr": psnr})
    expected = {frozenset({SAME}): "supported", frozenset({DOWN}): "not_supported"}
    assert verdict == expected.get(psnr, "undecided")


@pytest.mark.parametrize("known", [{}, {"usage": frozenset()}, {"usage": {UP}}])
def test_what_is_not_known_decides_nothing(known):
    assert judge(SEEDS_CRITERION, known) == "undecided"
