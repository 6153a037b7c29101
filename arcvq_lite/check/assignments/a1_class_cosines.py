"""A1, the cosines to the classes: only the direction counts."""

from __future__ import annotations

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


def _embeddings_and_weight(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(5, 4) and (3, 4), of lengths from 0.5 to 3."""
    lengths = 0.5 + 2.5 * torch.rand(8, 1, generator=generator)
    directions = F.normalize(torch.randn(8, 4, generator=generator), dim=1)
    embeddings, weight = (lengths * directions).split([5, 3])
    return embeddings, weight


def _cosine(embeddings: Tensor, weight: Tensor) -> Tensor:
    first = F.normalize(embeddings.double(), dim=1)
    return first @ F.normalize(weight.double(), dim=1).T


def _cosines_of_any_length(examinee: Examinee, generator: torch.Generator) -> None:
    embeddings, weight = _embeddings_and_weight(generator)
    reply = examinee.call("class_cosines", embeddings, weight)
    found = as_tensor(reply, (5, 3))
    wanted = _cosine(embeddings, weight)
    if close(found, wanted, 1e-4):
        return
    of_rows, of_classes = F.normalize(embeddings, dim=1), F.normalize(weight, dim=1)
    by_column = F.normalize(embeddings, dim=0) @ F.normalize(weight, dim=0).T
    mistakes: Named = [
        (
            embeddings @ weight.T,
            "These are inner products: neither side is normalised.",
        ),
        (embeddings @ of_classes.T, "The embeddings keep their lengths; divide them."),
        (of_rows @ weight.T, "The classes keep their lengths; divide them."),
        (by_column, "You divide by the lengths of columns; a vector is a row here."),
        (1 - wanted, "That is 1 − cos θ; the cosine itself is asked for."),
        (wanted.acos(), "These are the angles; their cosines are asked for."),
    ]
    name_mistake(found, mistakes, 1e-4)
    row = worst(found, wanted)
    raise WrongAnswerError(
        f"For the embedding {text(embeddings[row], 3)} the cosines to the classes "
        f"{text(weight, 3)} are {text(wanted[row])}, yours are {text(found[row])}."
    )


def _cosines_of_short_rows(examinee: Examinee, generator: torch.Generator) -> None:
    embeddings, weight = _embeddings_and_weight(generator)
    short, light = 1e-4 * F.normalize(embeddings, dim=1), 1e-3 * weight
    found = as_tensor(examinee.call("class_cosines", short, light), (5, 3))
    wanted = _cosine(short, light)
    row = first_miss(found, wanted, 1e-3)
    if row is not None:
        raise WrongAnswerError(
            f"A row of length 0.0001 has the cosines {text(wanted[row])}, yours are "
            f"{text(found[row])}. If longer rows are right, then whatever keeps you "
            "from dividing by 0 is so large that it changes the short ones."
        )


def _cosines_of_nothing(examinee: Examinee, generator: torch.Generator) -> None:
    embeddings, weight = _embeddings_and_weight(generator)
    embeddings[1] = 0
    upstream = torch.randn(5, 3, generator=generator)
    reply, gradients = examinee.differentiate(
        "class_cosines", [embeddings, weight], with_respect_to=[0, 1], upstream=upstream
    )
    found = as_tensor(reply, (5, 3))
    if not close(found[1], torch.zeros(3), 1e-6):
        raise WrongAnswerError(
            f"An embedding of zeros has no direction; its cosines should count as 0, "
            f"yours are {text(found[1])}."
        )
    for gradient, name in zip(gradients, ("embeddings", "classes"), strict=True):
        if gradient is None:
            raise WrongAnswerError(
                f"No gradient reaches the {name}; work with tensors throughout, "
                "without .item(), .detach() or torch.no_grad()."
            )
        if not bool(torch.isfinite(gradient).all()):
            raise WrongAnswerError(
                "With one embedding of zeros in the batch the values are finite, and "
                f"the gradient of the {name} is not. What is the derivative of a "
                "square root at 0?"
            )


CLASS_COSINES = Task(
    function="class_cosines",
    title="Only the direction counts",
    difficulty=1,
    minutes=20,
    parts=(
        Part(5, "right for rows of any length", _cosines_of_any_length),
        Part(2, "right for very short rows too", _cosines_of_short_rows),
        Part(3, "a row of zeros harms nobody", _cosines_of_nothing),
    ),
)
