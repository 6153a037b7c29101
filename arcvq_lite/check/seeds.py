"""Checkers of chapter 10: an interval of pairs, enough seeds, Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from arcvq_lite.check.verdict import (
    WrongAnswerError,
    ask,
    close,
    exercise,
    name_mistake,
)

_NEAR = 1e-6


@exercise
def paired_interval(answer: Any) -> str:
    """(arm, against, quantile) → low and high of mean ± t s / √n of the pairs."""
    arm = torch.tensor([2.0, 5.0, 3.0, 9.0, 6.0], dtype=torch.float64)
    against = torch.tensor([1.5, 3.0, 3.5, 7.0, 4.0], dtype=torch.float64)
    quantile = 2.5
    reply = ask(answer, arm.clone(), against.clone(), quantile)
    found = few_numbers(reply, 2, "two numbers, low and high")
    pairs, count = arm - against, len(arm)

    def around(middle: Tensor, half: Tensor) -> Tensor:
        return torch.stack([middle - half, middle + half])

    mean, half = pairs.mean(), quantile * pairs.std() / math.sqrt(count)
    apart = quantile * ((arm.var() + against.var()) / count).sqrt()
    flat = quantile * pairs.std(correction=0) / math.sqrt(count)
    mistakes = [
        (
            around(mean, apart),
            "The two arms are treated as strangers: take the spread of the "
            "differences, seed by seed, and not of the arms.",
        ),
        (around(-mean, half), "The sign is turned: it is arm less against."),
        (
            around(mean, flat),
            "The standard deviation divides by n; with so few seeds it must be n − 1.",
        ),
        (
            around(mean, half * math.sqrt(count)),
            "That is where one more pair may lie; the mean of n pairs is surer by √n.",
        ),
        (
            around(mean, half / quantile),
            "Student's quantile is missing: one standard error is far from sure.",
        ),
        (
            around(mean, half / math.sqrt(count)),
            "The standard error is s / √n; yours divides by n.",
        ),
        (around(mean, half).flip(0), "Return the lower end first."),
        (
            torch.stack([pairs.min(), pairs.max()]),
            "That is the range of the pairs, and no interval of their mean.",
        ),
    ]
    if close(found, around(mean, half), _NEAR):
        return "Differences first, spread afterwards."
    name_mistake(found, mistakes, _NEAR)
    raise WrongAnswerError(
        f"The pairs {pairs.tolist()} have the mean {mean:.3f} and the standard "
        f"deviation {pairs.std():.3f}; with t = {quantile} you return "
        f"{found[0]:.3f} to {found[1]:.3f}."
    )


@exercise
def seeds_needed(answer: Any) -> str:
    """(comparisons, error) → fewest seeds whose smallest corrected p is ≤ error."""
    # The last two meet the bound exactly.
    questions = [(17, 0.05), (1, 0.05), (4, 0.01), (1, 1 / 16), (2, 1 / 4)]
    found = [_whole(ask(answer, *question)) for question in questions]
    wanted = [_fewest(m / error) for m, error in questions]
    if found == wanted:
        return "m · 2^(1 − n) ≤ error, and n is whole."
    mistakes = [
        (
            [_fewest(1 / error) for _, error in questions],
            "The number of comparisons has no say in it: Holm multiplies the smallest "
            "of m p-values by m.",
        ),
        (
            [_fewest(m / error) - 1 for m, error in questions],
            "One seed too few: the test has two sides, so the smallest p is 2 · 2⁻ⁿ.",
        ),
        (
            [math.floor(1 + math.log2(m / error)) for m, error in questions],
            "Rounded down, p is still above the error; half a seed counts as one more.",
        ),
        (
            [_fewest(m / error) + 1 for m, error in questions],
            "One seed too many; try one fewer and compute the smallest p.",
        ),
        (
            [_fewest(m / error * (1 + 1e-9)) for m, error in questions],
            "A smallest p that equals the error is enough.",
        ),
    ]
    for mistake, sentence in mistakes:
        if found == mistake:
            raise WrongAnswerError(sentence)
    place = next(
        i for i, (f, w) in enumerate(zip(found, wanted, strict=True)) if f != w
    )
    comparisons, error = questions[place]
    least = comparisons * 2.0 ** (1 - found[place])
    raise WrongAnswerError(
        f"With comparisons={comparisons} and error={error:g} you ask for "
        f"{found[place]} seeds; the smallest corrected p is then {least:.3g}."
    )


@exercise
def holm_corrected(answer: Any) -> str:
    """A list of p-values → Holm's corrected ones, in the order in which they came."""
    given = [0.04, 0.01, 0.03, 0.30, 0.012]
    wanted = _stepped(given)
    found = few_numbers(ask(answer, list(given)), len(given), f"{len(given)} numbers")
    count, order = len(given), sorted(range(len(given)), key=given.__getitem__)
    rank = {index: place for place, index in enumerate(order)}
    alone = [min(1.0, (count - rank[i]) * p) for i, p in enumerate(given)]
    mistakes = [
        (
            [min(1.0, count * p) for p in given],
            "That is Bonferroni: every p is multiplied by m. Holm multiplies the next "
            "ones by m − 1, m − 2, …",
        ),
        (
            sorted(wanted),
            "The values are right and in ascending order; give each back its place.",
        ),
        (
            alone,
            "A larger p may not end below a smaller one: none is less than the one "
            "before it in the order.",
        ),
        (
            [min(1.0, (rank[i] + 1) * p) for i, p in enumerate(given)],
            "The factors run the wrong way: the smallest p is multiplied by m.",
        ),
        (
            _from_above([count / (rank[i] + 1) for i in range(count)], given, order),
            "That is Benjamini and Hochberg's correction, for the share of false "
            "findings and not for one or more of them.",
        ),
        (
            _from_above([float(count - rank[i]) for i in range(count)], given, order),
            "That is Hochberg's correction: it steps down from the largest p. Holm "
            "steps up from the smallest.",
        ),
        (given, "Nothing has been corrected."),
    ]
    if close(found, torch.tensor(wanted), _NEAR):
        _capped(answer)
        return "The smallest pays for all, the next for one fewer, and none overtakes."
    name_mistake(found, [(torch.tensor(m), say) for m, say in mistakes], _NEAR)
    raise WrongAnswerError(
        f"Of {given} the smallest becomes {min(wanted):.3f}, and the largest "
        f"{max(wanted):.3f}; you return {[round(p, 4) for p in found.tolist()]}."
    )


