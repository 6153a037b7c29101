"""Checkers of chapter 06: tokens to look at, a code's length, restarts, lost codes.

Each tries the usual wrong ideas and says in the field's words which one it has met.
"""

from __future__ import annotations

import math
from numbers import Real
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
def tokens_needed(answer: Any) -> str:
    """(num_codes, usage) → the fewest draws whose expected usage is at least that."""
    for codes, usage in ((128, 0.99), (4, 0.5), (16, 0.9)):
        reply = _number(ask(answer, codes, usage))
        missed = math.log(1 - 1 / codes)
        exact = math.log(1 - usage) / missed
        wanted = math.ceil(exact)
        if reply == wanted:
            continue
        told = f"With {codes} codes and a usage of {usage:.0%}: "
        mistakes = {
            float(codes): (
                "as many tokens as codes would do only if no token were ever "
                "repeated; drawn at random, many are."
            ),
            codes * usage: "this would do only if no token were ever repeated.",
            float(math.ceil(codes * usage)): (
                "this would do only if no token were ever repeated."
            ),
            math.log(usage) / missed: (
                "the usage itself stands in the logarithm; a code is missed with the "
                "probability (1 − 1/K)^N, and that shall be 1 − usage."
            ),
            float(math.ceil(math.log(usage) / missed)): (
                "the usage itself stands in the logarithm; a code is missed with the "
                "probability (1 − 1/K)^N, and that shall be 1 − usage."
            ),
            exact: "tokens are whole; round up to the first number that is enough.",
            float(math.floor(exact)): "one token short: round up, not down.",
            float(math.ceil(-codes * math.log(1 - usage))): (
                "that solves the approximation 1 − exp(−N/K), which asks for too many "
                "tokens; keep (1 − 1/K)^N."
            ),
            -codes * math.log(1 - usage): (
                "that solves the approximation 1 − exp(−N/K), and is not whole."
            ),
        }
        for mistake, sentence in mistakes.items():
            if close(reply, mistake, 1e-6):
                raise WrongAnswerError(told + sentence)
        raise WrongAnswerError(
            f"{told}{wanted} tokens are expected to show {_seen(codes, wanted):.2%} "
            f"of the codes; you return {reply:g}."
        )
    return "1 − (1 − 1/K)^N reaches the usage at this N and at no smaller one."


def _seen(codes: int, draws: int) -> float:
    return 1 - (1 - 1 / codes) ** draws


@exercise
def best_length(answer: Any) -> str:
    """(latents, direction) → the length at which a code so directed scores most."""
    latents = torch.tensor([[2.0, 1.0, 0.0], [3.0, 2.0, 2.0], [1.0, 0.0, 1.0]])
    direction = torch.tensor([2.0, 0.0, 1.0])
    reply = _number(ask(answer, latents.clone(), direction.clone()))
    unit = F.normalize(direction, dim=0)
    along = latents @ unit  # (3,)
    wanted = along.mean().item()
    mistakes = {
        along.sum().item(): (
            "That is the sum of z·ê over the latents. Each latent also brings its own "
            "−‖e‖²/2, so the sum must be divided by their number."
        ),
        (latents @ direction).mean().item(): (
            "The direction you are given is not of length 1; normalise it first."
        ),
        latents.norm(dim=1).mean().item(): (
            "That is the latents' mean length. A code gains only from the part of a "
            "latent that points its way, ‖z‖ cos θ."
        ),
        latents.mean(dim=0).norm().item(): (
            "That is the length of the mean, the best one if the direction were free; "
            "here it is given."
        ),
        along.max().item(): (
            "That is best for a single latent; the score is summed over all of them."
        ),
        2 * wanted: (
            "Twice too long: there the total score is back at 0. Half of ‖e‖² is "
            "subtracted, and its derivative is ‖e‖."
        ),
        wanted / 2: "Half of ‖e‖² is subtracted, and its derivative is ‖e‖, not 2‖e‖.",
    }
    if not close(reply, wanted, 1e-4):
        name_mistake(reply, mistakes.items(), 1e-4)
        raise WrongAnswerError(
            f"For the latents {latents.tolist()} and the direction "
            f"{direction.tolist()} the total score is largest at length {wanted:.4f}, "
            f"where it is {_total(latents, wanted * unit):.4f}; at your length "
            f"{reply:.4f} it is {_total(latents, reply * unit):.4f}."
        )
    behind = _number(ask(answer, latents.clone(), -direction))
    if not close(behind, 0.0, 1e-6):
        raise WrongAnswerError(
            f"For the opposite direction you return {behind:.4f}. A length is never "
            "negative; for a code that points away from its latents the best one is 0."
        )
    return "The mean of ‖z‖ cos θ, and 0 for a code that points away."


def _total(latents: Tensor, code: Tensor) -> float:
    return (latents @ code - code.square().sum() / 2).sum().item()


