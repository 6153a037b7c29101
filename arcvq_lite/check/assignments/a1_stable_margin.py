"""A1, the angular margin: stable at its ends, without a seam past π."""

from __future__ import annotations

import math

import torch
from torch import Tensor

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


def _some_margin(generator: torch.Generator) -> float:
    """From 0.2 to 0.8, with three digits, so that a sentence can show it whole."""
    return round(0.2 + 0.6 * float(torch.rand((), generator=generator)), 3)


def _margin_in_reach(examinee: Examinee, generator: torch.Generator) -> None:
    margin = _some_margin(generator)
    share = torch.rand(2, 3, 4, generator=generator)
    angle = 0.1 + share.double() * (math.pi - margin - 0.15)
    cosine = angle.cos().float()
    reply = examinee.call("stable_angular_margin", cosine, margin)
    found = as_tensor(reply, (2, 3, 4))
    wanted = (angle + margin).cos()
    if close(found, wanted, 1e-4):
        return
    mistakes: Named = [
        ((angle - margin).cos(), "The margin is subtracted from the angle; add it."),
        (cosine - margin, "That is CosFace: the margin is taken from the cosine."),
        (
            (angle + math.radians(margin)).cos(),
            "The margin is read as degrees; it is in radians.",
        ),
        (angle + margin, "That is the angle θ + m; its cosine is asked for."),
        (
            cosine * math.cos(margin),
            "The term with the sines is missing from the addition theorem.",
        ),
    ]
    name_mistake(found, mistakes, 1e-4)
    where = worst(found.flatten(), wanted.flatten())
    raise WrongAnswerError(
        f"For cosine = {text(cosine.flatten()[where])} and margin = {margin} the value "
        f"is {text(wanted.flatten()[where])}, yours is {text(found.flatten()[where])}."
    )


def _margin_past_pi(examinee: Examinee, generator: torch.Generator) -> None:
    for margin in (_some_margin(generator), 1.5, 2.5, 0.0):
        share = torch.rand(7, generator=generator).double().sort().values
        angle = math.pi - margin * (1 - share)
        cosine = angle.cos().float()
        reply = examinee.call("stable_angular_margin", cosine, margin)
        found = as_tensor(reply, (7,))
        wanted = cosine.double() - (1 - math.cos(margin))
        where = first_miss(found, wanted, 1e-3)
        if where is None:
            continue
        told = (
            f"For cosine = {text(cosine[where])} and margin = {margin} your margin "
            f"gives {text(found[where])}; θ + m has passed π there. "
        )
        mistakes: Named = [
            (
                (angle + margin).cos(),
                "From π on the cosine rises again, and a point would be rewarded for "
                "moving away.",
            ),
            (
                -torch.ones(7),
                "A constant falls no further, so it teaches the point nothing.",
            ),
            (
                cosine - margin * math.sin(margin),
                "That is ArcFace's own rule, which steps where the pieces meet; here "
                "they shall meet without a step.",
            ),
            (
                cosine - margin,
                "That steps where the pieces meet; choose the line that meets the "
                "curve.",
            ),
            (cosine, "Without any offset the line begins above the curve."),
        ]
        for mistake, sentence in mistakes:
            if close(found, mistake, 1e-3):
                raise WrongAnswerError(told + sentence)
        raise WrongAnswerError(
            told + "It should lie on the line of slope 1 in the cosine that meets the "
            "curve at θ + m = π, where the curve has come down to −1."
        )


def _margin_at_the_ends(examinee: Examinee, generator: torch.Generator) -> None:
    margin = _some_margin(generator)
    ends = torch.tensor([1.0, 1 + 1.2e-7, 0.3, -1.0, -1 - 1.2e-7])
    reply, gradients = examinee.differentiate(
        "stable_angular_margin",
        [ends, margin],
        with_respect_to=[0],
        upstream=torch.ones(5),
    )
    found = as_tensor(reply, (5,))
    last = math.cos(margin) - 2
    wanted = torch.tensor([math.cos(margin)] * 2 + [0.0] + [last] * 2)
    wanted[2] = math.cos(math.acos(0.3) + margin)
    names = ("1", "1 + 1.2e-7 (a rounding error above 1)", "0.3", "−1", "−1 − 1.2e-7")
    where = first_miss(found, wanted, 1e-5)
    if where is not None:
        raise WrongAnswerError(
            f"For cosine = {names[where]} and margin = {margin} the value is "
            f"{text(wanted[where], 6)}, yours is {text(found[where], 6)}."
        )
    (gradient,) = gradients
    if gradient is not None and not bool(torch.isfinite(gradient).all()):
        where = int(torch.nonzero(~torch.isfinite(gradient))[0])
        raise WrongAnswerError(
            f"For cosine = {names[where]} the value is right, and the gradient is "
            f"{text(gradient[where])}: one such point, and every weight of the network "
            "is lost. Is there a root or an arc cosine that the gradient must pass?"
        )


def _margin_slope(examinee: Examinee, generator: torch.Generator) -> None:
    margin = _some_margin(generator)
    near, far = torch.rand(2, 6, generator=generator).double()
    angle = torch.cat([0.3 + near * (math.pi - margin - 0.4), math.pi - 0.1 * far])
    cosine, upstream = angle.cos().float(), torch.rand(12, generator=generator) + 0.5
    _, gradients = examinee.differentiate(
        "stable_angular_margin",
        [cosine, margin],
        with_respect_to=[0],
        upstream=upstream,
    )
    (gradient,) = gradients
    if gradient is None:
        raise WrongAnswerError(
            "No gradient reaches the cosine; work with tensors throughout, without "
            ".item(), .detach() or torch.no_grad()."
        )
    before = (angle + margin).sin() / angle.sin()
    slope = torch.where(angle + margin < math.pi, before, torch.ones(12))
    found = gradient / upstream
    where = first_miss(found, slope, 2e-3)
    if where is None:
        return
    flat = torch.where(angle + margin < math.pi, math.cos(margin), torch.ones(12))
    if close(found, flat, 2e-3):
        raise WrongAnswerError(
            "The gradient is that of c · cos m alone; the sine is cut off from it, by "
            ".detach() or torch.no_grad() or a number made of it."
        )
    raise WrongAnswerError(
        f"For cosine = {text(cosine[where])} and margin = {margin} the slope in the "
        f"cosine is {text(slope[where])}, and the gradient says {text(found[where])}."
    )


STABLE_ANGULAR_MARGIN = Task(
    function="stable_angular_margin",
    title="A margin without a seam",
    difficulty=3,
    minutes=45,
    parts=(
        Part(5, "cos(θ + m) as far as π, for any shape", _margin_in_reach),
        Part(5, "past π a line that meets the curve without a step", _margin_past_pi),
        Part(5, "value and gradient at cosine ±1", _margin_at_the_ends),
        Part(3, "the right slope everywhere else", _margin_slope),
    ),
)
