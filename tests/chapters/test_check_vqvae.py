"""Chapter 05's checkers pass right answers and name the usual wrong ideas."""

import math

import torch
from torch.nn import functional as F

from arcvq_lite import check


def to_signed(levels):
    return levels.float() / 127.5 - 1


def last_to_first(layers):
    side = 1
    for kernel, stride in reversed(layers):
        side = (side - 1) * stride + kernel
    return side


def first_to_last(layers):
    side, apart = 1, 1
    for kernel, stride in layers:
        side += (kernel - 1) * apart
        apart *= stride
    return side


def stride_too_early(layers):
    side, apart = 1, 1
    for kernel, stride in layers:
        apart *= stride
        side += (kernel - 1) * apart
    return side


def all_strides(layers):
    return math.prod(stride for _, stride in layers)


def loss(divide, codebook, commitment):
    """A loss out of three parts: of the variance, and of codes and latents."""

    def answer(images, painted, latents, codes, variance, beta):
        error = divide(F.mse_loss(painted, images), variance)
        return error + codebook(codes, latents) + beta * commitment(codes, latents)

    return answer


def over(error, variance):
    return error / variance


def to_codes(codes, latents):
    return F.mse_loss(codes.detach(), latents)


def to_latents(codes, latents):
    return F.mse_loss(codes, latents.detach())


def both(codes, latents):
    return F.mse_loss(codes, latents)


def neither(codes, latents):
    return 0 * F.mse_loss(codes, latents)


def no_one(codes, latents):
    return F.mse_loss(codes.detach(), latents.detach())


def by_hand(images, painted, latents, codes, variance, beta):
    error = (painted - images).pow(2).mean() / variance
    pull = (codes - latents.detach()).pow(2).mean()
    hold = (latents - codes.detach()).pow(2).mean()
    return error + pull + beta * hold


def kl_by_sum(q):
    return (q.clamp(min=1e-30).log() + math.log(q.shape[1])).mul(q).sum(dim=1)


RIGHT = [
    (check.data_variance, lambda levels: 4 * (levels.double() / 255).var()),
    (check.data_variance, lambda levels: to_signed(levels).numpy().var()),
    (check.receptive_field, first_to_last),
    (check.receptive_field, last_to_first),
    (check.vqvae_loss, by_hand),
    (check.vqvae_loss, loss(over, to_latents, to_codes)),
    (check.kl_to_uniform, kl_by_sum),
    (
        check.kl_to_uniform,
        lambda q: math.log(q.shape[1]) - torch.special.entr(q).sum(dim=1),
    ),
]

