"""A1, one head with two margins, for batches with unlabelled rows."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.check.examinee import Examinee, NotAttemptedError
from arcvq_lite.check.replies import (
    as_tensor,
    first_miss,
    text,
    worst,
)
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError, close, name_mistake

Named = list[tuple[Tensor, str]]


def _batch(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Cosines (5, 4), the same with an angle added, and labels (5,) of all classes."""
    angle = 0.4 + 1.8 * torch.rand(5, 4, generator=generator)
    labels = torch.randperm(5, generator=generator) % 4
    return angle.cos(), (angle + 0.5).cos(), labels


def _two_margins(cosine: Tensor, advanced: Tensor, labels: Tensor) -> Tensor:
    """The logits for scale 8 and margin 0.1; a label of −1 has no right class."""
    right = labels[:, None] == torch.arange(4)
    return 8 * torch.where(right, advanced - 0.1, cosine)


def _right_class_pays(examinee: Examinee, generator: torch.Generator) -> None:
    cosine, advanced, labels = _batch(generator)
    reply = examinee.call("combined_logits", cosine, advanced, labels, 8.0, 0.1)
    found = as_tensor(reply, (5, 4))
    wanted = _two_margins(cosine, advanced, labels)
    if close(found, wanted, 1e-4):
        return
    right = F.one_hot(labels, 4).bool()
    paid = advanced - 0.1
    mistakes: Named = [
        (8 * paid, "Every class pays; only the right class of each row should."),
        (
            8 * torch.where(right, cosine, paid),
            "The wrong classes pay and the right one does not, which makes the task "
            "easier.",
        ),
        (
            8 * torch.where(right, advanced, cosine) - 0.1 * right,
            "The margin is taken after scaling, where it is worth 1/scale of what it "
            "should be; take it from the cosine.",
        ),
        (torch.where(right, paid, cosine), "The scale is missing."),
        (
            8 * torch.where(right, advanced, cosine),
            "The margin in the cosine is missing.",
        ),
        (
            8 * (cosine - 0.1 * right),
            "The right class still has its plain cosine; `advanced` holds the one with "
            "the angle added.",
        ),
        (
            8 * (torch.where(right, advanced, cosine) - 0.1),
            "The margin in the cosine is taken from every class, and a softmax does "
            "not see what is taken from all.",
        ),
        (
            8 * torch.where(right, advanced + 0.1, cosine),
            "The margin in the cosine is added, which makes the task easier.",
        ),
        (
            torch.where(right, 8 * paid, cosine),
            "Only the right class is scaled; all are.",
        ),
    ]
    name_mistake(found, mistakes, 1e-4)
    row = worst(found, wanted)
    raise WrongAnswerError(
        f"For the cosines {text(cosine[row])}, advanced {text(advanced[row])}, label "
        f"{int(labels[row])}, scale 8 and margin 0.1 the logits are "
        f"{text(wanted[row])}, yours are {text(found[row])}."
    )


def _unlabelled_rows(examinee: Examinee, generator: torch.Generator) -> None:
    cosine, advanced, labels = _batch(generator)
    labels[torch.randint(1, 4, (), generator=generator)] = -1
    reply = examinee.call("combined_logits", cosine, advanced, labels, 8.0, 0.1)
    found = as_tensor(reply, (5, 4))
    wanted = _two_margins(cosine, advanced, labels)
    row = first_miss(found, wanted, 1e-4)
    if row is None:
        return
    if labels[row] >= 0:
        raise WrongAnswerError(
            f"Beside a row without a label, the row of label {int(labels[row])} should "
            f"have the logits {text(wanted[row])}, yours are {text(found[row])}."
        )
    last = 8 * torch.cat([cosine[row, :3], advanced[row, 3:] - 0.1])
    told = (
        f"The label −1 says that nobody knows the class. The logits of the cosines "
        f"{text(cosine[row])} are then {text(wanted[row])}, yours are "
        f"{text(found[row])}"
    )
    if close(found[row], last, 1e-4):
        raise WrongAnswerError(f"{told}: the index −1 has met the last class.")
    raise WrongAnswerError(f"{told}.")


def _nothing_overwritten(examinee: Examinee, generator: torch.Generator) -> None:
    cosine, advanced, labels = _batch(generator)
    upstream = 0.5 + torch.rand(5, 4, generator=generator)
    try:
        reply, (to_cosine, to_advanced) = examinee.differentiate(
            "combined_logits",
            [cosine, advanced, labels, 8.0, 0.1],
            with_respect_to=[0, 1],
            upstream=upstream,
        )
    except NotAttemptedError:
        raise
    except WrongAnswerError as wrong:
        if "in-place" not in str(wrong):
            raise
        raise WrongAnswerError(
            "Your function writes into a tensor that belongs to its caller, and "
            "autograd refuses. Make a new one."
        ) from wrong
    as_tensor(reply, (5, 4))
    right = F.one_hot(labels, 4)
    pulls = (to_cosine, 1 - right, "cosine"), (to_advanced, right, "advanced")
    for pull, where, name in pulls:
        if pull is None:
            raise WrongAnswerError(f"No gradient reaches `{name}`.")
        row = first_miss(pull, 8 * upstream * where, 1e-3)
        if row is not None:
            raise WrongAnswerError(
                f"For label {int(labels[row])} and a gradient of "
                f"{text(upstream[row])} at the logits, `{name}` should receive "
                f"{text(8 * upstream[row] * where[row])}, and receives "
                f"{text(pull[row])}."
            )


COMBINED_LOGITS = Task(
    function="combined_logits",
    title="Two margins in one head",
    difficulty=2,
    minutes=25,
    parts=(
        Part(
            7, "the right class pays both margins, nobody else any", _right_class_pays
        ),
        Part(3, "a row without a label has plain logits", _unlabelled_rows),
        Part(
            4, "nothing overwritten, every gradient in its place", _nothing_overwritten
        ),
    ),
)
