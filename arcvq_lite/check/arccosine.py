"""Checkers of chapter 09: the margin loss, where it starts, its floor, its slope."""

from __future__ import annotations

import math
from collections.abc import Callable
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
from arcvq_lite.margins import add_angular_margin


@exercise
def arc_start(answer: Any) -> str:
    """(count, top_k, scale, margin) → the loss where all cosines are 0."""
    count, top_k, scale, margin = 50, 3, 10.0, 0.2
    reply = _number(ask(answer, count, top_k, scale, margin))
    rest = count - top_k
    share = scale * math.sin(margin)
    mistakes = {
        math.log(count / top_k): "That is log(N/k): the margin's share is missing.",
        math.log(count / top_k) + share: (
            "That is the approximation for N ≫ k; the positives stand in the "
            "denominator too."
        ),
        math.log1p(rest / top_k * math.exp(-share)): (
            "The margin has the wrong sign: cos(π/2 + m) is −sin m, so the positives' "
            "logits fall and the loss rises."
        ),
        math.log1p(rest / top_k * math.exp(-scale * math.cos(margin))): (
            "That is with the positives at θ = 0; at cosine 0 the angle is π/2."
        ),
        math.log(rest / top_k) + share: (
            "The positives are missing from the denominator."
        ),
        math.log1p(count / top_k * math.exp(share)): (
            "The positives are counted twice: there are N − k negatives."
        ),
        math.log1p(rest * math.exp(share)): "The numerator sums over k positives.",
    }
    if close(reply, math.log1p(rest / top_k * math.exp(share)), 1e-6):
        return "Naming k of N costs log(N/k), and the margin adds about s sin m."
    _name_mistake(reply, mistakes)
    raise WrongAnswerError(
        f"With N={count}, k={top_k}, s={scale:g}, m={margin} a positive's logit is "
        f"s cos(π/2 + m) = {-share:.4f} and a negative's is 0; you return {reply:.4f}."
    )


@exercise
def arc_floor(answer: Any) -> str:
    """(count, top_k, scale, margin) → the floor for a balanced codebook."""
    count, top_k, scale, margin = 20, 4, 3.0, 0.3
    reply = _number(ask(answer, count, top_k, scale, margin))
    rest, nearest = count - top_k, math.cos(margin)

    def floor(ratio: float, positive: float, negative: float) -> float:
        return math.log1p(ratio * math.exp(scale * (negative - positive)))

    ratio, negative = rest / top_k, -top_k / rest
    mistakes = {
        floor(ratio, nearest, -1): (
            "That puts every negative at θ = π, which no latent can do for all codes "
            "of a balanced codebook."
        ),
        floor(ratio, nearest, 0): (
            "That is the approximation for N ≫ k; the negatives' mean cosine may fall "
            "to −k/(N − k)."
        ),
        floor(ratio, nearest, -negative): (
            "The negatives' mean cosine has the wrong sign: the positives take +k, so "
            "the others are left with −k/(N − k)."
        ),
        floor(ratio, 1, negative): (
            "The margin is missing: an arrived positive has the logit s cos m."
        ),
        floor(count / top_k, nearest, negative): (
            "The positives are counted among the negatives: there are N − k of these."
        ),
        floor(rest, nearest, negative): "The numerator sums over k positives.",
        math.log(ratio) + scale * (negative - nearest): (
            "The positives are missing from the denominator."
        ),
    }
    if close(reply, floor(ratio, nearest, negative), 1e-6):
        return "Positives at s cos m, negatives at −s k/(N − k) on the mean."
    _name_mistake(reply, mistakes)
    raise WrongAnswerError(
        f"With N={count}, k={top_k}, s={scale:g}, m={margin} the positives' logit is "
        f"{scale * nearest:.4f} and the negatives' mean logit {scale * negative:.4f}; "
        f"you return {reply:.4f}."
    )


