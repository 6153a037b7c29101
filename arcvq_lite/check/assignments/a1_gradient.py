"""A1, the gradient of ArcFace's loss, written by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.check.examinee import Examinee
from arcvq_lite.check.replies import (
    as_tensor,
    first_miss,
    text,
    worst,
)
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError, close, name_mistake

Named = list[tuple[Tensor, str]]


def _gradient(
    cosine: Tensor,
    labels: Tensor,
    scale: float,
    margin: float,
    factor: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """The derivative of ArcFace's mean loss by each cosine, and the probabilities."""
    cosine = cosine.double()
    right = F.one_hot(labels, cosine.shape[1]).double()
    advanced = (cosine.acos() + margin).cos()
    p = (scale * torch.where(right > 0, advanced, cosine)).softmax(dim=1)
    sine = (1 - cosine.square()).sqrt()
    slope = math.cos(margin) + cosine * math.sin(margin) / sine
    if factor is not None:
        slope = factor(cosine)
    pull = scale * (p - right) / len(cosine)
    return torch.where(right > 0, pull * slope, pull), p


def _ask_for_gradient(
    examinee: Examinee, generator: torch.Generator, scale: float
) -> tuple[Tensor, Tensor, Tensor, float]:
    angle = 0.5 + 1.5 * torch.rand(5, 4, generator=generator)
    labels = torch.randperm(5, generator=generator) % 4
    cosine, margin = angle.cos(), 0.4
    reply = examinee.call("arcface_gradient", cosine, labels, scale, margin)
    return cosine, labels, as_tensor(reply, (5, 4)), margin


def _wrong_classes(examinee: Examinee, generator: torch.Generator) -> None:
    scale = 6.0
    cosine, labels, reply, margin = _ask_for_gradient(examinee, generator, scale)
    wanted, _ = _gradient(cosine, labels, scale, margin)
    wrong = F.one_hot(labels, 4) == 0
    found, target = reply[wrong], wanted[wrong]
    if close(found, target, 1e-3):
        return
    advanced = torch.where(wrong, cosine, (cosine.acos() + margin).cos())
    by_column = scale * (scale * advanced).softmax(dim=0) / 5
    plain = scale * (scale * cosine).softmax(dim=1) / 5
    mistakes: Named = [
        (5 * target, "The loss is the mean over the rows; divide by their number."),
        (target / 4, "The mean is over the rows alone, not over rows and classes."),
        (target / scale, "The scale is missing: the logits are s times the cosines."),
        (-target, "The sign is reversed: that is the direction of descent."),
        (by_column[wrong], "The softmax runs over the images; the classes are dim 1."),
        (plain[wrong], "The probabilities are those of the plain cosines; the margin "
         "changes the right class's logit, and with it every probability."),
        (torch.zeros_like(target), "The wrong classes have a gradient too: each is "
         "pushed away in proportion to its probability."),
    ]  # fmt: skip
    name_mistake(found, mistakes, 1e-3)
    row = worst(reply * wrong, wanted * wrong)
    raise WrongAnswerError(
        f"For the cosines {text(cosine[row])}, label {int(labels[row])}, scale "
        f"{scale:g} and margin {margin} in a batch of 5, the wrong classes' gradient "
        f"is {text((wanted * wrong)[row])}, yours {text((reply * wrong)[row])} (0 at "
        "the right class)."
    )


def _own_class(examinee: Examinee, generator: torch.Generator) -> None:
    scale = 6.0
    cosine, labels, reply, margin = _ask_for_gradient(examinee, generator, scale)
    wanted, p = _gradient(cosine, labels, scale, margin)

    def at_labels(values: Tensor) -> Tensor:
        return values.gather(1, labels[:, None])[:, 0]

    def with_slope(slope: Callable[[Tensor], Tensor]) -> Tensor:
        return at_labels(_gradient(cosine, labels, scale, margin, slope)[0])

    found, target = at_labels(reply), at_labels(wanted)
    if close(found, target, 1e-3):
        return
    co, si = math.cos(margin), math.sin(margin)
    chain = (
        "The probability is right and the chain rule not finished: the logit is "
        "s cos(θ + m), and the derivative is asked for by cos θ."
    )
    mistakes: Named = [
        (with_slope(torch.ones_like), chain),
        (
            with_slope(lambda c: co - c * si / (1 - c.square()).sqrt()),
            "One sign is wrong in the derivative of the root: √(1 − c²) falls as c "
            "grows, and a minus stands before it already.",
        ),
        (
            with_slope(lambda c: torch.full_like(c, co)),
            "The derivative of c · cos m is there, that of the root is missing.",
        ),
        (
            with_slope(lambda c: -(c.acos() + margin).sin()),
            "That is the derivative by the angle θ; it is asked for by cos θ.",
        ),
        (
            at_labels(wanted * p / (p - 1)),
            "The −1 is missing: the right class is pulled in proportion to 1 − p.",
        ),
        (-target, "The sign is reversed: that is the direction of descent."),
    ]
    name_mistake(found, mistakes, 1e-3)
    row = worst(found, target)
    raise WrongAnswerError(
        f"For the cosines {text(cosine[row])}, label {int(labels[row])}, scale "
        f"{scale:g} and margin {margin} in a batch of 5, the right class's gradient is "
        f"{text(target[row])}, yours is {text(found[row])}."
    )


def _huge_scale(examinee: Examinee, generator: torch.Generator) -> None:
    scale = 400.0
    cosine, labels, reply, margin = _ask_for_gradient(examinee, generator, scale)
    wanted, _ = _gradient(cosine, labels, scale, margin)
    row = first_miss(reply, wanted, 1e-3 * scale)
    if row is None:
        return
    if not bool(torch.isfinite(reply).all()):
        raise WrongAnswerError(
            f"At a scale of {scale:g} the logits reach {text(scale * cosine.max(), 3)}"
            ", and e to that power has no place in float32. A softmax does not change "
            "when the same number is taken from every logit of a row."
        )
    raise WrongAnswerError(
        f"At a scale of {scale:g} the gradient of the cosines {text(cosine[row])} is "
        f"{text(wanted[row])}, yours is {text(reply[row])}."
    )


ARCFACE_GRADIENT = Task(
    function="arcface_gradient",
    title="The gradient by hand",
    difficulty=3,
    minutes=45,
    parts=(
        Part(6, "what pushes the wrong classes away", _wrong_classes),
        Part(6, "what pulls the right class, the margin included", _own_class),
        Part(4, "no overflow at any scale", _huge_scale),
    ),
)
