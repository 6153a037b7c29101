"""Checkers of chapter 13: who reads whom, what a token costs, and how to choose one."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from arcvq_lite.check.verdict import (
    WrongAnswerError,
    ask_for_tensor,
    close,
    exercise,
    name_mistake,
)
from arcvq_lite.prior.choosing import keep_top_p


@exercise
def causal_mask(answer: Any) -> str:
    """(given, length) → the mask (given + length, given + length), True: may read."""
    given, length = 2, 3
    size = given + length
    mask = ask_for_tensor(answer, (size, size), given, length)
    if mask.dtype != torch.bool:
        raise WrongAnswerError(f"Return a boolean mask, not one of {mask.dtype}.")
    everything = torch.ones(size, size, dtype=torch.bool)
    plain = everything.tril()
    right = plain.clone()
    right[:, :given] = True
    ahead = right.clone()
    ahead[:given] = True
    blind = right.clone()
    blind[given:, :given] = False
    strict = everything.tril(-1)
    strict[:, :given] = True
    mistakes = [
        (plain, "That is causal throughout; the caption may be read in any order."),
        (~right, "The mask is inverted: True is where a row may read a column."),
        (right.T, "Rows and columns are swapped: the row reads the column."),
        (everything.triu(), "That reads what comes later, and hides what came before."),
        (everything, "Nothing is hidden; the picture could copy its answers."),
        (
            ahead,
            "The caption reads the picture, and while that is written there is none.",
        ),
        (
            blind,
            "The picture does not read the caption, so the caption says nothing to it.",
        ),
        (
            strict,
            "A place of the picture may read itself: it holds the token before the one "
            "it predicts.",
        ),
    ]
    name_mistake(
        mask.double(), [(wrong.double(), said) for wrong, said in mistakes], 1e-5
    )
    if not torch.equal(mask, right):
        row, column = (mask != right).nonzero()[0].tolist()
        raise WrongAnswerError(
            f"With given={given} and length={length}, row {row} may "
            f"{'' if right[row, column] else 'not '}read column {column}."
        )
    return "The caption is open to all, and the picture looks back only."


@exercise
def bits_per_token(answer: Any) -> str:
    """(logits, tokens) → the mean bits a token, a scalar."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 5, generator=generator)
    tokens = torch.tensor([[0, 3, 1, 4], [2, 2, 0, 1]])
    found = ask_for_tensor(answer, (), logits.clone(), tokens.clone())
    nats = _nats(logits, tokens)
    wanted = nats.mean() / math.log(2)
    chance = logits.softmax(dim=2)
    across = -logits.log_softmax(dim=1).gather(2, tokens[:, :, None])
    shifted = _nats(logits[:, :-1], tokens[:, 1:])
    mistakes = [
        (nats.mean(), "Those are nats; a bit is ln 2 nats."),
        (nats.mean() * math.log(2), "Divide the nats by ln 2; you multiply."),
        (-wanted, "The sign is turned: a cost is minus the logarithm."),
        (nats.sum() / math.log(2), "That is the sum over all tokens, not their mean."),
        (4 * wanted, "Those are bits a picture; a token is what is asked for."),
        (2**wanted, "That is the perplexity, 2 to the power of the bits."),
        (
            across.mean() / math.log(2),
            "The softmax runs over the places; it runs over the codes.",
        ),
        (
            shifted.mean() / math.log(2),
            "The tokens are shifted by one place; the logits at a place predict the "
            "token of that place.",
        ),
        (
            torch.special.entr(chance).sum(dim=2).mean() / math.log(2),
            "That is the prior's entropy; what counts is the code that came.",
        ),
    ]
    if not close(found, wanted, 1e-5):
        name_mistake(found, mistakes, 1e-5)
        raise WrongAnswerError(
            f"For two patches of four tokens out of five codes they are "
            f"{wanted:.4f} bits, yours are {found.item():.4f}."
        )
    logits[0, 0] = torch.tensor([0.0, 1000.0, 0.0, 0.0, 0.0])
    large = ask_for_tensor(answer, (), logits, tokens)
    if not bool(torch.isfinite(large)):
        raise WrongAnswerError(
            f"With a logit of 1,000 you return {large.item()}: a probability becomes 0 "
            "before its logarithm is taken. Use log_softmax or cross_entropy."
        )
    return "Surprise, in yes-or-no answers, and finite."


