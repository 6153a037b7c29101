"""Checkers of chapter 01: longer embeddings, unequal arrows, a loss, a temperature."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.check.verdict import (
    WrongAnswerError,
    ask,
    ask_for_tensor,
    close,
    exercise,
    name_mistake,
)


@exercise
def longer_embedding(answer: Any) -> str:
    """(p, factor) → the probabilities at `factor` times the length, (N, C)."""
    p, factor = torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1]]), 2.0
    found = ask_for_tensor(answer, (2, 3), p, factor)
    wanted = _normalised(p**factor)
    mistakes: list[tuple[Tensor, str]] = [
        (
            p,
            "Nothing has changed: a factor on the probabilities cancels when they are "
            "normalised. It belongs on the logits, so in the exponent.",
        ),
        (
            p**factor,
            "The rows no longer sum to one; divide each by its sum.",
        ),
        (
            (factor * p).softmax(dim=1),
            "You have used probabilities as if they were logits; the logits are their "
            "logarithms, up to a constant.",
        ),
        (
            _normalised(p ** (1 / factor)),
            "That is the temperature: it divides the logits. A longer embedding "
            "multiplies them.",
        ),
        (
            p**factor / (p**factor).sum(dim=0),
            "The sum runs over the images; the classes are dimension 1.",
        ),
    ]
    if not close(found, wanted, 1e-5):
        _name(found, mistakes, 1e-5)
        raise WrongAnswerError(
            f"For p={_text(p[0])} and factor 2 the answer is {_text(wanted[0])}, yours "
            f"is {_text(found[0])}. Logits are log p plus a constant; what does the "
            "softmax make of twice the logits?"
        )
    sure = torch.tensor([[1.0, 0.0]])
    if not close(ask_for_tensor(answer, (1, 2), sure, factor), sure, 1e-5):
        raise WrongAnswerError(
            "For p=[1, 0] the answer is [1, 0] again; does the logarithm of 0 stand in "
            "the way?"
        )
    return "p to the power of the factor, normalised: length is an exponent."


@exercise
def border_of_lengths(answer: Any) -> str:
    """(first, second, between) → the border's angle from the first arrow, radians."""
    first, second, between = 2.0, 1.0, 1.2
    wanted = _border(first, second, between)
    reply = _number(answer, first, second, between)
    mistakes = [
        (
            between / 2,
            "Half-way is the border of arrows that are equally long; these are not.",
        ),
        (
            _border(second, first, between),
            "The lengths are exchanged: the longer arrow reaches further, so its "
            "border lies beyond the middle.",
        ),
        (
            between * first / (first + second),
            "You have shared the angle in proportion to the lengths; what must be "
            "equal at the border are the products of length and cosine.",
        ),
        (math.degrees(wanted), "That is in degrees; return radians."),
        (math.tan(wanted), "That is the tangent of the angle; one step is left."),
    ]
    if not close(reply, wanted, 1e-5):
        name_mistake(reply, mistakes, 1e-5)
        raise WrongAnswerError(
            f"For lengths 2 and 1 at 1.2 rad the border is at {wanted:.4f} rad, yours "
            f"is at {reply:.4f}. Solve 2 cos θ = 1 cos(1.2 − θ) for θ."
        )
    for case in ((1.0, 1.0, 0.8), (1.0, 4.0, 0.5), (3.0, 1.0, 2.5)):
        reply, wanted = _number(answer, *case), _border(*case)
        if not close(reply, wanted, 1e-5):
            raise WrongAnswerError(
                f"For lengths {case[0]:g} and {case[1]:g} at {case[2]:g} rad the "
                f"border is at {wanted:.4f} rad, yours is at {reply:.4f}; below 0 "
                "means that the first arrow itself lies in the second's territory."
            )
    return "The longer arrow reaches further, sometimes beyond the shorter arrow."


@exercise
def stable_cross_entropy(answer: Any) -> str:
    """(logits, labels) → the loss of each row, (N,), at logits of any size."""
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(4, 3, generator=generator)
    labels = torch.tensor([0, 2, 1, 1])
    wanted = F.cross_entropy(logits, labels, reduction="none")
    reply = ask(answer, logits, labels)
    if isinstance(reply, Tensor) and reply.dim() == 0:
        raise WrongAnswerError(
            "That is one number for the batch; return one loss a row, shape (4,)."
        )
    found = ask_for_tensor(answer, (4,), logits, labels)
    if not close(found, wanted, 1e-5):
        columns = logits.logsumexp(dim=0)[labels]
        mistakes: list[tuple[Tensor, str]] = [
            (-wanted, "The sign is reversed: the loss is −log p, never negative."),
            (wanted.exp(), "That is 1/p; the logarithm is missing."),
            (
                logits.logsumexp(dim=1),
                "The logit of the right class is still to be subtracted.",
            ),
            (
                columns - logits.gather(1, labels[:, None])[:, 0],
                "The sum runs over the images; the classes are dimension 1.",
            ),
        ]
        _name(found, mistakes, 1e-5)
        raise WrongAnswerError(
            f"For the logits {_text(logits[0])} and label 0 the loss is "
            f"{wanted[0]:.4f}, yours is {found[0]:.4f}."
        )
    _survives(answer)
    return "Right at ordinary logits and at huge ones, row by row."


