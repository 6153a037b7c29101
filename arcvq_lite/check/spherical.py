"""Checkers of chapter 07: a border, the forward pass, mean directions, what rises."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.check.verdict import (
    WrongAnswerError,
    ask,
    ask_for_tensor,
    close,
    exercise,
    name_mistake,
)
from arcvq_lite.quantizers.quantized import nearest_cosine, nearest_euclidean


@exercise
def border_offset(answer: Any) -> str:
    """(first (D), second (D)) → signed distance from the origin to their border."""
    first, second = torch.tensor([3.0, 4.0, 0.0]), torch.tensor([0.0, 2.0, 1.0])
    offset = _number(ask(answer, first, second))
    squares = float(first.square().sum() - second.square().sum())
    apart = float((first - second).norm())
    wanted = squares / (2 * apart)
    midpoint = (first + second) / 2
    mistakes = {
        -wanted: (
            "The sign is turned round: where the first code is longer, the origin "
            "belongs to the second, and the offset is positive."
        ),
        2 * wanted: (
            "Twice too far: the score is z·e − ‖e‖²/2, so half of the difference of "
            "the squares is missing."
        ),
        squares / 2: (
            "Not a distance yet: e₁ − e₂ is not a unit vector, so divide by its norm."
        ),
        squares / (2 * apart**2): (
            "That is the offset in units of e₁ − e₂; divide by its norm, not by the "
            "norm squared."
        ),
        float(first.norm() - second.norm()) / 2: (
            "Half the difference of the lengths: that is right only for two codes on "
            "one ray. Use squared norms and the distance of the codes."
        ),
        float(midpoint.norm()): (
            "That is how far the midpoint of the codes is; the border passes through "
            "it, and comes nearer to the origin elsewhere."
        ),
        apart / 2: "That is how far the border is from each code, not from the origin.",
        0.0: (
            "Only the border between angles passes through the origin always; this one "
            "does so at equal lengths."
        ),
    }
    if close(offset, wanted, 1e-5):
        return "z·(e₁ − e₂) = (‖e₁‖² − ‖e₂‖²)/2, divided by the norm of e₁ − e₂."
    name_mistake(offset, mistakes.items(), 1e-5)
    raise WrongAnswerError(
        f"For codes (3, 4, 0) and (0, 2, 1) the border is {wanted:.4f} away, yours "
        f"{offset:.4f}. Set the two scores z·e − ‖e‖²/2 equal."
    )


@exercise
def spherical_quantize(answer: Any) -> str:
    """(latents (N, D), codebook (K, D)) → what the decoder gets, (N, D)."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.linspace(0.3, 3, 6)[:, None]
    codebook = lengths * F.normalize(torch.randn(6, 4, generator=generator), dim=1)
    latents = 2 * torch.randn(30, 4, generator=generator)
    latents.requires_grad_()
    codebook.requires_grad_()
    given = ask_for_tensor(answer, (30, 4), latents, codebook)
    _refuse_other_codes(given.detach(), latents.detach(), codebook.detach())
    _refuse_other_gradients(given, latents, codebook)
    return "Found by direction, handed on with its length, and the gradient untouched."


def _refuse_other_codes(given: Tensor, latents: Tensor, codebook: Tensor) -> None:
    found = nearest_cosine(latents, codebook)
    directions = F.normalize(codebook, dim=1)
    lengths = latents.norm(dim=1, keepdim=True)
    by_column = F.normalize(latents, dim=0) @ F.normalize(codebook, dim=0).T
    mistakes = [
        (
            directions[found],
            "The decoder gets the normalised code. That is ViT-VQGAN's way; here the "
            "length belongs to the message.",
        ),
        (
            lengths * directions[found],
            "The decoder gets the code's direction with the latent's length, which no "
            "token could carry. Hand on the code itself.",
        ),
        (
            codebook[nearest_euclidean(latents, codebook)],
            "Found by distance: a short code wins near the origin. Normalise both "
            "sides before you compare.",
        ),
        (
            codebook[(latents @ codebook.T).argmax(dim=1)],
            "Found by the plain product: long codes win for being long. Normalise the "
            "codes in the matching.",
        ),
        (
            codebook[by_column.argmax(dim=1)],
            "Columns are normalised, dim=0; each latent and each code is a row, dim=1.",
        ),
        (
            codebook[nearest_cosine(-latents, codebook)],
            "The code in the opposite direction: the smallest angle has the largest "
            "cosine.",
        ),
        (latents, "The latents come back as they went in; the codes are missing."),
    ]
    if close(given, codebook[found], 1e-5):
        return
    name_mistake(given, mistakes, 1e-5)
    row = int((given - codebook[found]).abs().amax(dim=1).argmax())
    raise WrongAnswerError(
        f"Latent {row} should be replaced by code {int(found[row])}, "
        f"{_shown(codebook[found[row]])}; you return {_shown(given[row])}."
    )


