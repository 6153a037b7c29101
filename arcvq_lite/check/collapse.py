"""Checkers of chapter 06: tokens to look at, a code's length, restarts, running means.

Each tries the usual wrong ideas and says in the field's words which one it has met.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.check.verdict import WrongAnswerError, ask, close, exercise


@exercise
def tokens_needed(answer: Any) -> str:
    """(num_codes, usage) → the fewest draws whose expected usage is at least that."""
    for codes, usage in ((128, 0.99), (4, 0.5), (16, 0.9)):
        reply = _number(ask(answer, codes, usage))
        missed = math.log(1 - 1 / codes)
        exact = math.log(1 - usage) / missed
        wanted = math.ceil(exact)
        if reply == wanted:
            continue
        told = f"With {codes} codes and a usage of {usage:.0%}: "
        mistakes = {
            float(codes): (
                "as many tokens as codes would do only if no token were ever "
                "repeated; drawn at random, many are."
            ),
            codes * usage: "this would do only if no token were ever repeated.",
            float(math.ceil(codes * usage)): (
                "this would do only if no token were ever repeated."
            ),
            math.log(usage) / missed: (
                "the usage itself stands in the logarithm; a code is missed with the "
                "probability (1 − 1/K)^N, and that shall be 1 − usage."
            ),
            float(math.ceil(math.log(usage) / missed)): (
                "the usage itself stands in the logarithm; a code is missed with the "
                "probability (1 − 1/K)^N, and that shall be 1 − usage."
            ),
            exact: "tokens are whole; round up to the first number that is enough.",
            float(math.floor(exact)): "one token short: round up, not down.",
            float(math.ceil(-codes * math.log(1 - usage))): (
                "that solves the approximation 1 − exp(−N/K), which asks for too many "
                "tokens; keep (1 − 1/K)^N."
            ),
            -codes * math.log(1 - usage): (
                "that solves the approximation 1 − exp(−N/K), and is not whole."
            ),
        }
        for mistake, sentence in mistakes.items():
            if close(reply, mistake, 1e-6):
                raise WrongAnswerError(told + sentence)
        raise WrongAnswerError(
            f"{told}{wanted} tokens are expected to show {_seen(codes, wanted):.2%} "
            f"of the codes; you return {reply:g}."
        )
    return "1 − (1 − 1/K)^N reaches the usage at this N and at no smaller one."


def _seen(codes: int, draws: int) -> float:
    return 1 - (1 - 1 / codes) ** draws


@exercise
def best_length(answer: Any) -> str:
    """(latents, direction) → the length at which a code so directed scores most."""
    latents = torch.tensor([[2.0, 1.0, 0.0], [3.0, 2.0, 2.0], [1.0, 0.0, 1.0]])
    direction = torch.tensor([2.0, 0.0, 1.0])
    reply = _number(ask(answer, latents.clone(), direction.clone()))
    unit = F.normalize(direction, dim=0)
    along = latents @ unit  # (3,)
    wanted = along.mean().item()
    mistakes = {
        along.sum().item(): (
            "That is the sum of z·ê over the latents. Each latent also brings its own "
            "−‖e‖²/2, so the sum must be divided by their number."
        ),
        (latents @ direction).mean().item(): (
            "The direction you are given is not of length 1; normalise it first."
        ),
        latents.norm(dim=1).mean().item(): (
            "That is the latents' mean length. A code gains only from the part of a "
            "latent that points its way, ‖z‖ cos θ."
        ),
        latents.mean(dim=0).norm().item(): (
            "That is the length of the mean, the best one if the direction were free; "
            "here it is given."
        ),
        along.max().item(): (
            "That is best for a single latent; the score is summed over all of them."
        ),
        2 * wanted: (
            "Twice too long: there the total score is back at 0. Half of ‖e‖² is "
            "subtracted, and its derivative is ‖e‖."
        ),
        wanted / 2: "Half of ‖e‖² is subtracted, and its derivative is ‖e‖, not 2‖e‖.",
    }
    if not close(reply, wanted, 1e-4):
        for mistake, sentence in mistakes.items():
            if close(reply, mistake, 1e-4):
                raise WrongAnswerError(sentence)
        raise WrongAnswerError(
            f"For the latents {latents.tolist()} and the direction "
            f"{direction.tolist()} the total score is largest at length {wanted:.4f}, "
            f"where it is {_total(latents, wanted * unit):.4f}; at your length "
            f"{reply:.4f} it is {_total(latents, reply * unit):.4f}."
        )
    behind = _number(ask(answer, latents.clone(), -direction))
    if not close(behind, 0.0, 1e-6):
        raise WrongAnswerError(
            f"For the opposite direction you return {behind:.4f}. A length is never "
            "negative; for a code that points away from its latents the best one is 0."
        )
    return "The mean of ‖z‖ cos θ, and 0 for a code that points away."


def _total(latents: Tensor, code: Tensor) -> float:
    return (latents @ code - code.square().sum() / 2).sum().item()


@exercise
def restart_threshold(answer: Any) -> str:
    """(decay, patience) → a threshold that idle codes pass after so many batches."""
    for decay, patience in ((0.9, 7), (0.99, 100), (0.5, 1)):
        reply = _number(ask(answer, decay, patience))
        if decay**patience < reply <= decay ** (patience - 1):
            continue
        told = f"With decay {decay} and a patience of {patience}: "
        mistakes = {
            decay**patience: (
                "after exactly that many batches the count equals your threshold and "
                "is not below it, so the restart comes one batch late."
            ),
            1 - decay**patience: "that is what has been forgotten, not what is left.",
            decay * patience: (
                "the decays are added up; a batch multiplies the count by the decay."
            ),
            1 / patience: "the count falls as a power of the decay, not as 1/t.",
            1 - decay: "the threshold must depend on the patience.",
            math.exp(-patience): (
                "the count falls by the decay in each batch, not by 1/e."
            ),
        }
        for mistake, sentence in mistakes.items():
            if close(reply, mistake, 1e-9):
                raise WrongAnswerError(told + sentence)
        waits = _waits(decay, reply)
        raise WrongAnswerError(
            f"{told}the threshold {reply:.4g} is passed "
            f"{'never' if waits is None else f'after {waits} batches'}; the count of "
            f"an idle code is {decay**patience:.4g} then, and was "
            f"{decay ** (patience - 1):.4g} one batch before."
        )
    return "The count is still at or above it one batch before, and below it then."


def _waits(decay: float, threshold: float) -> int | None:
    """Batches until decay**t falls below the threshold."""
    if threshold <= 0:
        return None
    return max(0, math.floor(math.log(threshold) / math.log(decay)) + 1)


@exercise
def ema_step(answer: Any) -> str:
    """(codebook, counts, latents, chosen, decay) → next codebook and counts."""
    codebook = torch.tensor([[1.0, 0.0], [0.0, 2.0], [5.0, 5.0]])
    counts = torch.tensor([8.0, 0.5, 3.0])
    latents = torch.tensor([[2.0, 1.0], [1.0, 3.0], [3.0, 1.0], [0.0, 4.0]])
    chosen = torch.tensor([0, 1, 0, 1])
    given = (codebook, counts, latents, chosen)
    copies = [tensor.clone() for tensor in given]
    reply = ask(answer, *copies, 0.8)
    if not isinstance(reply, tuple) or len(reply) != 2:
        raise WrongAnswerError("Return a pair: the next codebook and the next counts.")
    codes, running = reply
    for name, found, like in (
        ("codebook", codes, codebook),
        ("counts", running, counts),
    ):
        if not isinstance(found, Tensor) or found.shape != like.shape:
            raise WrongAnswerError(
                f"The next {name} must be a tensor of shape {tuple(like.shape)}."
            )
    if any(not torch.equal(a, b) for a, b in zip(copies, given, strict=True)):
        raise WrongAnswerError("Your function has changed the caller's tensors.")
    _check_counts(running, counts, chosen)
    if bool(codes.isnan().any()):
        raise WrongAnswerError(
            "A code that won nothing becomes NaN: the mean of no latents is 0/0. Mix "
            "sums, and divide at the end."
        )
    _check_codes(codes, codebook, counts, latents, chosen)
    return "Sums and counts are mixed, and only then divided; the idle code stays."


def _check_counts(running: Tensor, counts: Tensor, chosen: Tensor) -> None:
    n = chosen.bincount(minlength=3).float()
    mistakes = [
        (counts, "The counts have not moved; they decay as the sums do."),
        (n, "The counts are this batch's alone; they are running, with the decay."),
        (counts + n, "The counts are added up and never decay, so nobody grows idle."),
        (0.2 * counts + 0.8 * n, "The weights are swapped: the past has the decay."),
        (
            0.8 * counts + n,
            "The new counts lack their weight 1 − decay.",
        ),
    ]
    if close(running, 0.8 * counts + 0.2 * n, 1e-5):
        return
    for mistake, sentence in mistakes:
        if close(running, mistake, 1e-5):
            raise WrongAnswerError(sentence)
    raise WrongAnswerError(
        f"Counts {counts.tolist()}, new ones {n.tolist()} and decay 0.8 should give "
        f"{_shown(0.8 * counts + 0.2 * n)}, yours are {_shown(running)}."
    )


def _check_codes(
    codes: Tensor, codebook: Tensor, counts: Tensor, latents: Tensor, chosen: Tensor
) -> None:
    n = chosen.bincount(minlength=3).float()[:, None]  # (3, 1)
    u = torch.zeros_like(codebook).index_add_(0, chosen, latents)  # (3, 2)
    past = counts[:, None]
    mixed = 0.8 * past + 0.2 * n
    wanted = (0.8 * past * codebook + 0.2 * u) / mixed
    means = torch.where(n > 0, u / n.clamp(min=1), codebook)
    mistakes = [
        (codebook, "The codebook has not moved."),
        (means, "Each code jumps to this batch's mean; the past has no weight."),
        (
            0.8 * codebook + 0.2 * means,
            "You mix means: a code with 2 latents in this batch and 8 in its running "
            "count must weigh them by these numbers. Mix sums, e · count being the old "
            "one.",
        ),
        (
            0.8 * codebook + 0.2 * u / n.clamp(min=1),
            "You mix means, and the code that won nothing shrinks towards 0.",
        ),
        (
            (0.8 * codebook + 0.2 * u) / mixed,
            "The old sum is the code times its running count, e · count, not e.",
        ),
        (
            0.8 * past * codebook + 0.2 * u,
            "These are the running sums; divide them by the running counts.",
        ),
        (
            (0.2 * past * codebook + 0.8 * u) / (0.2 * past + 0.8 * n),
            "The weights of the sums are swapped: the past has the decay.",
        ),
    ]
    if close(codes, wanted, 1e-5):
        return
    for mistake, sentence in mistakes:
        if close(codes, mistake, 1e-5):
            raise WrongAnswerError(sentence)
    row = int((codes - wanted).abs().amax(dim=1).argmax())
    raise WrongAnswerError(
        f"Code {row}, at {_shown(codebook[row])} with the count {counts[row]:g}, wins "
        f"{int(n[row])} latents with the sum {_shown(u[row])}; at decay 0.8 it should "
        f"move to {_shown(wanted[row])}, yours is at {_shown(codes[row])}."
    )


def _number(reply: Any) -> float:
    """The reply as a finite float, or the sentence that it is none."""
    if isinstance(reply, Tensor) and reply.numel() == 1:
        reply = reply.item()
    if isinstance(reply, bool) or not isinstance(reply, Real):
        raise WrongAnswerError(f"Return one number, not {type(reply).__name__}.")
    if not math.isfinite(reply):
        raise WrongAnswerError(f"Return a finite number, not {float(reply)}.")
    return float(reply)


def _shown(values: Tensor) -> str:
    return "(" + ", ".join(f"{value:.3f}" for value in values.tolist()) + ")"
