"""Chapter 10's checkers pass right answers and name the usual wrong ideas."""

import math

import numpy as np
import pytest
import torch

from arcvq_lite import check
from arcvq_lite.study.statistics import holm, smallest_p


def pairs(arm, against, t):
    d = arm - against
    half = t * d.std() / math.sqrt(len(d))
    return d.mean() - half, d.mean() + half


def in_numpy(arm, against, t):
    d = np.asarray(arm) - np.asarray(against)
    half = t * d.std(ddof=1) / np.sqrt(len(d))
    return [float(d.mean() - half), float(d.mean() + half)]


def strangers(arm, against, t):
    half = t * ((arm.var() + against.var()) / len(arm)).sqrt()
    middle = arm.mean() - against.mean()
    return middle - half, middle + half


def by_counting(comparisons, error):
    count = 1
    while comparisons * smallest_p(count) > error:
        count += 1
    return count


def ceiling(comparisons, error, extra=1.0):
    return math.ceil(extra + math.log2(comparisons / error))


def bonferroni(values):
    return [min(1.0, len(values) * p) for p in values]


def not_monotone(values):
    order = sorted(range(len(values)), key=lambda i: values[i])
    found = [0.0] * len(values)
    for rank, i in enumerate(order):
        found[i] = min(1.0, (len(values) - rank) * values[i])
    return found


def turned(values):
    order = sorted(range(len(values)), key=lambda i: values[i])
    found = [0.0] * len(values)
    for rank, i in enumerate(order):
        found[i] = min(1.0, (rank + 1) * values[i])
    return found


def stepping_down(factor):
    def corrected(values):
        order = sorted(range(len(values)), key=lambda i: values[i])
        found, lowest = [0.0] * len(values), 1.0
        for rank in reversed(range(len(values))):
            lowest = min(lowest, factor(rank, len(values)) * values[order[rank]])
            found[order[rank]] = lowest
        return found

    return corrected


def uncapped(values):
    order = np.argsort(values)
    factors = len(values) - np.arange(len(values))
    found = np.empty(len(values))
    found[order] = np.maximum.accumulate(factors * np.asarray(values)[order])
    return found


def possible(interval, smallest):
    low, high = interval
    found = set()
    if high > smallest:
        found.add("up")
    if low < -smallest:
        found.add("down")
    if low <= smallest and high >= -smallest:
        found.add("same")
    return found


def judged(intervals, smallest, expects, refuted_by):
    may = {m: possible(intervals[m], smallest[m]) for m in intervals}
    if all(may[m] == {change} for m, change in expects.items()):
        return "supported"
    if all(may[m] <= set(changes) for m, changes in refuted_by.items()):
        return "not_supported"
    return "undecided"


def by_comparing(intervals, smallest, expects, refuted_by):
    def is_one_of(measure, changes):
        (low, high), least = intervals[measure], smallest[measure]
        held = [low < -least, low <= least and high >= -least, high > least]
        return all(
            change in changes
            for change, may in zip(("down", "same", "up"), held, strict=True)
            if may
        )

    if all(is_one_of(measure, [change]) for measure, change in expects.items()):
        return "supported"
    refuted = all(is_one_of(measure, bad) for measure, bad in refuted_by.items())
    return "not_supported" if refuted else "undecided"


def against_zero(intervals, smallest, expects, refuted_by):
    return judged(intervals, dict.fromkeys(smallest, 0.0), expects, refuted_by)


def by_the_mean(intervals, smallest, expects, refuted_by):
    middle = {m: (sum(it) / 2, sum(it) / 2) for m, it in intervals.items()}
    return judged(middle, smallest, expects, refuted_by)


def two_words(intervals, smallest, expects, refuted_by):
    found = judged(intervals, smallest, expects, refuted_by)
    return "not_supported" if found == "undecided" else found


def any_refutes(intervals, smallest, expects, refuted_by):
    may = {m: possible(intervals[m], smallest[m]) for m in intervals}
    found = judged(intervals, smallest, expects, refuted_by)
    refuted = any(may[m] <= set(changes) for m, changes in refuted_by.items())
    return "not_supported" if refuted else found


def only_up(intervals, smallest, expects, refuted_by):
    found = judged(intervals, smallest, expects, refuted_by)
    is_up = all(intervals[m][0] > smallest[m] for m in expects)
    return "undecided" if found == "supported" and not is_up else found


def picked(rows, reported, place):
    return reported.gather(1, place(rows, dim=1, keepdim=True))[:, 0]


RIGHT = [
    (check.paired_interval, pairs),
    (check.paired_interval, in_numpy),
    (check.paired_interval, lambda a, b, t: torch.stack(pairs(a, b, t))),
    (check.seeds_needed, by_counting),
    (check.seeds_needed, ceiling),
    (check.seeds_needed, lambda m, e: torch.tensor(ceiling(m, e))),
    (check.holm_corrected, holm),
    (check.holm_corrected, lambda ps: np.minimum(uncapped(ps), 1)),
    (check.claim_verdict, judged),
    (check.claim_verdict, by_comparing),
    (check.honest_scores, lambda v, t: picked(v, t, torch.argmax)),
    (
        check.honest_scores,
        lambda v, t: [row[own.argmax()].item() for own, row in zip(v, t, strict=True)],
    ),
]