def _refuse_other_gradients(given: Tensor, latents: Tensor, codebook: Tensor) -> None:
    decoder = torch.linspace(-1, 1, given.numel()).reshape(given.shape)
    to_latents = to_codes = None
    if given.requires_grad:
        to_latents, to_codes = torch.autograd.grad(
            (given * decoder).sum(), (latents, codebook), allow_unused=True
        )
    if to_codes is not None and bool(to_codes.abs().max() > 1e-6):
        raise WrongAnswerError(
            "The decoder's gradient reaches the codebook; a detach is missing. The "
            "codes learn from the codebook loss."
        )
    if to_latents is None or bool(to_latents.abs().max() < 1e-6):
        raise WrongAnswerError(
            "No gradient reaches the latents, so the encoder learns nothing from the "
            "decoder. Write z + (e − z).detach()."
        )
    if not close(to_latents, decoder, 1e-5):
        raise WrongAnswerError(
            "The latents get another gradient than the decoder sends. Straight-through "
            "uses the un-normalised latent: z + (e − z).detach() with z itself."
        )


@exercise
def mean_directions(answer: Any) -> str:
    """(latents (N, D), indices (N,), directions (K, D)) → new directions (K, D)."""
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(24, 3, generator=generator)
    latents = torch.linspace(0.2, 4, 24)[:, None] * F.normalize(latents, dim=1)
    indices = torch.randint(4, (24,), generator=generator)  # code 4 gets none
    directions = F.normalize(torch.randn(5, 3, generator=generator), dim=1)
    before = directions.clone()
    reply = ask_for_tensor(answer, (5, 3), latents, indices, directions)
    if not torch.equal(directions, before):
        raise WrongAnswerError(
            "Your function has changed the caller's directions; return a new tensor."
        )
    of = F.one_hot(indices, 5).float().T  # (K, N)
    turns, sums = of @ F.normalize(latents, dim=1), of @ latents
    won = of.sum(dim=1, keepdim=True)
    wanted = F.normalize(turns, dim=1)[:4]
    mistakes = [
        (
            F.normalize(sums, dim=1)[:4],
            "Long latents have more say than short ones. That is ArcVQ's mixed scheme, "
            "which raises J₁; for J₀ normalise the latents before you sum.",
        ),
        (
            (turns / won)[:4],
            "Not normalised at the end: the mean of unit vectors is shorter than 1.",
        ),
        (turns[:4], "Not normalised at the end: these are sums, not directions."),
        ((sums / won)[:4], "That is k-means: the mean with all lengths left in."),
        (before[:4], "Nothing has moved."),
        (
            F.normalize(turns, dim=0)[:4],
            "The columns are normalised, dim=0; each direction is a row, dim=1.",
        ),
        (-wanted, "The directions point away from their latents."),
    ]
    if not close(reply[:4], wanted, 1e-5):
        name_mistake(reply[:4], mistakes, 1e-5)
        raise WrongAnswerError(
            f"Code 0 should point along {_shown(wanted[0])}, yours along "
            f"{_shown(reply[0])}."
        )
    if not bool(torch.isfinite(reply[4]).all()):
        raise WrongAnswerError(
            "A code without latents becomes NaN: its sum is zero. Let it keep its "
            "direction."
        )
    if not close(reply[4], before[4], 1e-6):
        raise WrongAnswerError(
            f"A code without latents should stay at {_shown(before[4])}; yours is "
            f"{_shown(reply[4])}."
        )
    return "The direction of the sum of directions, by Cauchy and Schwarz the best."