WRONG = [
    (check.data_variance, lambda x: (x / 255).var(), "lies in [0, 1]"),
    (check.data_variance, lambda x: 2 * (x / 255).var(), "squared"),
    (check.data_variance, lambda x: to_signed(x).std(), "standard deviation σ"),
    (check.data_variance, lambda x: (x / 255).std(), "and one of images"),
    (check.data_variance, lambda x: x.float().var(), "bytes"),
    (
        check.data_variance,
        lambda x: to_signed(x).flatten(1).var(dim=1).mean(),
        "each picture's own",
    ),
    (check.data_variance, lambda x: 4 * (x / 255).square().mean(), "mean square"),
    (check.data_variance, lambda x: 3.0, "var(train/255) ="),
    (check.data_variance, lambda x: "much", "Return one number"),
    (check.receptive_field, stride_too_early, "too early"),
    (check.receptive_field, all_strides, "how far apart"),
    (
        check.receptive_field,
        lambda layers: 1 + sum(kernel - 1 for kernel, _ in layers),
        "left out",
    ),
    (check.receptive_field, lambda layers: first_to_last(layers) - 1, "sees itself"),
    (
        check.receptive_field,
        lambda layers: sum(kernel for kernel, _ in layers),
        "added up whole",
    ),
    (
        check.receptive_field,
        lambda layers: math.prod(kernel for kernel, _ in layers),
        "multiplied, as if",
    ),
    (
        check.receptive_field,
        lambda layers: 1 + all_strides(layers) * sum(k - 1 for k, _ in layers),
        "strides of the whole stack",
    ),
    (check.receptive_field, lambda layers: 1000, "see 5 pixels"),
    (check.vqvae_loss, loss(lambda e, v: e, to_latents, to_codes), "not divided"),
    (check.vqvae_loss, loss(lambda e, v: e / v**0.5, to_latents, to_codes), "by σ"),
    (check.vqvae_loss, loss(lambda e, v: e / v / 2, to_latents, to_codes), "drop"),
    (check.vqvae_loss, loss(lambda e, v: e * v, to_latents, to_codes), "multiply"),
    (check.vqvae_loss, loss(over, neither, to_codes), "weight 1"),
    (check.vqvae_loss, loss(over, to_latents, neither), "no weight"),
    (check.vqvae_loss, loss(over, neither, neither), "two terms"),
    (check.vqvae_loss, loss(over, both, both), "nothing is detached"),
    (check.vqvae_loss, loss(over, to_codes, to_latents), "swapped"),
    (check.vqvae_loss, loss(over, to_codes, to_codes), "codebook never moves"),
    (check.vqvae_loss, loss(over, to_latents, to_latents), "commits"),
    (check.vqvae_loss, loss(over, no_one, no_one), "detaches both"),
    (check.vqvae_loss, loss(over, both, to_codes), "codebook term still pulls"),
    (check.vqvae_loss, loss(over, to_latents, both), "still pulls at the codes"),
    (check.vqvae_loss, loss(over, no_one, to_codes), "weight 0.25"),
    (
        check.vqvae_loss,
        lambda images, painted, z, e, v, beta: (
            (F.mse_loss(painted, images) + (1 + beta) * F.mse_loss(e, z)) / v
        ),
        "Only the reconstruction",
    ),
    (
        check.vqvae_loss,
        lambda images, painted, z, e, v, beta: (
            F.mse_loss(painted, images) / v + to_latents(e, z) + to_codes(e, z)
        ),
        "Both terms have weight 1",
    ),
    (
        check.vqvae_loss,
        lambda images, painted, z, e, v, beta: (
            F.mse_loss(painted, images) / v + 2 * beta * to_codes(e, z)
        ),
        "Both terms have weight beta",
    ),
    (check.vqvae_loss, lambda *given: by_hand(*given).item(), "as a tensor"),
    (check.vqvae_loss, lambda *given: by_hand(*given).detach(), "No gradient"),
    (
        check.vqvae_loss,
        lambda images, painted, *rest: (painted - images).square(),
        "as a tensor",
    ),
    (check.vqvae_loss, lambda *given: 3 * by_hand(*given), "yours is"),
    (check.kl_to_uniform, lambda q: torch.special.entr(q).sum(1), "the entropy"),
    (check.kl_to_uniform, lambda q: -torch.special.entr(q).sum(1), "prior is missing"),
    (check.kl_to_uniform, lambda q: kl_by_sum(q) / math.log(2), "bits"),
    (check.kl_to_uniform, lambda q: kl_by_sum(q) / q.shape[1], "not a mean"),
    (check.kl_to_uniform, lambda q: -kl_by_sum(q), "never negative"),
    (
        check.kl_to_uniform,
        lambda q: -(q.log() + math.log(q.shape[1])).mean(dim=1),
        "other way round",
    ),
    (
        check.kl_to_uniform,
        lambda q: (q * (q.log() - math.log(q.shape[1]))).sum(dim=1),
        "not log q − log K",
    ),
    (
        check.kl_to_uniform,
        lambda q: (q * (q.log() + math.log(q.shape[1]))).sum(dim=1),
        "0 · log 0",
    ),
    (
        check.kl_to_uniform,
        lambda q: kl_by_sum(q) * (q.amax(dim=1) < 1),
        "one-hot row over 4",
    ),
    (check.kl_to_uniform, lambda q: kl_by_sum(q)[:1], "shape should be (2,)"),
    (check.kl_to_uniform, lambda q: kl_by_sum(q) + 1, "yours is"),
]
