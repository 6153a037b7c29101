"""SQVQ: a latent takes codes at random, less at random as the variance falls."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arcvq_lite.layout import (
    check_latents,
    float32_island,
    like_indices,
    like_latents,
    to_tokens,
)
from arcvq_lite.quantizers.distances import squared_distances
from arcvq_lite.quantizers.gumbel import (
    gumbel_noise,
    kl_to_uniform_prior,
)
from arcvq_lite.quantizers.quantized import (
    Quantized,
    check_size,
    check_weight,
    detached,
    look_up,
    mean_squared_error,
    nearest_euclidean,
)
from arcvq_lite.quantizers.temperature import check_temperature, temperature_at
from arcvq_lite.schedules import ExponentialDecay, Schedule

_DEFAULT_TEMPERATURE = ExponentialDecay(1.0, 1e-5)
_LEAST_VARIANCE = 1e-10


class SQVQ(nn.Module):
    """Gaussian stochastic quantization with a variance that anneals itself.

        P(k | z) ∝ exp(−‖z − e_k‖² / 2σ²)
        y = softmax((log P + Gumbel noise) / τ(t)),   ẑ = Σ_k y_k e_k   (training)
        loss = weight · mean over tokens of [ ‖z − ẑ‖² / 2σ² + Σ_k P log P + log K ]

    The last two summands are the KL divergence from the uniform prior. In
    evaluation the decoder gets the nearest code and nothing is drawn; the first
    summand is then its expectation under P, and the bracket equals
    −log mean_k exp(−‖z − e_k‖² / 2σ²).

    σ² is one trained number, the paper's type I of variance. Types II to IV, one
    variance a sample, a place or an element, come out of the encoder, which a
    quantizer of latents does not see. The authors' code adds 1 to a type I
    variance; here it may fall to 1e-10, below which nothing would change.

    Only the quantizer's part of the bound is here. In whole, over an image of P
    values with n tokens and a Gaussian decoder of variance s², twice the negative
    bound over P is, up to a constant,

        mse / s² + log s² + (2n / P) · [the mean above],

    so `weight` is 2n / P: 1/24 for RGB images four times smaller. The paper trains
    s²: with its best value, s² = mse, the objective is log(mse) + loss, and σ² falls
    together with it. The trainer's mse / variance keeps s² at the images' variance,
    which is coarse; a finer fixed s² is a `weight` smaller by s² / variance.

    Args:
        num_codes: K, at least 2.
        dim: D, channels of a latent.
        temperature: τ(t), a schedule; by default the paper's exp(−1e-5 t).
        weight: of the whole term.
        initial_variance: σ² at the start, above 0.

    Attributes:
        codebook: the parameter (K, D), standard normal at the start.
        log_variance: the parameter log σ², a scalar.

    Raises:
        TypeError: if the temperature is no schedule.
        ValueError: if an option is out of its range.

    Source: SQ-VAE (Takida et al., 2022), Gaussian SQ-VAE in section 3, and its
        table of variance types.
    """

    own_gradient: ClassVar[bool] = True

    def __init__(
        self,
        num_codes: int,
        dim: int,
        *,
        temperature: Schedule = _DEFAULT_TEMPERATURE,
        weight: float = 1 / 24,
        initial_variance: float = 1.0,
    ) -> None:
        super().__init__()
        check_size(num_codes, dim)
        check_temperature(temperature)
        check_weight("weight", weight)
        if not 0 < initial_variance < math.inf:
            raise ValueError(
                f"initial_variance={initial_variance} must be above 0 and finite"
            )
        self.num_codes = num_codes
        self.dim = dim
        self.temperature = temperature
        self.weight = weight
        self.codebook = nn.Parameter(torch.randn(num_codes, dim))
        self.log_variance = nn.Parameter(torch.tensor(math.log(initial_variance)))

    def forward(self, latents: Tensor, step: int | None = None) -> Quantized:
        """Quantize latents (B, D, *spatial) or (N, D) at a step.

        Raises:
            TypeError: if the latents are not floating point.
            ValueError: if the latents' shape or values are refused, or if `step`
                is missing while training.
        """
        check_latents(latents, self.codebook)
        scheduled: dict[str, Tensor | float] = {}
        tokens = to_tokens(latents)  # (N, D)
        with float32_island(tokens) as exact:
            rows, codebook = exact(tokens), exact(self.codebook)
            variance = exact(self.log_variance).exp().clamp(min=_LEAST_VARIANCE)
            squared = squared_distances(rows, codebook)  # (N, K)
            logits = -squared / (2 * variance)  # (N, K), log P up to a constant
            if self.training:
                temperature = temperature_at(self.temperature, step)
                scheduled["temperature"] = temperature
                noisy = logits + gumbel_noise(logits)
                indices = noisy.argmax(dim=1)  # (N,)
                codes = (noisy / temperature).softmax(dim=1) @ codebook  # (N, D)
                distance = (rows - codes).square().sum(dim=1)  # (N,)
            else:
                indices = nearest_euclidean(rows, codebook)
                codes = F.embedding(indices, codebook)
                distance = (logits.softmax(dim=1) * squared).sum(dim=1)
            distortion = (distance / (2 * variance)).mean()
            kl = kl_to_uniform_prior(logits).mean()
            loss = self.weight * (distortion + kl)

        error = mean_squared_error(codes, tokens)
        return Quantized(
            quantized=like_latents(codes, latents).to(latents.dtype),
            indices=like_indices(indices, latents),
            loss=loss.float(),
            terms=detached(
                codebook=error,
                commitment=error,
                distortion=distortion,
                kl=kl,
                variance=variance,
                **scheduled,
            ),
        )

    def assign(self, latents: Tensor) -> Tensor:
        """Indices (B, *spatial) or (N,) of the most probable codes, the nearest."""
        check_latents(latents, self.codebook)
        indices = nearest_euclidean(to_tokens(latents), self.codebook)
        return like_indices(indices, latents)

    def embed(self, indices: Tensor) -> Tensor:
        """Codes (B, D, *spatial) or (N, D) of the indices."""
        return look_up(self.codebook, indices)