@exercise
def code_budget(answer: Any) -> str:
    """(logits, is_called) → the slope of the mean loss at the logits, (K, N)."""
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0], [0.5, -0.5, 1.5, 0.0]])
    called = torch.tensor([[True, True, False, False], [False, False, True, True]])
    slope = ask_for_tensor(answer, (2, 4), logits.clone(), called.clone())
    p = logits.softmax(dim=1)
    q = logits.masked_fill(~called, -math.inf).softmax(dim=1)
    even = called / called.sum(dim=1, keepdim=True)
    mistakes = [
        ((q - p) / 2, "The sign is turned: that is the force, minus the slope."),
        (p - q, "The mean over the K codes is missing; divide by len(logits)."),
        (p / 2, "That is the slope of the denominator alone; subtract the positives'."),
        (
            (p - even) / 2,
            "The positives' pull is shared evenly; it goes by their softmax among "
            "themselves, q.",
        ),
        (
            (p - called.float()) / 2,
            "Every positive is pulled with the whole budget; together they share one.",
        ),
        ((p - p * called) / 2, "Only the pushes are there; the positives are pulled."),
        (
            (logits.softmax(dim=0) - q) / 2,
            "The softmax runs over the codes; it runs over the latents, dim=1.",
        ),
    ]
    if close(slope, (p - q) / 2, 1e-5):
        return "Every row sums to 0: what a code pulls in all, it pushes in all."
    name_mistake(slope, mistakes, 1e-5)
    raise WrongAnswerError(
        f"For the row {logits[0].tolist()} with the first two called, among two codes, "
        f"the slope is {_shown((p - q)[0] / 2)}, yours is {_shown(slope[0])}."
    )


@exercise
def code_margin(answer: Any) -> str:
    """(latents, codebook, scale, margin, top_k) → L_arc, a scalar."""
    generator = torch.Generator().manual_seed(0)
    latents = 2 * torch.randn(9, 4, generator=generator)
    codebook = 0.5 * torch.randn(5, 4, generator=generator)
    scale, margin, top_k = 4.0, 0.3, 2
    z, e = latents.clone().requires_grad_(), codebook.clone().requires_grad_()
    loss = ask_for_tensor(answer, (), z, e, scale, margin, top_k)
    for wrong, sentence in _wrong_losses():
        if close(loss.detach(), wrong(latents, codebook, scale, margin, top_k), 1e-5):
            raise WrongAnswerError(sentence)
    wanted = _rows(latents, codebook, scale, margin, top_k).mean()
    if not close(loss.detach(), wanted, 1e-5):
        raise WrongAnswerError(
            f"For nine latents, five codes, s=4, m=0.3 and k=2 the loss is "
            f"{wanted:.4f}, yours is {loss.item():.4f}."
        )
    _moves_only_latents(loss, z, e, wanted=(scale, margin, top_k))
    sharp = ask_for_tensor(answer, (), z, e, 1000.0, margin, top_k)
    if not bool(torch.isfinite(sharp)):
        raise WrongAnswerError(
            f"At s=1000 the loss is {sharp.item()}: an exponential overflows. Use "
            "logsumexp, or take the largest logit out first."
        )
    return "Right axis, stable, and only the latents move."


def _moves_only_latents(
    loss: Tensor, z: Tensor, e: Tensor, wanted: tuple[float, float, int]
) -> None:
    unmoved = "No gradient reaches the latents, and they should move."
    if not loss.requires_grad:
        raise WrongAnswerError(unmoved)
    moved, codes = torch.autograd.grad(loss, (z, e), allow_unused=True)
    if codes is not None and bool(codes.any()):
        raise WrongAnswerError(
            "The codebook receives a gradient; detach it, or the codes will come to "
            "the latents."
        )
    if moved is None:
        raise WrongAnswerError(unmoved)
    (right,) = torch.autograd.grad(_rows(z, e, *wanted).mean(), z)
    if not close(moved, right, 1e-4):
        raise WrongAnswerError(
            "The value is right, but the latents' gradient is not: something on the "
            "way from the latents to the loss is detached."
        )