def _survives(answer: Any) -> None:
    """Large, very unequal and very negative logits, each with its own wrong idea."""
    large = torch.tensor([[200.0, 0.0]])
    found = ask_for_tensor(answer, (1,), large, torch.tensor([0]))
    if not bool(torch.isfinite(found).all()):
        raise WrongAnswerError(
            f"For the logits [200, 0] and label 0 the loss is 0, yours is {found[0]}: "
            "e^200 is more than float32 can hold. Subtract the row's largest logit."
        )
    found = ask_for_tensor(answer, (1,), large, torch.tensor([1]))
    if not close(found[0], 200.0, 1e-2):
        raise WrongAnswerError(
            f"For the logits [200, 0] and label 1 the loss is 200, yours is "
            f"{found[0].item():.4g}: the probability has become 0 before its logarithm "
            "was taken, or something was added or clamped to hide that."
        )
    apart = torch.tensor([[200.0, 200.0], [0.0, 0.0]])
    found = ask_for_tensor(answer, (2,), apart, torch.tensor([0, 0]))
    if not close(found, torch.full((2,), math.log(2)), 1e-4):
        raise WrongAnswerError(
            "Of the rows [200, 200] and [0, 0], label 0, each has the loss log 2, "
            f"yours are {_text(found)}: each row needs its own largest logit, not the "
            "batch's and not the column's."
        )


@exercise
def temperature_gradient(answer: Any) -> str:
    """(logits, labels, temperature) → the mean loss's derivative by τ, a number."""
    logits = torch.tensor([[3.0, 1.0, -2.0], [0.5, 2.5, 0.0], [1.0, 4.0, 3.0]])
    labels, tau = torch.tensor([0, 1, 2]), 2.0
    right = logits.gather(1, labels[:, None])[:, 0]
    mean = ((logits / tau).softmax(dim=1) * logits).sum(dim=1)
    unheated = (logits.softmax(dim=1) * logits).sum(dim=1)
    wanted = ((right - mean) / tau**2).mean()
    found = torch.tensor(_number(answer, logits, labels, tau))
    mistakes: list[tuple[Tensor, str]] = [
        (
            -wanted,
            "The sign is reversed: 1/τ falls as τ grows, and its derivative is −1/τ².",
        ),
        (
            wanted * tau**2,
            "The derivative of 1/τ is missing; it is −1/τ².",
        ),
        (wanted * tau, "The derivative of 1/τ is −1/τ², not −1/τ."),
        (
            ((right - unheated) / tau**2).mean(),
            "The probabilities are those of τ = 1; take them at the temperature given.",
        ),
        (
            ((right - logits.mean(dim=1)) / tau**2).mean(),
            "All classes are counted alike; each counts with its probability.",
        ),
        (wanted * len(labels), "That is the sum over the images; the loss is a mean."),
    ]
    if close(found, wanted, 1e-5):
        return "(a_y − ā)/τ²: zero where the right logit is what the softmax expects."
    _name(found, mistakes, 1e-5)
    raise WrongAnswerError(
        f"For the logits {_text(logits[0])} and two rows more, at τ = 2, the "
        f"derivative is {wanted:.4f}, yours is {found:.4f}. Put a/τ in the place of a "
        "and use the chain rule over all classes."
    )


def _border(first: float, second: float, between: float) -> float:
    """Where first · cos θ = second · cos(between − θ)."""
    return math.atan(
        (first - second * math.cos(between)) / (second * math.sin(between))
    )


def _normalised(rows: Tensor) -> Tensor:
    return rows / rows.sum(dim=1, keepdim=True)


def _number(answer: Any, *question: Any) -> float:
    """`ask`, where the reply must be one number."""
    reply = ask(answer, *question)
    try:
        return float(reply)
    except (TypeError, ValueError, RuntimeError):
        raise WrongAnswerError(
            f"Return one number, not {type(reply).__name__} of more or of none."
        ) from None


def _name(found: Tensor, mistakes: list[tuple[Tensor, str]], tolerance: float) -> None:
    """Raise the sentence of the mistake that the reply is, if it is one."""
    name_mistake(found, mistakes, tolerance)


def _text(row: Tensor) -> list[float]:
    return [round(value, 3) for value in row.tolist()]
