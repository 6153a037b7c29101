"""A task of A3: the margin loss of latents that arrive piece by piece."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.check.assignments.a3_code_blocks import numbers_in
from arcvq_lite.check.examinee import Examinee, Value
from arcvq_lite.check.replies import as_number, as_things, text
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError, close, name_mistake
from arcvq_lite.losses import arc_margin_loss
from arcvq_lite.margins import add_angular_margin


class _Stream:
    """Latents in pieces, a codebook and options."""

    def __init__(
        self,
        pieces: tuple[int, ...],
        codes: int,
        scale: float,
        generator: torch.Generator,
    ) -> None:
        latents = torch.randn(sum(pieces), 4, generator=generator)
        self.pieces = latents.split(list(pieces))
        self.codebook = torch.randn(codes, 4, generator=generator)
        margin = 0.2 + 0.3 * torch.rand((), generator=generator).item()
        self.options = scale, margin, 3

    def feed(self, examinee: Examinee) -> list[tuple[float, Value]]:
        """The loss and the state after each piece."""
        state: Value = None
        told: list[tuple[float, Value]] = []
        for piece in self.pieces:
            given = (piece, self.codebook, *self.options, state)
            reply = examinee.call("add_latents", *given)
            loss, state = as_things(reply, ("loss", "state"))
            told.append((as_number(loss, "the loss"), state))
        return told

    def loss(self, latents: Tensor) -> Tensor:
        """Of the codebook and these latents."""
        scale, margin, top_k = self.options
        return arc_margin_loss(
            latents.double(),
            self.codebook.double(),
            scale=scale,
            margin=margin,
            top_k=top_k,
        )

    def losing_the_demoted(self, pieces: int) -> Tensor:
        """The loss after some pieces, if no positive became a negative again."""
        scale, margin, top_k = self.options
        codes = F.normalize(self.codebook.double(), dim=1)
        positives = codes.new_zeros(len(codes), 0)
        others = codes.new_zeros(len(codes), 0)
        for piece in self.pieces[:pieces]:
            new = codes @ F.normalize(piece.double(), dim=1).T
            kept = torch.cat([positives, new], dim=1).topk(top_k, dim=1).values
            lowest = kept[:, -1:]
            left = torch.where(new < lowest, new, -math.inf)
            others = torch.cat([others, left], dim=1)
            positives = kept
        won = scale * add_angular_margin(positives, margin)
        every = torch.cat([won, scale * others], dim=1)
        return (every.logsumexp(dim=1) - won.logsumexp(dim=1)).mean()


def _equals_the_plain_loss(examinee: Examinee, generator: torch.Generator) -> None:
    stream = _Stream((9,), 5, 4.0, generator)
    found = stream.feed(examinee)[0][0]
    wanted = stream.loss(stream.pieces[0])
    if not close(found, wanted, 2e-4):
        raise WrongAnswerError(
            f"Nine latents in a single piece should have the plain loss, "
            f"{text(wanted)}; yours is {text(found)}."
        )


def _joins_pieces(examinee: Examinee, generator: torch.Generator) -> None:
    stream = _Stream((4, 7, 1, 6), 6, 4.0, generator)
    told = [loss for loss, _ in stream.feed(examinee)]
    for number, found in enumerate(told):
        seen = torch.cat(stream.pieces[: number + 1])
        wanted = stream.loss(seen)
        if close(found, wanted, 2e-4):
            continue
        alone = [stream.loss(p) for p in stream.pieces[: number + 1] if len(p) >= 3]
        name_mistake(
            found,
            [
                (alone[-1], "That is the loss of the last piece alone."),
                (
                    torch.stack(alone).mean(),
                    "That is the mean of the pieces' losses; the latents of all pieces "
                    "compete in one softmax.",
                ),
            ],
            1e-4,
        )
        if close(found, stream.losing_the_demoted(number + 1), 2e-4):
            raise WrongAnswerError(_DEMOTED)
        counts = [len(piece) for piece in stream.pieces[: number + 1]]
        raise WrongAnswerError(
            f"After pieces of {', '.join(map(str, counts))} latents the loss should be "
            f"that of all {sum(counts)} together, {text(wanted)}; yours is "
            f"{text(found)}. Follow one code by hand: who calls whom after each piece?"
        )


_DEMOTED = (
    "A latent that was among the k and is driven out by a better one has vanished; it "
    "is a negative from then on."
)


def _never_overflows(examinee: Examinee, generator: torch.Generator) -> None:
    for scale in (100.0, 1000.0):
        stream = _Stream((5, 4, 6), 6, scale, generator)
        found = stream.feed(examinee)[-1][0]
        wanted = stream.loss(torch.cat(stream.pieces))
        if not close(found, wanted, 1e-4 * wanted.item() + 1e-2):
            raise WrongAnswerError(
                f"At s = {scale:g} the loss of three pieces is {text(wanted)}; yours "
                f"is {text(found)}. A sum of exponentials that is handed on needs the "
                "largest exponent beside it, or its own logarithm."
            )


def _hands_on_little(examinee: Examinee, generator: torch.Generator) -> None:
    stream = _Stream((300, 300, 300, 300), 20, 5.0, generator)
    told = stream.feed(examinee)
    sizes = [numbers_in(state) for _, state in told]
    allowed = 20 * (2 * 3 + 4) + 16
    if max(sizes) > allowed:
        raise WrongAnswerError(
            f"For 20 codes and k = 3 a state of {allowed} numbers is more than enough; "
            f"after {', '.join(str(300 * n) for n in range(1, 5))} latents yours has "
            f"{', '.join(map(str, sizes))}."
        )
    wanted = stream.loss(torch.cat(stream.pieces))
    if not close(told[-1][0], wanted, 1e-3):
        raise WrongAnswerError(
            f"After four pieces of 300 latents the loss should be {text(wanted)}; "
            f"yours is {text(told[-1][0])}."
        )


ADD_LATENTS = Task(
    function="add_latents",
    title="A piece of the batch at a time",
    difficulty=3,
    minutes=60,
    parts=(
        Part(3, "has the plain loss for a single piece", _equals_the_plain_loss),
        Part(5, "joins pieces of any size in one softmax", _joins_pieces),
        Part(3, "carries its sums without overflow", _never_overflows),
        Part(3, "hands on a state that does not grow", _hands_on_little),
    ),
)
