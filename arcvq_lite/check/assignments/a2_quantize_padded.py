"""A2, straight through and two losses, for sequences that are padded to one length."""

from __future__ import annotations

import torch
from torch import Tensor

from arcvq_lite.check.examinee import Examinee
from arcvq_lite.check.replies import (
    as_number,
    as_tensor,
    as_things,
    first_miss,
    text,
    worst,
)
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError, close, name_mistake

BETA = 0.3
NAMES = ("quantized", "loss")


def _sequence(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Latents (7, 3), codes (5, 3), and a code for each latent, one code twice."""
    latents = torch.randn(7, 3, generator=generator)
    codebook = torch.randn(5, 3, generator=generator)
    indices = torch.randperm(7, generator=generator) % 4
    return latents, codebook, indices


def _with_padding(generator: torch.Generator) -> tuple[Tensor, ...]:
    """The same, with (7,) valid tokens, the first three without meaning or NaN."""
    latents, codebook, indices = _sequence(generator)
    valid = torch.arange(7) > 2
    latents[0], latents[1] = 1e4, torch.nan
    return latents, codebook, indices, valid


def _value(examinee: Examinee, generator: torch.Generator) -> None:
    latents, codebook, indices = _sequence(generator)
    every = torch.ones(7, dtype=torch.bool)
    reply = examinee.call(
        "quantize_padded", latents, codebook, indices, every, BETA
    )  # fmt: skip
    quantized, _ = as_things(reply, NAMES)
    found = as_tensor(quantized, (7, 3), "quantized")
    codes = codebook[indices]
    name_mistake(
        found,
        [
            (
                latents,
                "The value is the latents'; the decoder must be given the codes.",
            ),
            (latents + codes, "Latents and codes are added up."),
        ],
        1e-5,
    )
    row = first_miss(found, codes, 1e-5)
    if row is not None:
        raise WrongAnswerError(
            f"Token {row} has index {int(indices[row])}, so the decoder should be "
            f"given {text(codes[row])}; yours is {text(found[row])}."
        )


def _pulls(
    examinee: Examinee,
    arguments: tuple[Tensor, ...],
    upstream: tuple[Tensor | None, ...],
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Both results, and the gradients of latents and codebook, 0 where none flows."""
    reply, gradients = examinee.differentiate(
        "quantize_padded",
        [*arguments, BETA],
        with_respect_to=[0, 1],
        upstream=upstream,
    )
    quantized, loss = as_things(reply, NAMES)
    to_latents, to_codes = (
        torch.zeros_like(given) if gradient is None else gradient
        for given, gradient in zip(arguments, gradients, strict=False)
    )
    return (as_tensor(quantized, (7, 3), "quantized"), loss), (to_latents, to_codes)


def _straight_through(examinee: Examinee, generator: torch.Generator) -> None:
    latents, codebook, indices = _sequence(generator)
    every = torch.ones(7, dtype=torch.bool)
    upstream = torch.randn(7, 3, generator=generator)
    given = (latents, codebook, indices, every)
    _, (to_latents, to_codes) = _pulls(examinee, given, (upstream, None))
    if not bool(to_latents.any()):
        where = "the codes instead" if bool(to_codes.any()) else "nobody"
        raise WrongAnswerError(
            f"The decoder's gradient reaches {where}; it should go to the latents, as "
            "if the quantizer were not there."
        )
    if bool(to_codes.any()):
        raise WrongAnswerError(
            "The decoder's gradient moves the codes too; it should go to the latents "
            "alone. The codes have a loss of their own."
        )
    row = first_miss(to_latents, upstream, 1e-5)
    if row is not None:
        raise WrongAnswerError(
            f"The decoder's gradient at token {row} is {text(upstream[row])} and "
            f"should arrive unchanged; the latent receives {text(to_latents[row])}."
        )


def _two_losses(examinee: Examinee, generator: torch.Generator) -> None:
    latents, codebook, indices = _sequence(generator)
    every = torch.ones(7, dtype=torch.bool)
    given = (latents, codebook, indices, every)
    upstream = (None, torch.ones(()))
    (_, loss), (to_latents, to_codes) = _pulls(examinee, given, upstream)
    _judge_loss(as_number(loss, "the loss"), latents, codebook[indices])
    pull = 2 * (latents - codebook[indices]) / latents.numel()
    gathered = torch.zeros_like(codebook).index_add(0, indices, -pull)
    _judge_pulls(to_latents, to_codes, pull, gathered)


def _judge_loss(found: float, latents: Tensor, codes: Tensor) -> None:
    error = (latents - codes).square()
    wanted = (1 + BETA) * error.mean()
    if close(found, wanted, 1e-4):
        return
    mistakes = [
        ((1 + BETA) * error.sum(), "That is the sum; take the mean over all elements."),
        (
            (1 + BETA) * error.sum(dim=1).mean(),
            "That is the mean over the tokens of their squared distances; take the "
            "mean over tokens and channels.",
        ),
        (error.mean(), "That is one loss; there are two of the same value."),
        (BETA * error.mean(), "That is the commitment loss alone."),
        (2 * error.mean(), "Both losses are there, and neither has the weight β."),
        (2 * BETA * error.mean(), "β weighs the commitment loss alone, not both."),
        (
            (1 + BETA) * error.mean().sqrt(),
            "That is the root of it; the loss is the mean of squares.",
        ),
    ]
    name_mistake(found, mistakes, 1e-4)
    raise WrongAnswerError(
        f"With a mean squared error of {text(error.mean())} between latents and codes "
        f"and β = {BETA} the loss is {text(wanted)}, yours is {text(found)}."
    )


def _judge_pulls(
    to_latents: Tensor, to_codes: Tensor, pull: Tensor, gathered: Tensor
) -> None:
    if close(to_latents, BETA * pull, 1e-4) and close(to_codes, gathered, 1e-4):
        return
    seen = (to_latents, to_codes)
    mistakes = [
        (
            (pull, BETA * gathered),
            "β is on the wrong loss: it should weigh the one that moves the latents.",
        ),
        (
            ((1 + BETA) * pull, (1 + BETA) * gathered),
            "Each loss moves both sides; a stop-gradient is missing from both.",
        ),
        (
            (pull + BETA * pull, gathered),
            "The codebook loss moves the latents too; detach them in it.",
        ),
        (
            (BETA * pull, (1 + BETA) * gathered),
            "The commitment loss moves the codes too; detach them in it.",
        ),
        (
            (torch.zeros_like(pull), gathered),
            "Nothing draws the latents to their codes: the commitment loss has no "
            "gradient.",
        ),
        (
            (BETA * pull, torch.zeros_like(gathered)),
            "Nothing moves the codes: the codebook loss has no gradient.",
        ),
        (
            (torch.zeros_like(pull), (1 + BETA) * gathered),
            "Both losses move the codes, and none the latents.",
        ),
    ]
    for wrong, sentence in mistakes:
        if all(close(a, b, 1e-4) for a, b in zip(seen, wrong, strict=True)):
            raise WrongAnswerError(sentence)
    row = worst(to_latents, BETA * pull)
    raise WrongAnswerError(
        f"The loss has the right value and other gradients: the latent of token {row} "
        f"should receive {text(BETA * pull[row])}, and receives "
        f"{text(to_latents[row])}; the codes should receive {text(gathered)}, and "
        f"receive {text(to_codes)}."
    )


def _padding(examinee: Examinee, generator: torch.Generator) -> None:
    latents, codebook, indices, valid = _with_padding(generator)
    upstream = torch.randn(7, 3, generator=generator)
    given = (latents, codebook, indices, valid)
    results, pulls = _pulls(examinee, given, (upstream, torch.ones(())))
    (quantized, loss), (to_latents, to_codes) = results, pulls
    told = "Tokens 0 to 2 of 7 are padding, and one of them holds NaN. "
    if not close(quantized[:3], torch.zeros(3, 3), 0):
        raise WrongAnswerError(
            f"{told}`quantized` should be 0 there, yours is {text(quantized[:3])}."
        )
    error = (latents - codebook[indices])[3:].square()
    found, wanted = as_number(loss, "the loss"), (1 + BETA) * error.mean()
    diluted = (1 + BETA) * error.sum() / latents.numel()
    if close(found, diluted, 1e-4):
        raise WrongAnswerError(
            f"{told}You divide by all 7 tokens, so that the padding makes the loss "
            "smaller; divide by the number of valid ones."
        )
    if not close(found, wanted, 1e-3):
        raise WrongAnswerError(
            f"{told}The loss of the others is {text(wanted)}, yours is {text(found)}."
        )
    pull = 2 * (latents - codebook[indices])[3:] / error.numel()
    wanted_pull = torch.cat([torch.zeros(3, 3), upstream[3:] + BETA * pull])
    row = first_miss(to_latents, wanted_pull, 1e-4)
    if row is not None:
        why = " A NaN times 0 is NaN, backwards too: take the padding out first."
        raise WrongAnswerError(
            f"{told}The latent of token {row} should receive the gradient "
            f"{text(wanted_pull[row])}, and receives {text(to_latents[row])}."
            f"{why if bool(to_latents[row].isnan().any()) else ''}"
        )
    gathered = torch.zeros_like(codebook).index_add(0, indices[3:], -pull)
    if not close(to_codes, gathered, 1e-4):
        raise WrongAnswerError(
            f"{told}The codes should receive {text(gathered)}, and receive "
            f"{text(to_codes)}; the padding counts for nothing."
        )


QUANTIZE_PADDED = Task(
    function="quantize_padded",
    title="Straight through, with padding",
    difficulty=3,
    minutes=45,
    parts=(
        Part(3, "the decoder is given the codes", _value),
        Part(5, "its gradient goes to the latents and nowhere else", _straight_through),
        Part(6, "two losses, each moving one side, β on the right one", _two_losses),
        Part(4, "padding counts for nothing, whatever it holds", _padding),
    ),
)
