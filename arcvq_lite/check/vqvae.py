"""Checkers of chapter 05: a variance, a receptive field, a loss, a KL to even odds."""

from __future__ import annotations

import math
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


@exercise
def data_variance(answer: Any) -> str:
    """Bytes (N, C, H, W) uint8 → σ², the variance of the images in [−1, 1]."""
    generator = torch.Generator().manual_seed(0)
    levels = torch.randint(0, 200, (6, 3, 8, 8), generator=generator)
    levels = (levels + 10 * torch.arange(6)[:, None, None, None]).to(torch.uint8)
    variance = _number(ask(answer, levels.clone()))
    share = levels.double() / 255
    wanted = 4 * share.var().item()
    each = 4 * share.flatten(1).var(dim=1).mean().item()
    mistakes = {
        share.var().item(): (
            "That is the variance of train/255, which lies in [0, 1]. The images lie "
            "in [−1, 1], twice as wide; what does that do to a variance?"
        ),
        2 * share.var().item(): (
            "Twice as wide is four times the variance: factors are squared."
        ),
        2 * share.std().item(): (
            "That is the standard deviation σ; the loss is divided by its square."
        ),
        share.std().item(): "A standard deviation, and one of images in [0, 1].",
        levels.double().var().item(): "That is the variance of the bytes, 0 to 255.",
        each: (
            "That is the mean of each picture's own variance. It misses what the "
            "pictures differ in from one another: take all pixels of the set at once."
        ),
        4 * share.square().mean().item(): (
            "That is the mean square; a variance is taken about the mean."
        ),
    }
    if close(variance, wanted, 2e-3 * wanted):
        return "σ² = 4 · var(train/255): one number for the whole set."
    _name_mistake(variance, mistakes, 2e-3)
    raise WrongAnswerError(
        f"For six pictures of bytes with var(train/255) = {share.var():.4f} you return "
        f"{variance:.4f}. A byte u becomes x = 2u/255 − 1; take the variance of x."
    )


@exercise
def receptive_field(answer: Any) -> str:
    """Layers [(kernel, stride), …], input first → side of what one output sees."""
    encoder = [(4, 2), (4, 2), (3, 1), (3, 1), (1, 1), (3, 1), (1, 1), (1, 1)]
    for layers in ([(3, 1), (3, 1)], [(4, 2), (3, 1), (3, 2)], encoder):
        side = _number(ask(answer, list(layers)))
        wanted = _reach(layers)
        if side != wanted:
            _name_mistake(side, _wrong_reaches(layers), 1e-9)
            raise WrongAnswerError(
                f"Layers {_listed(layers)}, as (kernel, stride), see {wanted} pixels; "
                f"you return {side:g}."
            )
    return "Each layer adds (kernel − 1) times the distance of its inputs: 34 in all."


def _reach(layers: list[tuple[int, int]]) -> int:
    side, jump = 1, 1
    for kernel, stride in layers:
        side, jump = side + (kernel - 1) * jump, jump * stride
    return side


def _wrong_reaches(layers: list[tuple[int, int]]) -> dict[float, str]:
    strides = math.prod(stride for _, stride in layers)
    late, jump = 1, 1
    for kernel, stride in layers:
        jump *= stride
        late += (kernel - 1) * jump
    first = _listed(layers)
    return {
        1 + sum(kernel - 1 for kernel, _ in layers): (
            f"For {first} the strides are left out: after a stride of 2, neighbouring "
            "places are two pixels apart, and a kernel spans twice as many pixels."
        ),
        late: (
            f"For {first} a layer's own stride is multiplied in too early: it sets "
            "its outputs apart, not the inputs that its kernel spans."
        ),
        _reach(layers) - 1: (
            f"For {first} you start from 0; with no layer at all a place sees itself, "
            "1 pixel."
        ),
        sum(kernel for kernel, _ in layers): (
            f"For {first} the kernels are added up whole. Each brings kernel − 1 new "
            "places, for they share the one in the middle."
        ),
        math.prod(kernel for kernel, _ in layers): (
            f"For {first} the kernels are multiplied, as if they tiled the picture; "
            "neighbouring kernels overlap."
        ),
        1 + sum((kernel - 1) * strides for kernel, _ in layers): (
            f"For {first} every layer is given the strides of the whole stack; it "
            "meets only the strides before it."
        ),
        strides: (
            f"For {first} that is the stride of the whole stack, how far apart two "
            "places are, not how far each of them sees."
        ),
    }