WRONG = [
    (check.paired_interval, strangers, "strangers"),
    (check.paired_interval, lambda a, b, t: pairs(b, a, t), "sign is turned"),
    (
        check.paired_interval,
        lambda a, b, t: pairs(a, b, t * math.sqrt(4 / 5)),
        "n − 1",
    ),
    (
        check.paired_interval,
        lambda a, b, t: pairs(a, b, t * math.sqrt(5)),
        "one more pair",
    ),
    (check.paired_interval, lambda a, b, t: pairs(a, b, 1), "quantile is missing"),
    (
        check.paired_interval,
        lambda a, b, t: pairs(a, b, t / math.sqrt(5)),
        "yours divides by n",
    ),
    (check.paired_interval, lambda a, b, t: pairs(a, b, t)[::-1], "lower end first"),
    (
        check.paired_interval,
        lambda a, b, t: ((a - b).min(), (a - b).max()),
        "range of the pairs",
    ),
    (check.paired_interval, lambda a, b, t: (0.0, 1.0), "have the mean 1.200"),
    (check.paired_interval, lambda a, b, t: 1.0, "two numbers, low and high"),
    (check.paired_interval, lambda a, b, t: (1.0, 2.0, 3.0), "yours has (3,)"),
    (check.seeds_needed, lambda m, e: ceiling(1, e), "no say in it"),
    (check.seeds_needed, lambda m, e: ceiling(m, e, 0.0), "two sides"),
    (
        check.seeds_needed,
        lambda m, e: math.floor(1 + math.log2(m / e)),
        "Rounded down",
    ),
    (check.seeds_needed, lambda m, e: ceiling(m, e, 2.0), "One seed too many"),
    (
        check.seeds_needed,
        lambda m, e: math.floor(2 + math.log2(m / e)),
        "equals the error",
    ),
    (check.seeds_needed, lambda m, e: 1 + math.log2(m / e), "whole numbers"),
    (check.seeds_needed, lambda m, e: 5, "With comparisons=17"),
    (check.holm_corrected, bonferroni, "Bonferroni"),
    (check.holm_corrected, lambda ps: sorted(holm(ps)), "back its place"),
    (check.holm_corrected, not_monotone, "may not end below"),
    (check.holm_corrected, turned, "wrong way"),
    (
        check.holm_corrected,
        stepping_down(lambda rank, m: m / (rank + 1)),
        "Benjamini",
    ),
    (check.holm_corrected, stepping_down(lambda rank, m: m - rank), "Hochberg"),
    (check.holm_corrected, lambda ps: ps, "Nothing has been corrected"),
    (check.holm_corrected, uncapped, "ends at 1"),
    (check.holm_corrected, lambda ps: [0.5] * len(ps), "smallest becomes 0.050"),
    (check.claim_verdict, against_zero, "has not left it"),
    (check.claim_verdict, by_the_mean, ": supported? PSNR may be up, the same"),
    (check.claim_verdict, two_words, ": not_supported? PSNR may be up, the same"),
    (check.claim_verdict, any_refutes, "not everything that refutes"),
    (check.claim_verdict, only_up, "may expect no change"),
    (check.claim_verdict, lambda *rule: "maybe", "Return one of"),
    (check.honest_scores, lambda v, t: t.amax(dim=1), "that is the leak"),
    (check.honest_scores, lambda v, t: v.amax(dim=1), "chosen for being high"),
    (check.honest_scores, lambda v, t: picked(t, v, torch.argmax), "swapped"),
    (check.honest_scores, lambda v, t: t[:, -1], "nothing has been chosen"),
    (check.honest_scores, lambda v, t: t[:, v.mean(dim=0).argmax()], "together"),
    (check.honest_scores, lambda v, t: picked(v, t, torch.argmin), "higher score"),
    (check.honest_scores, lambda v, t: torch.zeros(2), "highest in row 1"),
    (check.honest_scores, lambda v, t: torch.zeros(3), "one score a run"),
]


@pytest.mark.parametrize(("checker", "answer"), RIGHT)
def test_a_right_answer_passes(checker, answer):
    verdict = checker(answer)
    assert verdict.passed, verdict.message


@pytest.mark.parametrize(("checker", "answer", "words"), WRONG)
def test_a_wrong_idea_is_named(checker, answer, words):
    verdict = checker(answer)
    assert not verdict.passed
    assert words in verdict.message


CHECKERS = sorted({checker for checker, _ in RIGHT}, key=lambda it: it.__name__)


@pytest.mark.parametrize("checker", CHECKERS)
def test_an_empty_answer_is_not_attempted(checker):
    assert "Not attempted yet" in checker(lambda *question: None).message