@exercise
def restart_threshold(answer: Any) -> str:
    """(decay, patience) → a threshold that idle codes pass after so many batches."""
    for decay, patience in ((0.9, 7), (0.99, 100), (0.5, 1)):
        reply = _number(ask(answer, decay, patience))
        if decay**patience < reply <= decay ** (patience - 1):
            continue
        told = f"With decay {decay} and a patience of {patience}: "
        mistakes = {
            decay**patience: (
                "after exactly that many batches the count equals your threshold and "
                "is not below it, so the restart comes one batch late."
            ),
            1 - decay**patience: "that is what has been forgotten, not what is left.",
            decay * patience: (
                "the decays are added up; a batch multiplies the count by the decay."
            ),
            1 / patience: "the count falls as a power of the decay, not as 1/t.",
            1 - decay: "the threshold must depend on the patience.",
            math.exp(-patience): (
                "the count falls by the decay in each batch, not by 1/e."
            ),
        }
        for mistake, sentence in mistakes.items():
            if close(reply, mistake, 1e-9):
                raise WrongAnswerError(told + sentence)
        waits = _waits(decay, reply)
        raise WrongAnswerError(
            f"{told}the threshold {reply:.4g} is passed "
            f"{'never' if waits is None else f'after {waits} batches'}; the count of "
            f"an idle code is {decay**patience:.4g} then, and was "
            f"{decay ** (patience - 1):.4g} one batch before."
        )
    return "The count is still at or above it one batch before, and below it then."


def _waits(decay: float, threshold: float) -> int | None:
    """Batches until decay**t falls below the threshold."""
    if threshold <= 0:
        return None
    return max(0, math.floor(math.log(threshold) / math.log(decay)) + 1)


@exercise
def lost_by_length(answer: Any) -> str:
    """(latents, codebook) → mask (K,) of the codes that length alone rules out."""
    latents = torch.tensor([[4.0, 0.0], [0.0, 4.0], [2.0, 0.0]])
    across = torch.tensor([3.5, 0.0, 0.0, 9.0, -3.6, 0.0, 1.5, 0.0])
    up = torch.tensor([0.0, 3.5, 0.2, 0.0, 0.0, -1.9, 0.0, -2.8])
    codebook = torch.stack([across, up], dim=1)  # (8, 2)
    reply = ask_for_tensor(answer, (8,), latents.clone(), codebook.clone())
    if reply.dtype != torch.bool:
        raise WrongAnswerError(f"Return a mask of booleans, not of {reply.dtype}.")
    distance = torch.cdist(latents, codebook)  # (3, 8)
    delta = distance.min(dim=1).values[:, None]  # (3, 1)
    gap = latents.norm(dim=1)[:, None] - codebook.norm(dim=1)  # (3, 8)
    wanted = (gap.abs() > delta).all(dim=0)
    if torch.equal(reply, wanted):
        return "Three have no latent's length; two others are dead for their direction."
    dead = distance.argmin(dim=1).bincount(minlength=8) == 0
    mean = latents.norm(dim=1).mean() - codebook.norm(dim=1)
    mistakes = [
        (dead, "These are all the dead codes; some have a good length and point away."),
        (~wanted, "Upside down: these are the codes that length does not rule out."),
        (
            (gap > delta).all(dim=0),
            "Codes may be too long as well: take the difference's absolute value.",
        ),
        (
            (gap < -delta).all(dim=0),
            "Codes may be too short as well: take the difference's absolute value.",
        ),
        (
            (gap.abs() > delta).any(dim=0),
            "One latent out of reach is not enough: the condition holds for every one.",
        ),
        (
            mean.abs() > delta.mean(),
            "Means over the latents decide nothing: each latent chooses for itself.",
        ),
    ]
    for mistake, sentence in mistakes:
        if torch.equal(reply, mistake):
            raise WrongAnswerError(sentence)
    code = int((reply != wanted).nonzero()[0])
    raise WrongAnswerError(
        f"Code {code} is {codebook[code].norm():.1f} long. The latents are "
        f"{_shown(latents.norm(dim=1))} long and {_shown(delta[:, 0])} away from "
        f"their winners, so it {'is' if wanted[code] else 'is not'} ruled out."
    )


def _number(reply: Any) -> float:
    """The reply as a finite float, or the sentence that it is none."""
    if isinstance(reply, Tensor) and reply.numel() == 1:
        reply = reply.item()
    if isinstance(reply, bool) or not isinstance(reply, Real):
        raise WrongAnswerError(f"Return one number, not {type(reply).__name__}.")
    if not math.isfinite(reply):
        raise WrongAnswerError(f"Return a finite number, not {float(reply)}.")
    return float(reply)


def _shown(values: Tensor) -> str:
    return "(" + ", ".join(f"{value:.3f}" for value in values.tolist()) + ")"