@exercise
def nucleus(answer: Any) -> str:
    """(p, share) → (B, K), the fewest likely codes that reach the share."""
    p = torch.tensor(
        [
            [0.0625, 0.5, 0.3125, 0.125],
            [0.125, 0.4375, 0.1875, 0.25],
            [0.02, 0.03, 0.94, 0.01],
        ]
    )
    kept = ask_for_tensor(answer, (3, 4), p.clone(), 0.75)
    if bool(kept.isnan().any()):
        raise WrongAnswerError(
            "Where one code holds more than the share alone you return NaN: no code is "
            "kept. At least one always is."
        )
    right = keep_top_p(p, 0.75)
    ordered = p.sort(dim=1, descending=True).values
    whole = p * (right > 0)
    unsorted = keep_top_p(ordered, 0.75)
    rank = p.argsort(dim=1, descending=True).argsort(dim=1)  # 0 for the likeliest
    last = (right > 0).sum(dim=1, keepdim=True) - 1
    short = whole * ((rank < last) | (rank == 0))
    threshold = p * (p >= 0.25)
    mistakes = [
        (whole, "The kept probabilities must sum to 1 again."),
        (unsorted, "Those are in the order of sorting; put them back in their places."),
        (
            short / short.sum(dim=1, keepdim=True),
            "You stop one code short: the code with which the share is reached stays.",
        ),
        (
            threshold / threshold.sum(dim=1, keepdim=True),
            "You cut by each code's own probability; the sum of the likelier ones "
            "decides.",
        ),
        (right.softmax(dim=1), "Divide by the sum; a softmax revives the cut codes."),
        (p, "Nothing has been cut."),
    ]
    if not close(kept, right, 1e-6):
        name_mistake(kept, mistakes, 1e-5)
        raise WrongAnswerError(
            f"For p = {_shown(p[0])} and a share of 0.75 it is {_shown(right[0])}, "
            f"yours is {_shown(kept[0])}."
        )
    _edges_of_the_nucleus(answer)
    return "Few where it is sure, many where it is not, and never none."


@exercise
def guided_choice(answer: Any) -> str:
    """(given, without, guidance) → the guided probabilities (B, K)."""
    given = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    without = torch.tensor([[0.2, 0.3, 0.5], [0.3, 0.3, 0.4]])
    found = ask_for_tensor(answer, (2, 3), given.clone(), without.clone(), 2.0)
    right = _guided(given, without, 2.0)
    product = without * (given / without) ** 2
    mistakes = [
        (product, "That is proportional to the answer; make each row's sum 1."),
        (
            without + 2 * (given - without),
            "The probabilities themselves were extrapolated and can fall below 0; do "
            "that with their logarithms.",
        ),
        (
            _guided(given, without, 3.0),
            "That is a guidance of 3: count the class's contribution `guidance` times, "
            "from the probabilities without it.",
        ),
        (
            _guided(without, given, 2.0),
            "The two are swapped: that moves away from the class.",
        ),
        (given, "The guidance is missing: that is the class as it was learnt."),
        (
            given.square() / given.square().sum(dim=1, keepdim=True),
            "That sharpens the class's probabilities; divide by those without it.",
        ),
        (
            (without + 2 * (given - without)).softmax(dim=1),
            "The softmax wants logits; these are probabilities, take their logarithms.",
        ),
    ]
    if not close(found, right, 1e-5):
        name_mistake(found, mistakes, 1e-5)
        raise WrongAnswerError(
            f"For {_shown(given[0])} with and {_shown(without[0])} without the class "
            f"and a guidance of 2 it is {_shown(right[0])}, yours is "
            f"{_shown(found[0])}."
        )
    tiny = torch.tensor([[0.9, 0.1, 1e-30]]), torch.tensor([[1e-30, 0.5, 0.5]])
    far = ask_for_tensor(answer, (1, 3), *tiny, 10.0)
    if not close(far, _guided(*tiny, 10.0), 1e-5):
        raise WrongAnswerError(
            f"With a probability of 1e-30 and a guidance of 10 you return "
            f"{_shown(far[0])}: a power overflows. Stay with logarithms until the end."
        )
    return "Without the class, plus what the class adds, as often as asked."


def _edges_of_the_nucleus(answer: Any) -> None:
    even = torch.full((1, 4), 0.25)
    kept = ask_for_tensor(answer, (1, 4), even, 0.5)
    if int((kept > 0).sum()) != 2:
        raise WrongAnswerError(
            f"Of four equally likely codes two reach a share of 0.5; you keep "
            f"{int((kept > 0).sum())}."
        )
    nearly = torch.tensor([[1.0, 1e-8]])  # as a softmax in float32 may give them
    if not bool((ask_for_tensor(answer, (1, 2), nearly, 1.0) > 0).all()):
        raise WrongAnswerError(
            "With a share of 1 nothing may change, and you cut a code: a rounded sum "
            "can reach 1 before the last one."
        )


def _nats(logits: Tensor, tokens: Tensor) -> Tensor:
    return -logits.log_softmax(dim=2).gather(2, tokens[:, :, None])


def _guided(given: Tensor, without: Tensor, guidance: float) -> Tensor:
    alone = without.log()
    return (alone + guidance * (given.log() - alone)).softmax(dim=1)


def _shown(row: Tensor) -> str:
    return "(" + ", ".join(f"{entry:.3g}" for entry in row.tolist()) + ")"
