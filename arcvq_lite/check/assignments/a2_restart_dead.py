"""A2, a cure for dead codes: idle ones are put where latents are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from arcvq_lite.check.examinee import Examinee
from arcvq_lite.check.replies import as_tensor, as_things, first_miss, text
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError, close

NAMES = ("counts", "sums")


@dataclass(frozen=True)
class _State:
    """A codebook of 6 codes of which 1, 3 and 4 have been idle, and a batch.

    Attributes:
        counts: (6,).
        sums: (6, 3).
        dead: (6,), a mask.
        latents: (8, 3).
        draws: (5,), which latents are offered, in this order.
    """

    counts: Tensor
    sums: Tensor
    dead: Tensor
    latents: Tensor
    draws: Tensor


def _draw(generator: torch.Generator) -> _State:
    counts = 2 + 3 * torch.rand(6, generator=generator)
    dead = torch.tensor([False, True, False, True, True, False])
    counts[dead] = 0.02 + 0.03 * torch.rand(3, generator=generator)
    sums = counts[:, None] * torch.randn(6, 3, generator=generator)
    latents = torch.randn(8, 3, generator=generator)
    draws = torch.randperm(8, generator=generator)[:5]
    return _State(counts, sums, dead, latents, draws)


def _ask(examinee: Examinee, state: _State, offered: int) -> tuple[Tensor, Tensor]:
    draws = state.draws[:offered]
    given = state.counts, state.sums, state.dead, state.latents, draws
    counts, sums = as_things(examinee.call("restart_dead", *given), NAMES)
    return as_tensor(counts, (6,), "counts"), as_tensor(sums, (6, 3), "sums")


def _dead_codes_move(examinee: Examinee, generator: torch.Generator) -> None:
    state = _draw(generator)
    counts, sums = _ask(examinee, state, 5)
    codes = (sums / counts[:, None])[state.dead]
    wanted = state.latents[state.draws[:3]]
    row = first_miss(codes, wanted, 1e-4)
    if row is None:
        return
    thrown = state.latents[state.draws[:3]] / state.counts[state.dead][:, None]
    before = (state.sums / state.counts[:, None])[state.dead]
    by_code = state.latents[state.draws[torch.tensor([1, 3, 4])]]
    mistakes = [
        (
            by_code,
            "Code k takes draw k; the first dead code should take the first draw, or "
            "draws are wasted on the living.",
        ),
        (
            thrown,
            "The sum is on the latent and the count has stayed small, so that the code "
            "sum/count is flung far beyond it.",
        ),
        (before, "The dead codes are where they were."),
        (
            state.latents[:3],
            "You take the first latents of the batch; `draws` says which to take.",
        ),
        (
            state.latents[state.draws[:1]].expand(3, 3),
            "All dead codes have the same latent, so two of the three stay dead.",
        ),
    ]
    for mistake, sentence in mistakes:
        if close(codes, mistake, 1e-3):
            raise WrongAnswerError(sentence)
    code = int(torch.nonzero(state.dead)[row])
    raise WrongAnswerError(
        f"Codes 1, 3 and 4 are dead and the draws are {state.draws.tolist()}, so code "
        f"{code} belongs on latent {int(state.draws[row])}, {text(wanted[row])}; "
        f"yours, sum over count, is at {text(codes[row])}."
    )


def _living_codes_stay(examinee: Examinee, generator: torch.Generator) -> None:
    state = _draw(generator)
    counts, sums = _ask(examinee, state, 5)
    alive = ~state.dead
    same = close(counts[alive], state.counts[alive], 1e-6)
    if same and close(sums[alive], state.sums[alive], 1e-6):
        return
    found = torch.cat([counts[:, None], sums], dim=1)
    before = torch.cat([state.counts[:, None], state.sums], dim=1)
    row = first_miss(found[alive], before[alive], 1e-6)
    code = int(torch.nonzero(alive)[row or 0])
    raise WrongAnswerError(
        f"Code {code} is alive. Its count {text(before[code, 0])} and sum "
        f"{text(before[code, 1:])} should stay, yours are {text(found[code, 0])} and "
        f"{text(found[code, 1:])}."
    )


def _weights(examinee: Examinee, generator: torch.Generator) -> None:
    state = _draw(generator)
    counts, _ = _ask(examinee, state, 5)
    if not close(counts[state.dead], torch.ones(3), 1e-5):
        raise WrongAnswerError(
            f"A restarted code should weigh as much as the one latent it was given, so "
            f"its count is 1; yours are {text(counts[state.dead])}."
        )
    counts, sums = _ask(examinee, state, 2)
    for place, code in enumerate((1, 3)):
        latent = state.latents[state.draws[place]]
        if not close(sums[code] / counts[code], latent, 1e-4):
            raise WrongAnswerError(
                f"With two draws for three dead codes, code {code} still takes draw "
                f"{place}; yours is at {text(sums[code] / counts[code])}."
            )
    left = torch.cat([counts[4:5], sums[4]])
    if not close(left, torch.cat([state.counts[4:5], state.sums[4]]), 1e-6):
        raise WrongAnswerError(
            "With two draws for three dead codes the third has to wait, its count and "
            f"sum as they were; yours has the count {text(counts[4])} and the sum "
            f"{text(sums[4])}. Two codes on one latent would leave one of them dead."
        )


RESTART_DEAD = Task(
    function="restart_dead",
    title="Put the idle where the latents are",
    difficulty=2,
    minutes=30,
    parts=(
        Part(5, "each dead code on a latent of its own", _dead_codes_move),
        Part(4, "living codes as they were", _living_codes_stay),
        Part(3, "the weight of one latent; who gets no draw waits", _weights),
    ),
)
