"""Checkers of chapter 04: Lloyd's step, its rates, gradients copied or true."""

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

Named = list[tuple[Tensor, str]]


def _name_mistake(reply: Tensor, mistakes: Named, tolerance: float) -> None:
    name_mistake(reply, mistakes, tolerance)


@exercise
def lloyd_step(answer: Any) -> str:
    """(x (N, D), e (K, D)) → the codes after one of Lloyd's steps, (K, D)."""
    x = torch.tensor([[4.0, 4.0], [5.0, 4.0], [6.0, 7.0], [0.5, 0.0], [0.0, 1.0]])
    e = torch.tensor([[4.0, 3.0], [1.0, 1.0], [-20.0, 3.0]])
    before = e.clone()
    reply = ask_for_tensor(answer, (3, 2), x, e)
    if not torch.equal(e, before):
        raise WrongAnswerError("Your function has changed the caller's codes; clone e.")
    distance = torch.cdist(x, e)  # (5, 3)
    k = distance.argmin(dim=1)
    owned = F.one_hot(k, 3).float().T  # (3, 5)
    count, total = owned.sum(dim=1, keepdim=True), owned @ x
    wanted = torch.where(count > 0, total / count.clamp(min=1), e)
    if close(reply, wanted, 1e-5):
        return "Every sample chose its nearest code, every code went to its mean."
    if not bool(torch.isfinite(reply[2]).all()):
        raise WrongAnswerError(
            "The third code owns no sample, and the mean of nothing is NaN; let such a "
            "code stay where it is."
        )
    mistakes: Named = [
        (
            torch.where(count > 0, wanted, torch.zeros(())),
            "The third code owns no sample, and you put it on the origin; let it stay.",
        ),
        (
            torch.where(count > 0, total, e),
            "That is the sum of each cell; divide it by the number of its samples.",
        ),
        (
            total,
            "That is the sum of each cell; divide it by the number of its samples.",
        ),
        (
            total / len(x),
            "You divide by all N samples; the mean of a cell is over its own n_j.",
        ),
        (
            x[distance.argmin(dim=0)],
            "Wrong axis: here each code chooses its nearest sample. Each sample "
            "chooses a code, argmin along the codes.",
        ),
        (
            _means_of((x @ e.T).argmax(dim=1), x, e),
            "Your samples take the code of the largest product x·e, which prefers long "
            "codes; ‖e‖² is missing from the distance.",
        ),
        (
            _means_of(distance.argmax(dim=1), x, e),
            "Your samples take the farthest code; of distances take the smallest.",
        ),
        (e, "The codes have not moved."),
    ]
    _name_mistake(reply, mistakes, 1e-5)
    raise WrongAnswerError(
        f"The second code at {e[1].tolist()} owns {x[3].tolist()} and {x[4].tolist()}, "
        f"so it should move to {wanted[1].tolist()}; yours is at {reply[1].tolist()}."
    )


def _means_of(k: Tensor, x: Tensor, e: Tensor) -> Tensor:
    owned = F.one_hot(k, len(e)).float().T
    count = owned.sum(dim=1, keepdim=True)
    return torch.where(count > 0, owned @ x / count.clamp(min=1), e)


@exercise
def lloyd_rates(answer: Any) -> str:
    """(k (N,), K, D) → the rates (K,) at which a gradient step is Lloyd's step."""
    k, num_codes, dim = torch.tensor([0, 0, 0, 1, 1, 3]), 4, 5
    reply = ask_for_tensor(answer, (4,), k, num_codes, dim)
    n = torch.tensor([3.0, 2.0, 0.0, 1.0])
    owns = n > 0
    if not bool(torch.isfinite(reply).all()):
        raise WrongAnswerError(
            "Code 2 was chosen by nobody, and you divide by its count of 0; its rate "
            "is to be 0."
        )
    mistakes: Named = [
        (
            len(k) / (2 * n[owns]),
            "D is missing: mse_loss is a mean over N·D numbers, which makes the "
            "gradient D times smaller.",
        ),
        (
            len(k) * dim / n[owns],
            "A factor of 2 is missing: the derivative of a square is twice what is "
            "squared.",
        ),
        (
            1 / (2 * n[owns]),
            "That is right for a loss summed over everything; mse_loss divides by N·D.",
        ),
        (
            dim / (2 * n[owns]),
            "N is missing: the loss is a mean over the whole batch, not over the cell.",
        ),
        (
            2 * n[owns] / (len(k) * dim),
            "That is the part of its way that a code goes at rate 1; the rate you want "
            "is its inverse.",
        ),
        (
            torch.full((3,), num_codes * dim / 2),
            "That is right for a code with an average share of the samples; here each "
            "code needs a rate of its own.",
        ),
    ]
    _name_mistake(reply[owns], mistakes, 1e-5)
    wanted = torch.tensor([5.0, 7.5, 0.0, 15.0])
    if close(reply, wanted, 1e-5):
        return "ρ = 2ηn/(ND) is 1 for every code, so each lands on its mean."
    if close(reply[owns], wanted[owns], 1e-5):
        raise WrongAnswerError(
            f"Code 2 was chosen by nobody: its rate is to be 0, yours is {reply[2]:g}."
        )
    raise WrongAnswerError(
        f"With N = 6 and D = 5, code 0 owns 3 samples and needs the rate 5; yours is "
        f"{reply[0]:g}. Set 2ηn/(ND) = 1 and solve for η."
    )


