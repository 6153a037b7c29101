"""A1, the room for a margin: the two arrows that stand nearest."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.check.examinee import Examinee
from arcvq_lite.check.replies import (
    as_number,
    as_things,
    text,
)
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError, name_mistake


def _cosine(embeddings: Tensor, weight: Tensor) -> Tensor:
    first = F.normalize(embeddings.double(), dim=1)
    return first @ F.normalize(weight.double(), dim=1).T


def _crowded(generator: torch.Generator) -> tuple[Tensor, float, tuple[int, int]]:
    """Arrows (6, 5), the smallest angle between two of them, and which two."""
    while True:
        lengths = 0.3 + 3 * torch.rand(6, 1, generator=generator)
        weight = lengths * F.normalize(torch.randn(6, 5, generator=generator), dim=1)
        angle = _cosine(weight, weight).clamp(-1, 1).acos()
        apart = angle + math.pi * torch.eye(6).double()
        order = apart.flatten().sort()
        first, second = divmod(int(order.indices[0]), 6)
        nearest = torch.cdist(weight, weight).fill_diagonal_(math.inf).argmin()
        largest_product = (weight @ weight.T).fill_diagonal_(-math.inf).argmax()
        pair = {first, second}
        misled = [set(divmod(int(found), 6)) for found in (nearest, largest_product)]
        # The runner-up is clearly further apart, and lengths mislead.
        if order.values[2] - order.values[0] > 0.1 and pair not in misled:
            return weight, float(order.values[0]), (min(pair), max(pair))


def _ask_for_room(examinee: Examinee, weight: Tensor) -> tuple[float, tuple[int, int]]:
    reply = examinee.call("largest_margin", weight)
    margin, pair = as_things(reply, ("margin", "(first, second)"))
    first, second = as_things(pair, ("first", "second"))
    found = as_number(first, "first"), as_number(second, "second")
    return as_number(margin, "the margin"), (int(found[0]), int(found[1]))


def _room(examinee: Examinee, generator: torch.Generator) -> None:
    weight, wanted, _ = _crowded(generator)
    found, _ = _ask_for_room(examinee, weight)
    if abs(found - wanted) < 1e-3:
        return
    cosine = _cosine(weight, weight).fill_diagonal_(0)
    nearest = torch.cdist(weight, weight).fill_diagonal_(math.inf).min()
    mistakes: list[tuple[Tensor | float, str]] = [
        (0.0, "Every arrow lies at 0 from itself; leave the diagonal out."),
        (math.degrees(wanted), "That is in degrees; margins are in radians."),
        (wanted / 2, "That is half of it: a point on its arrow has the whole angle."),
        (math.cos(wanted), "That is the cosine of the angle."),
        (1 - math.cos(wanted), "That is CosFace's largest margin, in cosines."),
        (cosine.min().acos(), "That is the largest angle; the nearest pair decides."),
        (nearest, "That is a distance between tips; the arrows' lengths play no part."),
    ]
    name_mistake(found, mistakes, 1e-3)
    raise WrongAnswerError(
        f"For the arrows {text(weight, 3)} the largest margin is {text(wanted)}, yours "
        f"is {text(found)}. On its own arrow a point has as much room as there is to "
        "the nearest other arrow."
    )


def _crowded_pair(examinee: Examinee, generator: torch.Generator) -> None:
    weight, wanted, pair = _crowded(generator)
    _, found = _ask_for_room(examinee, weight)
    if tuple(sorted(found)) != pair:
        raise WrongAnswerError(
            f"For the arrows {text(weight, 3)} the classes {pair[0]} and {pair[1]} are "
            f"nearest in angle, {text(wanted)} rad; you name {found[0]} and {found[1]}."
        )


def _room_for_twins(examinee: Examinee, generator: torch.Generator) -> None:
    for _ in range(4):
        _tell_twins_apart(examinee, generator)


def _tell_twins_apart(examinee: Examinee, generator: torch.Generator) -> None:
    base = F.normalize(torch.randn(5, generator=generator).double(), dim=0)
    aside = torch.randn(5, generator=generator).double()
    aside = F.normalize(aside - (aside @ base) * base, dim=0)
    angle = 3e-4 * (1 + 2 * float(torch.rand((), generator=generator)))
    twin = math.cos(angle) * base + math.sin(angle) * aside
    weight = torch.stack([2 * base, -aside, 0.7 * twin]).float()
    wanted = float((_cosine(weight, weight)[0, 2].clamp(-1, 1)).acos())
    found, _ = _ask_for_room(examinee, weight)
    if not abs(found - wanted) < 0.02 * wanted:
        raise WrongAnswerError(
            f"Two arrows stand {text(wanted)} rad apart, and you find {text(found)}. "
            "If wider angles are right: near 1 the cosine is flat, and float32 has no "
            "digits left there to tell small angles apart. Measure them by something "
            "that is not flat."
        )


LARGEST_MARGIN = Task(
    function="largest_margin",
    title="Is there room for the margin?",
    difficulty=2,
    minutes=30,
    parts=(
        Part(4, "the largest margin that every class can meet", _room),
        Part(2, "the two classes that stand in its way", _crowded_pair),
        Part(4, "right for arrows a few ten-thousandths apart", _room_for_twins),
    ),
)