def _listed(layers: list[tuple[int, int]]) -> str:
    return "[" + ", ".join(f"({kernel}, {stride})" for kernel, stride in layers) + "]"


@exercise
def vqvae_loss(answer: Any) -> str:
    """(images, painted, latents, codes, variance, beta) → the loss, with its pulls."""
    generator = torch.Generator().manual_seed(2)
    images, painted = torch.randn(2, 2, 3, 4, 4, generator=generator)
    latents, codes = 0.7 * torch.randn(2, 2, 5, 2, 2, generator=generator)
    given = [tensor.requires_grad_() for tensor in (painted, latents, codes)]
    variance, beta = 0.3, 0.25
    loss = ask(answer, images, *given, variance, beta)
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        raise WrongAnswerError("Return one number as a tensor.")
    if not loss.requires_grad:
        raise WrongAnswerError(
            "No gradient comes back; work with tensors, without .item() or no_grad()."
        )
    _judge_value(loss.item(), _parts(images, *given), variance, beta)
    pulls = torch.autograd.grad(loss, given[1:], allow_unused=True)
    _judge_pulls(pulls, latents, codes, beta)
    return "Codes go to their latents in full, latents to their codes by a quarter."


def _parts(images: Tensor, painted: Tensor, latents: Tensor, codes: Tensor) -> Tensor:
    """The two squared errors (2,), as means over elements."""
    errors = F.mse_loss(painted, images), F.mse_loss(codes, latents)
    return torch.stack(errors).detach()


def _judge_value(loss: float, parts: Tensor, variance: float, beta: float) -> None:
    error, distance = parts.tolist()
    inner = (1 + beta) * distance
    mistakes = {
        error + inner: "The reconstruction error is not divided by the variance.",
        error / math.sqrt(variance) + inner: (
            "The error is divided by σ; a squared error needs the variance, σ²."
        ),
        error / (2 * variance) + inner: (
            "That is the Gaussian's 1/(2σ²). The official loss drops the 2, which is a "
            "matter of the other terms' weight; drop it too."
        ),
        error * variance + inner: "You multiply by the variance; divide by it.",
        (error + inner) / variance: (
            "Only the reconstruction is divided by the variance. Latents and codes "
            "are not pixels, and σ² says nothing of them."
        ),
        error / variance + beta * distance: (
            "One term is missing: the codebook's has weight 1, the commitment's beta."
        ),
        error / variance + distance: (
            "One term is missing, or the commitment has no weight: codebook 1, "
            "commitment beta."
        ),
        error / variance + 2 * distance: (
            "Both terms have weight 1; the commitment is weighted by beta."
        ),
        error / variance + 2 * beta * distance: (
            "Both terms have weight beta; the codebook's has weight 1."
        ),
        error / variance: "The two terms of the quantizer are missing.",
    }
    if close(loss, error / variance + inner, 1e-4):
        return
    _name_mistake(loss, mistakes, 1e-5)
    raise WrongAnswerError(
        f"The reconstruction error is {error:.4f}, the squared distance of codes and "
        f"latents {distance:.4f}, both means over elements. With variance {variance} "
        f"and beta {beta} the loss is {error / variance + inner:.4f}; yours is "
        f"{loss:.4f}."
    )