@exercise
def never_falls(answer: Any) -> str:
    """(latents (N, D), codebook (K, D)) → the measure that the alternation raises."""
    generator = torch.Generator().manual_seed(2)
    lengths = torch.linspace(-1.5, 1.5, 60).exp()[:, None]
    latents = lengths * F.normalize(torch.randn(60, 3, generator=generator), dim=1)
    codebook = torch.randn(6, 3, generator=generator)
    own = _number(ask(answer, latents, codebook))
    found = nearest_cosine(latents, codebook)
    codes, size = codebook[found], latents.norm(dim=1)
    cosine = F.cosine_similarity(latents, codes)
    wanted = float((size * cosine).mean())
    mistakes = [
        (
            cosine.mean(),
            "That is J₀, which spherical k-means raises. Under ArcVQ's means it can "
            "fall: every latent has to count with its length.",
        ),
        (
            (latents * codes).sum(dim=1).mean(),
            "The codes' lengths are in it. Multiply one code by ten and the measure "
            "changes, although no choice does; normalise the codes.",
        ),
        (
            (latents - codes).square().sum(dim=1).mean(),
            "That is the squared error, the measure which the alternation can raise.",
        ),
        (
            -(latents - codes).square().sum(dim=1).mean(),
            "That is the squared error with its sign turned, and it can fall.",
        ),
        (
            (latents @ F.normalize(codebook, dim=1).T).mean(),
            "The mean over all pairs; each latent counts with the code it chooses.",
        ),
        (
            (codes.norm(dim=1) * cosine).mean(),
            "Weighted by the codes' lengths; the latents' lengths are the weights.",
        ),
        (-wanted, "The sign is turned round: that one never rises."),
    ]
    right = (wanted, float((size * cosine).sum()))
    if any(close(own, value, 1e-4 * max(1, abs(value))) for value in right):
        _falls_nowhere(answer, latents, codebook)
        return "zᵢ·ê: weighted by the latents' lengths, blind to the codes'."
    for mistake, sentence in mistakes:
        total = 60 * torch.as_tensor(mistake)
        if close(own, mistake, 1e-4) or close(own, total, 1e-3):
            raise WrongAnswerError(sentence)
    raise WrongAnswerError(
        f"On the checker's 60 latents J₁ is {wanted:.4f}, yours is {own:.4f}. Write "
        "‖z‖ cos θ for one latent and its code, and take the mean."
    )


def _falls_nowhere(answer: Any, latents: Tensor, codebook: Tensor) -> None:
    """Run the alternation, with other code lengths at every step."""
    last = -float("inf")
    for step in range(12):
        value = _number(ask(answer, latents, codebook))
        if value < last - 1e-4:
            raise WrongAnswerError(
                f"At step {step} of the alternation it falls from {last:.4f} to "
                f"{value:.4f}."
            )
        last = value
        of = F.one_hot(nearest_cosine(latents, codebook), len(codebook)).float().T
        won = of.sum(dim=1, keepdim=True)
        means = torch.where(won > 0, of @ latents / won.clamp(min=1), codebook)
        codebook = means * (1 + torch.arange(len(codebook)) % (step + 2))[:, None]


def _number(reply: Any) -> float:
    """The reply as a float, or the sentence that it is none."""
    if isinstance(reply, Tensor) and reply.numel() == 1:
        return float(reply)
    if isinstance(reply, bool) or not isinstance(reply, int | float):
        shape = f" of shape {tuple(reply.shape)}" if isinstance(reply, Tensor) else ""
        raise WrongAnswerError(f"Return one number, not {type(reply).__name__}{shape}.")
    return float(reply)


def _shown(vector: Tensor) -> str:
    return "(" + ", ".join(f"{entry:.3f}" for entry in vector.tolist()) + ")"
