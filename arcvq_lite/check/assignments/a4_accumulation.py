"""A task of A4: micro-batches of unequal weight add up to the large batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.check.examinee import Examinee
from arcvq_lite.check.replies import as_number, as_tensor, as_things, first_miss, text
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError, name_mistake

_CLASSES, _DIM, _LENGTH = 5, 3, 6


class _Text:
    """Sequences of tokens, some of them padding, and the weight of a classifier."""

    def __init__(self, lengths: list[int], generator: torch.Generator) -> None:
        shape = len(lengths), _LENGTH
        self.inputs = torch.randn(*shape, _DIM, generator=generator)
        labels = torch.randint(0, _CLASSES, shape, generator=generator)
        beyond = torch.arange(_LENGTH) >= torch.tensor(lengths)[:, None]
        self.labels = labels.masked_fill(beyond, -1)
        self.weight = torch.randn(_CLASSES, _DIM, generator=generator)

    def gradient(self, rows: slice = slice(None)) -> tuple[Tensor, int]:
        """Of the mean over the valid tokens of some sequences, and their number."""
        weight = self.weight.double().requires_grad_()
        valid = self.labels[rows] >= 0
        logits = self.inputs[rows][valid].double() @ weight.T
        loss = F.cross_entropy(logits, self.labels[rows][valid])
        return torch.autograd.grad(loss, weight)[0], int(valid.sum())

    def feed(self, examinee: Examinee, cuts: list[int]) -> tuple[Tensor, float]:
        """Gradient and tokens after the micro-batches that end at the cuts."""
        gradient, tokens, first = torch.zeros(_CLASSES, _DIM), 0.0, 0
        for last in cuts:
            given = (self.inputs[first:last], self.labels[first:last], self.weight)
            reply = examinee.call("add_micro_batch", gradient, int(tokens), *given)
            told = as_things(reply, ("gradient", "tokens"))
            gradient = as_tensor(told[0], (_CLASSES, _DIM), "the gradient")
            tokens = as_number(told[1], "tokens")
            if tokens != tokens or not 0 <= tokens < 1e9:
                raise WrongAnswerError(f"The number of tokens cannot be {tokens:g}.")
            first = last
        return gradient, tokens


def _one_micro_batch(examinee: Examinee, generator: torch.Generator) -> None:
    words = _Text([6, 2, 4], generator)
    found, tokens = words.feed(examinee, [3])
    wanted, valid = words.gradient()
    if tokens != valid:
        raise WrongAnswerError(
            f"Of 18 tokens {valid} are no padding; you count {tokens:g}."
        )
    name_mistake(
        found,
        [
            (wanted * valid, "That is the gradient of the sum over the tokens."),
            (
                wanted * valid / 18,
                "The sum is divided by all 18 tokens; padding has no loss and does not "
                "count.",
            ),
            (-wanted, "The sign is turned."),
        ],
        1e-5,
    )
    row = first_miss(found, wanted, 1e-4)
    if row is not None:
        raise WrongAnswerError(
            f"For one micro-batch of {valid} tokens row {row} of the gradient is "
            f"{text(wanted[row], 3)}; yours is {text(found[row], 3)}. Padding, label "
            "−1, has no loss."
        )


def _unequal_micro_batches(examinee: Examinee, generator: torch.Generator) -> None:
    words = _Text([6, 6, 5, 1, 2, 1, 3], generator)
    cuts = [3, 6, 7]
    found, tokens = words.feed(examinee, cuts)
    wanted, valid = words.gradient()
    if tokens != valid:
        raise WrongAnswerError(
            f"Three micro-batches hold {valid} tokens in all; you count {tokens:g}."
        )
    parts = [words.gradient(slice(a, b)) for a, b in ((0, 3), (3, 6), (6, 7))]
    means = [mean for mean, _ in parts]
    name_mistake(
        found,
        [
            (
                torch.stack(means).mean(dim=0),
                "That is the mean of the micro-batches' means: a token in a short "
                "micro-batch counts more than one in a long.",
            ),
            (
                (3 * means[0] + 3 * means[1] + means[2]) / 7,
                "The micro-batches are weighted by their sequences; a mean over tokens "
                "is weighted by tokens.",
            ),
            (torch.stack(means).sum(dim=0), "The means are added, never divided."),
            (means[-1], "Only the last micro-batch is left."),
        ],
        1e-5,
    )
    row = first_miss(found, wanted, 1e-4)
    if row is not None:
        counts = [count for _, count in parts]
        raise WrongAnswerError(
            f"Over micro-batches of {counts} tokens row {row} of the gradient should "
            f"be that of one large batch, {text(wanted[row], 3)}; yours is "
            f"{text(found[row], 3)}."
        )


def _nothing_but_padding(examinee: Examinee, generator: torch.Generator) -> None:
    words = _Text([0, 0, 4, 6, 0, 0, 2], generator)
    for cuts in ([2], [2, 4, 6, 7]):
        found, _ = words.feed(examinee, cuts)
        wanted = words.gradient()[0] if len(cuts) > 1 else torch.zeros_like(found)
        row = first_miss(found, wanted, 1e-4)
        if row is None:
            continue
        if not bool(torch.isfinite(found).all()):
            raise WrongAnswerError(
                "After a micro-batch of nothing but padding the gradient is "
                f"{text(found[row], 3)}: a mean over no token is 0 / 0."
            )
        raise WrongAnswerError(
            "A micro-batch of nothing but padding changes nothing; row "
            f"{row} should be {text(wanted[row], 3)} and is {text(found[row], 3)}."
        )


ADD_MICRO_BATCH = Task(
    function="add_micro_batch",
    title="Small batches, one gradient",
    difficulty=2,
    minutes=35,
    parts=(
        Part(6, "has the gradient of a mean over tokens", _one_micro_batch),
        Part(
            6, "adds unequal micro-batches to the large batch", _unequal_micro_batches
        ),
        Part(4, "survives a micro-batch of padding", _nothing_but_padding),
    ),
)