def _judge_pulls(
    pulls: tuple[Tensor | None, ...], latents: Tensor, codes: Tensor, beta: float
) -> None:
    unit = 2 * (latents - codes).detach() / latents.numel()
    found = [torch.zeros_like(unit) if pull is None else pull for pull in pulls]
    shares = [float((pull * unit).sum() / unit.square().sum()) for pull in found]
    on_latents, on_codes = shares[0], -shares[1]
    mistakes = {
        (1 + beta, 1 + beta): (
            "The value is right, but nothing is detached: both terms pull at both "
            "sides. Detach the latents in one, the codes in the other."
        ),
        (1.0, beta): (
            "The weights are swapped: the latents are pulled with weight 1 and the "
            "codes with beta. The codebook term is the one that detaches the latents."
        ),
        (1 + beta, 0.0): (
            "Both terms detach the codes, so the codebook never moves. The codebook "
            "term must detach the latents."
        ),
        (0.0, 1 + beta): (
            "Both terms detach the latents, so nothing commits the encoder. The "
            "commitment must detach the codes."
        ),
        (0.0, 0.0): "Neither latents nor codes are pulled: each term detaches both.",
        (1 + beta, 1.0): (
            "The codebook term still pulls at the latents; detach them there."
        ),
        (beta, 1 + beta): "The commitment still pulls at the codes; detach them there.",
    }
    if close(on_latents, beta, 1e-4) and close(on_codes, 1.0, 1e-4):
        return
    for (latent, code), sentence in mistakes.items():
        if close(on_latents, latent, 1e-4) and close(on_codes, code, 1e-4):
            raise WrongAnswerError(sentence)
    raise WrongAnswerError(
        f"Latents should be pulled with weight {beta} and codes with weight 1; yours "
        f"are pulled with {on_latents:.2f} and {on_codes:.2f}."
    )


@exercise
def kl_to_uniform(answer: Any) -> str:
    """Posteriors (N, K), rows sum to 1 → each row's KL to even odds, (N,), in nats."""
    soft = torch.tensor([[0.6, 0.2, 0.15, 0.05], [0.25, 0.25, 0.25, 0.25]])
    reply = ask_for_tensor(answer, (2,), soft.clone())
    entropy = torch.special.entr(soft).sum(dim=1)
    wanted = math.log(4) - entropy
    mistakes = [
        (entropy, "That is the entropy; the KL to even odds is log K less that."),
        (-entropy, "Only Σ q log q; the prior is missing, which adds log K."),
        (
            wanted / math.log(2),
            "Those are bits; with the natural logarithm it is nats.",
        ),
        (wanted / 4, "The KL is a sum over the codes, not a mean."),
        (-wanted, "The sign is wrong: a KL is never negative."),
        (
            (math.log(1 / 4) - soft.log()).mean(dim=1),
            "That is the KL the other way round, of even odds to q. Weight the "
            "logarithm by q, the distribution that stands first.",
        ),
        (
            (soft * (soft.log() - math.log(4))).sum(dim=1),
            "log(q/p) with p = 1/K is log q + log K, not log q − log K.",
        ),
    ]
    if not close(reply, wanted, 1e-4):
        name_mistake(reply, mistakes, 1e-4)
        raise WrongAnswerError(
            f"For q = {soft[0].tolist()} the KL is {wanted[0]:.4f} nats; yours is "
            f"{reply[0].item():.4f}."
        )
    certain = ask_for_tensor(answer, (2,), torch.eye(4)[:2])
    if bool(torch.isnan(certain).any()):
        raise WrongAnswerError(
            "A one-hot row gives 0 · log 0 = NaN. Its limit is 0: torch.special.entr "
            "and torch.xlogy know that."
        )
    if not close(certain, torch.full((2,), math.log(4)), 1e-3):
        raise WrongAnswerError(
            f"A one-hot row over 4 codes should cost log 4 = {math.log(4):.4f} nats; "
            f"yours costs {certain[0].item():.4f}."
        )
    return "Even odds cost nothing, a one-hot row costs log K, whichever code it names."


def _number(reply: Any) -> float:
    try:
        return float(reply)
    except (TypeError, ValueError, RuntimeError):
        raise WrongAnswerError(
            f"Return one number, not {type(reply).__name__}."
        ) from None


def _name_mistake(
    reply: float, mistakes: dict[float, str], relative_tolerance: float
) -> None:
    for mistake, sentence in mistakes.items():
        if close(reply, mistake, relative_tolerance * max(1e-3, abs(mistake))):
            raise WrongAnswerError(sentence)
