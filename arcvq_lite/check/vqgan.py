"""Checkers of chapter 11: blur, features, the critic's sight, its loss, its weight."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.adversarial import balance
from arcvq_lite.check.verdict import (
    WrongAnswerError,
    ask,
    ask_for_tensor,
    close,
    exercise,
    name_mistake,
)


@exercise
def safest_guesses(answer: Any) -> str:
    """(values (N,)) → best single guess by squared, and by absolute error."""
    values = torch.tensor([0.1, 0.2, 0.2, 0.3, 0.9, 1.0, 1.0])
    reply = ask(answer, values.clone())
    if not isinstance(reply, tuple | list) or len(reply) != 2:
        raise WrongAnswerError(
            "Return two numbers: by squared, then by absolute error."
        )
    squared, absolute = (_number(each) for each in reply)
    mean, median = values.mean().item(), values.median().item()
    if close(squared, mean, 1e-6) and close(absolute, median, 1e-6):
        return "The mean stands between the heaps; the median lies in the larger one."
    if close(squared, median, 1e-6) and close(absolute, mean, 1e-6):
        raise WrongAnswerError(
            "The two are exchanged: derive each from a derivative that must be 0."
        )
    middle = (values.min().item() + values.max().item()) / 2
    for name, guess, wanted in (
        ("squared", squared, mean),
        ("absolute", absolute, median),
    ):
        if close(guess, wanted, 1e-6):
            continue
        mistakes = {
            mean: "That is the mean, whose derivative of the absolute error is not 0.",
            median: "That is the median, which is what the absolute error wants.",
            middle: "That is the middle of the range, which the largest error wants.",
            values.mode().values.item(): "That is the most frequent value.",
        }
        for mistake, sentence in mistakes.items():
            if close(guess, mistake, 1e-6):
                raise WrongAnswerError(f"By {name} error: {sentence}")
        raise WrongAnswerError(
            f"By {name} error {wanted:.3f} is better than {guess:.3f} for the values "
            f"{[round(value, 1) for value in values.tolist()]}."
        )
    return ""


@exercise
def critic_sight(answer: Any) -> str:
    """(layers) → pixels a side that one score of a patch critic sees."""
    for layers, wanted in ((2, 34), (1, 16), (3, 70), (5, 286)):
        reply = _number(ask(answer, layers))
        if reply == wanted:
            continue
        mistakes = {
            4 * 2**layers: (
                "Multiplying kernel by strides forgets how kernels overlap; go back "
                "from one score, layer by layer."
            ),
            3 * 2**layers - 2: "The two convolutions of stride 1 are missing.",
            6 * 2**layers - 2: "Only one convolution of stride 1 is counted, of two.",
            3 * layers + 7: (
                "That is for strides of 1; going back, a stride of 2 doubles what has "
                "been seen."
            ),
            9 * 2 ** (layers + 2) - 2: "The last two convolutions have a stride of 1.",
        }
        if reply in mistakes:
            raise WrongAnswerError(mistakes[int(reply)])
        raise WrongAnswerError(
            f"With layers={layers} a score sees {wanted} pixels a side, not {reply:g}: "
            "going back, a kernel of 4 and a stride s make of n pixels s(n − 1) + 4."
        )
    return "16, 34, 70: the critic of the paper sees 70 pixels a side."


@exercise
def least_hinge(answer: Any) -> str:
    """(p, q), two histograms → the hinge loss of the best critic."""
    p = torch.tensor([0.5, 0.3, 0.2, 0.0])
    q = torch.tensor([0.1, 0.3, 0.2, 0.4])
    reply = _number(ask(answer, p.clone(), q.clone()))
    overlap = torch.minimum(p, q).sum().item()
    mixed = (p + q) / 2
    mistakes = {
        2 * overlap: "The factor ½ of the loss is missing.",
        1 - overlap: "That is the distance of the two; the loss is what they share.",
        torch.sqrt(p * q).sum().item(): (
            "That is the Bhattacharyya coefficient; the hinge is linear in between."
        ),
        (p * q).sum().item(): "That is Σ p q; the hinge takes the smaller of the two.",
        torch.maximum(p, q).sum().item(): (
            "That takes the larger of p and q, which is the worst critic of ±1."
        ),
        (p * q / mixed.clamp(min=1e-9)).sum().item() / 2: (
            "That is for the best critic of a squared or logarithmic loss; the best "
            "one of the hinge answers ±1."
        ),
        1.0: "That is a critic that always answers 0.",
        0.0: "0 is for histograms that share nothing; these overlap.",
    }
    if close(reply, overlap, 1e-6):
        return "The loss is what the histograms share: 1 where nothing can be told."
    name_mistake(reply, mistakes.items(), 1e-6)
    raise WrongAnswerError(
        f"For p = {_shown(p)} and q = {_shown(q)} the best critic is left with "
        f"{overlap:.3f}, not {reply:.3f}."
    )


@exercise
def feature_distance(answer: Any) -> str:
    """(first, second (B, C, H, W), weights (C,)) → distances (B,)."""
    generator = torch.Generator().manual_seed(0)
    first = torch.rand(2, 3, 4, 5, generator=generator)
    second = torch.rand(2, 3, 4, 5, generator=generator)
    weights = torch.tensor([0.5, 1.0, 2.0])
    given = first.clone(), second.clone(), weights.clone()
    reply = ask_for_tensor(answer, (2,), *given)
    if close(reply.detach(), _distance(first, second, weights), 1e-5):
        return "Directions of feature vectors, compared place by place."
    name_mistake(reply.detach(), _wrong_distances(first, second, weights), 1e-5)
    raise WrongAnswerError(
        f"For two pairs of features the distances are "
        f"{_shown(_distance(first, second, weights))}, yours are {_shown(reply)}."
    )


def _distance(first: Tensor, second: Tensor, weights: Tensor) -> Tensor:
    gap = F.normalize(first, dim=1) - F.normalize(second, dim=1)
    return (weights[:, None, None] * gap.square()).sum(dim=1).mean(dim=(1, 2))


def _wrong_distances(
    first: Tensor, second: Tensor, weights: Tensor
) -> list[tuple[Tensor, str]]:
    column = weights[:, None, None]
    gap = F.normalize(first, dim=1) - F.normalize(second, dim=1)
    square = gap.square()

    def over(dims: tuple[int, ...]) -> Tensor:
        squares = [x.square().sum(dim=dims, keepdim=True) for x in (first, second)]
        parts = [first / squares[0].sqrt(), second / squares[1].sqrt()]
        return (column * (parts[0] - parts[1]).square()).sum(dim=1).mean(dim=(1, 2))

    channels = "normalise over the channels at each place, dim=1"
    return [
        (
            (column * (first - second).square()).sum(dim=1).mean(dim=(1, 2)),
            "The feature vectors are not normalised, so loud channels decide.",
        ),
        (over((2, 3)), f"That normalises every channel over the places; {channels}."),
        (over((1, 2, 3)), f"That divides by one length a picture; {channels}."),
        (
            square.sum(dim=1).mean(dim=(1, 2)),
            "The weights of the channels are missing.",
        ),
        (
            (column * square).mean(dim=(1, 2, 3)),
            "Sum over the channels and average over the places only.",
        ),
        (
            (column * square).sum(dim=(1, 2, 3)),
            "Average over the places, or a larger picture is further away.",
        ),
        (
            (column * gap.abs()).sum(dim=1).mean(dim=(1, 2)),
            "The differences are to be squared.",
        ),
        (
            (column * square).sum(dim=1).sqrt().mean(dim=(1, 2)),
            "No root is taken: the squared differences are averaged as they are.",
        ),
        (
            (column * gap).square().sum(dim=1).mean(dim=(1, 2)),
            "The weights are squared too; they multiply the squares.",
        ),
    ]


@exercise
def critic_weight(answer: Any) -> str:
    """(reconstruction, gan, at) → λ, detached, both graphs still usable."""
    for name, scales in (
        ("plain", (1.0, 0.25)),
        ("a faint gan", (1.0, 1e-3)),
        ("gan without a gradient", (1.0, 0.0)),
        ("reconstruction without a gradient", (0.0, 1.0)),
    ):
        at = torch.tensor([0.3, -0.4, 1.2], requires_grad=True)
        terms = (scales[0] * at.square().sum(), scales[1] * (at**3).sum())
        found = ask_for_tensor(answer, (), *terms, at)
        pulls = [_pull(term, at) for term in terms]
        _judge_weight(name, found, *pulls)
        if at.grad is not None and bool(at.grad.any()):
            raise WrongAnswerError(
                "The weight has collected a gradient; use torch.autograd.grad, which "
                "leaves .grad alone."
            )
    return "As loud as the reconstruction, guarded on both sides, and a constant."


def _judge_weight(name: str, found: Tensor, pixels: Tensor, critic: Tensor) -> None:
    if found.requires_grad:
        raise WrongAnswerError(
            "λ still has a graph; detach it, or training would move λ itself."
        )
    wanted = balance(pixels, critic)
    if close(found, wanted, 1e-4 * max(1.0, wanted.item())):
        return
    if not bool(torch.isfinite(found)):
        raise WrongAnswerError(
            "Where the critic has no gradient λ is infinite; add 1e-4 below the line."
        )
    ratio = pixels / (critic + 1e-4)
    mistakes = {
        (critic / (pixels + 1e-4)).item(): "The ratio is upside down.",
        0.8 * wanted.item(): "The factor 0.8 is applied outside; leave it out here.",
        (pixels / critic).item(): "The 1e-4 below the line is missing.",
        (pixels.square() / (critic.square() + 1e-4)).item(): (
            "Those are squared norms; the ratio is of the norms."
        ),
        1.0: "λ should not be 1 but the ratio of the two pulls.",
    }
    if name == "gan without a gradient" and close(found, ratio, 1.0):
        raise WrongAnswerError(f"λ reaches {found.item():.3g}; clamp it to 0 … 10⁴.")
    for mistake, sentence in mistakes.items():
        if math.isfinite(mistake) and close(
            found, mistake, 1e-5 * max(10.0, abs(mistake))
        ):
            raise WrongAnswerError(sentence)
    raise WrongAnswerError(
        f"With gradients of norm {pixels:.4f} and {critic:.4f} (case: {name}) λ is "
        f"{wanted:.4f}, yours is {found.item():.4f}."
    )


def _pull(term: Tensor, at: Tensor) -> Tensor:
    try:
        (gradient,) = torch.autograd.grad(term, at, retain_graph=True)
    except RuntimeError as error:
        raise WrongAnswerError(
            "The graphs are gone, and the step still needs them; pass "
            "retain_graph=True."
        ) from error
    norm: Tensor = gradient.norm()
    return norm


def _number(reply: Any) -> float:
    if isinstance(reply, Tensor) and reply.numel() == 1:
        return float(reply)
    if isinstance(reply, bool) or not isinstance(reply, Real):
        raise WrongAnswerError(f"Return one number, not {type(reply).__name__}.")
    return float(reply)


def _shown(row: Tensor) -> str:
    return "(" + ", ".join(f"{entry:.3f}" for entry in row.tolist()) + ")"