def _fewest(ratio: float) -> int:
    """The least n with 2^(n − 1) ≥ ratio."""
    count = 1
    while 2 ** (count - 1) < ratio * (1 - 1e-12):
        count += 1
    return count


def _stepped(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    corrected, highest = [0.0] * len(values), 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - place) * values[index]))
        corrected[index] = highest
    return corrected


def _from_above(
    factors: Sequence[float], values: Sequence[float], order: Sequence[int]
) -> list[float]:
    """Each p times its factor, and no more than any that is larger."""
    corrected, lowest = [0.0] * len(values), 1.0
    for index in reversed(order):
        lowest = min(lowest, factors[index] * values[index])
        corrected[index] = lowest
    return corrected


def _capped(answer: Any) -> None:
    large = few_numbers(ask(answer, [0.6, 0.7]), 2, "2 numbers")
    if not close(large, torch.ones(2), _NEAR):
        raise WrongAnswerError(
            f"Of [0.6, 0.7] you make {large.tolist()}; a probability ends at 1."
        )


def few_numbers(reply: Any, count: int, wanted: str) -> Tensor:
    """A reply of several numbers as a tensor (count,), or a sentence.

    Args:
        reply: a tensor or a sequence.
        count: how many there must be.
        wanted: the same in words.

    Raises:
        WrongAnswerError: if it is something else.
    """
    if isinstance(reply, Mapping | str | Real):
        raise WrongAnswerError(f"Return {wanted}, not {type(reply).__name__}.")
    try:
        found = torch.stack([torch.as_tensor(part).double() for part in reply])
    except (TypeError, ValueError, RuntimeError) as error:
        raise WrongAnswerError(
            f"Return {wanted}, not {type(reply).__name__}."
        ) from error
    if tuple(found.shape) != (count,):
        raise WrongAnswerError(f"Return {wanted}; yours has {tuple(found.shape)}.")
    return found


def _whole(reply: Any) -> int:
    if isinstance(reply, Tensor) and reply.numel() == 1:
        reply = reply.item()
    if isinstance(reply, bool) or not isinstance(reply, Real):
        raise WrongAnswerError(f"Return a whole number, not {type(reply).__name__}.")
    if float(reply) != round(float(reply)):
        raise WrongAnswerError(f"Seeds are whole numbers, yours is {float(reply):.3f}.")
    return round(float(reply))