@exercise
def through_exactly(answer: Any) -> str:
    """(z (N, D), e (N, D)) → e exactly, with z's gradient 1 and none for e."""
    generator = torch.Generator().manual_seed(0)
    z = (100 * torch.randn(20, 3, generator=generator)).requires_grad_()
    e = torch.randn(20, 3, generator=generator).requires_grad_()
    reply = ask_for_tensor(answer, (20, 3), z, e)
    if close(reply.detach(), z.detach(), 1e-6):
        raise WrongAnswerError(
            "The value is the latents'; the decoder must be given the codes."
        )
    if not close(reply.detach(), e.detach(), 1e-2):
        raise WrongAnswerError("The value is not that of the codes.")
    if not reply.requires_grad:
        raise WrongAnswerError(
            "No gradient passes at all: everything is detached, and the encoder would "
            "not learn."
        )
    to_z, to_e = torch.autograd.grad(reply.sum(), (z, e), allow_unused=True)
    pull_z, pull_e = _size(to_z), _size(to_e)
    if pull_e and not pull_z:
        raise WrongAnswerError(
            "The gradient goes to the codes and none to the latents. In z + (e − z) "
            "the latents cancel; a detach is missing."
        )
    if pull_e:
        raise WrongAnswerError(
            "The gradient goes to the codes too, so the decoder would move them; "
            "detach e as well."
        )
    if not close(to_z, torch.ones_like(z), 1e-6):
        raise WrongAnswerError(
            f"The gradient of the latents should be 1 everywhere, yours begins with "
            f"{to_z[0, 0]:g}."
        )
    if not torch.equal(reply, e):
        raise WrongAnswerError(
            "Gradient right, value almost: z + (e − z) misses e by a rounding when z "
            "is much longer than e. Add something to e that is exactly 0."
        )
    return "The code going forward, the latent's own gradient going back."


def _size(gradient: Tensor | None) -> float:
    return 0.0 if gradient is None else gradient.abs().max().item()


@exercise
def shifted_gradient(answer: Any) -> str:
    """(e (K,), a, density) → the derivative of the expected loss for z = x + a."""
    e, a = torch.tensor([-1.3, -0.2, 0.4, 1.9]).double(), torch.tensor(0.35).double()

    def density(u: Tensor) -> Tensor:
        return torch.exp(-(u - 0.2).abs()) / 2

    reply = torch.as_tensor(ask(answer, e, a, density))
    if reply.shape != ():
        raise WrongAnswerError(
            f"Return one number, the sum over the borders; your shape is "
            f"{tuple(reply.shape)}."
        )
    b = (e[1:] + e[:-1]) / 2
    wanted = (2 * a * e.diff() * density(b - a)).sum()
    if close(reply.detach(), wanted, 1e-6):
        return "Density at the border, times the jump of the loss, for each border."
    mistakes: Named = [
        (
            torch.zeros(()),
            "Zero is the derivative for a single sample, or the jump measured against "
            "z = b. The expected loss changes because samples cross borders, and the "
            "loss compares the codes with x = b − a.",
        ),
        (
            -wanted,
            "The sign is reversed: as a grows, samples leave the left code for the "
            "right one.",
        ),
        (
            (2 * a * e.diff() * density(b)).sum(),
            "The density is taken at b, which is a place in z; in x it is b − a.",
        ),
        (
            (-2 * a * e.diff() * density(b + a)).sum(),
            "A sample reaches the border when x + a = b, so u = b − a, not b + a.",
        ),
        (
            (e.diff() * density(b - a)).sum(),
            "That is the jump of the code; you need the jump of the loss, "
            "(e_right − u)² − (e_left − u)².",
        ),
        (
            (2 * a * e.diff()).sum(),
            "The density is missing: only samples at the border cross it.",
        ),
        (wanted / (2 * a), "That lacks the factor 2a, which the jump of the loss has."),
        (
            _copied(e, a, density),
            "That is the straight-through gradient, not the true.",
        ),
        (2 * a, "That is the limit of infinitely fine cells; these are coarse."),
    ]
    _name_mistake(reply.detach(), mistakes, 1e-3)
    raise WrongAnswerError(
        f"For codes {e.tolist()} and a shift of 0.35 the derivative is {wanted:.4f}, "
        f"yours is {reply.item():.4f}."
    )


def _copied(e: Tensor, a: Tensor, density: Any) -> Tensor:
    x = torch.linspace(-30, 30, 600_001, dtype=torch.float64)
    b = (e[1:] + e[:-1]) / 2
    code = e[torch.bucketize(x + a, b)]
    return 2 * torch.trapezoid((code - x) * density(x), x)