def _cosine(latents: Tensor, codebook: Tensor) -> Tensor:
    return F.normalize(codebook.detach(), dim=1) @ F.normalize(latents, dim=1).T


def _rows(
    latents: Tensor, codebook: Tensor, scale: float, margin: float, top_k: int
) -> Tensor:
    cosine = _cosine(latents, codebook)
    nearest = cosine.topk(top_k, dim=1)
    wanted = scale * add_angular_margin(nearest.values, margin)
    logits = (scale * cosine).scatter(1, nearest.indices, wanted)
    return logits.logsumexp(dim=1) - wanted.logsumexp(dim=1)


Loss = Callable[[Tensor, Tensor, float, float, int], Tensor]


def _wrong_losses() -> list[tuple[Loss, str]]:
    def from_logits(
        positive: Callable[[Tensor, float, float], Tensor],
        negative: Callable[[Tensor, float, float], Tensor] = lambda c, s, m: s * c,
        *,
        largest: bool = True,
        alone: bool = False,
        each: bool = False,
    ) -> Loss:
        def loss(z: Tensor, e: Tensor, s: float, m: float, k: int) -> Tensor:
            cosine = _cosine(z, e)
            nearest = cosine.topk(k, dim=1, largest=largest)
            wanted = positive(nearest.values, s, m)
            fill = torch.full_like(wanted, -torch.inf) if alone else wanted
            logits = negative(cosine, s, m).scatter(1, nearest.indices, fill)
            won = wanted.mean(dim=1) if each else wanted.logsumexp(dim=1)
            return (logits.logsumexp(dim=1) - won).mean()

        return loss

    def moved(c: Tensor, s: float, m: float) -> Tensor:
        return s * add_angular_margin(c, m)

    axis = (
        "The softmax runs over the codes. A code is the class, the latents are its "
        "samples: top-k and softmax both run over the latents."
    )
    return [
        (lambda z, e, s, m, k: _rows(e, z, s, m, 1).mean(), axis),
        (lambda z, e, s, m, k: _rows(e, z, s, m, k).mean(), axis),
        (
            from_logits(moved, moved),
            "The margin is on the negatives too; only the called latents pay it.",
        ),
        (
            from_logits(lambda c, s, m: s * c, moved),
            "The margin is on the negatives; the called latents should pay it.",
        ),
        (
            from_logits(lambda c, s, m: s * (c.acos() - m).cos()),
            "The margin is subtracted from the angle, which makes the task easier.",
        ),
        (
            from_logits(lambda c, s, m: s * (c - m)),
            "That is CosFace's margin, taken from the cosine; add it to the angle.",
        ),
        (from_logits(lambda c, s, m: s * c), "The margin is missing."),
        (lambda z, e, s, m, k: _rows(z, e, 1.0, m, k).mean(), "The scale is missing."),
        (
            from_logits(moved, largest=False),
            "Those are the k least similar latents: topk of the cosine, not the angle.",
        ),
        (
            from_logits(moved, alone=True),
            "The positives are missing from the denominator.",
        ),
        (
            from_logits(moved, each=True),
            "Each positive has its own logarithm; the sum over the positives stands "
            "inside one.",
        ),
        (
            lambda *given: _rows(*given).sum(),
            "Take the mean of the codes, not the sum.",
        ),
        (
            lambda z, e, s, m, k: -_rows(z, e, s, m, k).mean(),
            "The sign is turned: the loss is minus the logarithm.",
        ),
    ]


def _number(reply: Any) -> float:
    if isinstance(reply, Tensor) and reply.numel() == 1:
        return float(reply)
    if isinstance(reply, bool) or not isinstance(reply, Real):
        raise WrongAnswerError(f"Return one number, not {type(reply).__name__}.")
    return float(reply)


def _name_mistake(reply: float, mistakes: dict[float, str]) -> None:
    name_mistake(reply, mistakes.items(), 1e-6)


def _shown(row: Tensor) -> str:
    return "(" + ", ".join(f"{entry:.3f}" for entry in row.tolist()) + ")"
