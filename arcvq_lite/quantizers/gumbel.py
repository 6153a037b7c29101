"""GumbelVQ: codes drawn at random, with a relaxed draw for the gradient."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

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
from arcvq_lite.quantizers.quantized import (
    Quantized,
    check_size,
    check_weight,
    detached,
    look_up,
)
from arcvq_lite.quantizers.temperature import check_temperature, temperature_at
from arcvq_lite.schedules import (
    Constant,
    ExponentialDecay,
    PiecewiseSchedule,
    Schedule,
)

# The paper's max(0.5, exp(−r t)) with r = 1e-4, which meets 0.5 at ln 2 / r.
_DEFAULT_TEMPERATURE = PiecewiseSchedule(
    (ExponentialDecay(1.0, 1e-4), Constant(0.5)), boundaries=(6932,)
)


class GumbelVQ(nn.Module):
    """Categorical latents: a code is drawn, and its choice has a gradient.

        π(z) = softmax(W z + b)                              (probabilities of K codes)
        g_j ~ Gumbel(0, 1),   k = argmax_j (log π_j + g_j)   (a draw from π)
        y = softmax((log π + g) / τ(t))                      (its relaxation)
        loss = kl_weight · mean over tokens of KL(π ‖ uniform)

    "straight-through" gives the decoder the code e_k, and the logits the gradient
    of y; "soft" gives it the mixture Σ_j y_j e_j. Either way the decoder's gradient
    also moves the codes. Evaluation draws nothing: it takes argmax_j π_j.

    Args:
        num_codes: K, at least 2.
        dim: D, channels of a latent and of a code.
        temperature: τ(t), a schedule; by default max(0.5, exp(−1e-4 t)), one of the
            paper's.
        kl_weight: of the divergence to the uniform prior. The paper's bound has
            weight 1 on the sum over an image's tokens; the default is that of
            taming-transformers' Gumbel variant.
        estimator: "straight-through" or "soft".

    Attributes:
        codebook: the parameter (K, D).
        to_logits: the linear layer W, b from D to K.

    Raises:
        TypeError: if the temperature is no schedule.
        ValueError: if an option is out of its range.

    Source: Gumbel-softmax (Jang et al., 2017), sections 2 and 3; that z is first
        mapped linearly to logits follows taming-transformers (Esser et al., 2021).
    """

    own_gradient: ClassVar[bool] = True

    def __init__(
        self,
        num_codes: int,
        dim: int,
        *,
        temperature: Schedule = _DEFAULT_TEMPERATURE,
        kl_weight: float = 5e-4,
        estimator: Literal["straight-through", "soft"] = "straight-through",
    ) -> None:
        super().__init__()
        check_size(num_codes, dim)
        check_temperature(temperature)
        check_weight("kl_weight", kl_weight)
        if estimator not in ("straight-through", "soft"):
            raise ValueError(
                f'estimator={estimator!r} must be "straight-through" or "soft"'
            )
        self.num_codes = num_codes
        self.dim = dim
        self.temperature = temperature
        self.kl_weight = kl_weight
        self.estimator = estimator
        self.to_logits = nn.Linear(dim, num_codes)
        self.codebook = nn.Parameter(torch.randn(num_codes, dim))

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
            codebook = exact(self.codebook)
            logits = self._logits(tokens)  # (N, K)
            kl = kl_to_uniform_prior(logits).mean()
            if self.training:
                temperature = temperature_at(self.temperature, step)
                scheduled["temperature"] = temperature
                noisy = logits + gumbel_noise(logits)
                indices = noisy.argmax(dim=1)  # (N,)
                soft = (noisy / temperature).softmax(dim=1)  # (N, K)
                codes = self._decoded(soft, indices, codebook)
            else:
                indices = logits.argmax(dim=1)
                codes = F.embedding(indices, codebook)  # (N, D)

        return Quantized(
            quantized=like_latents(codes, latents).to(latents.dtype),
            indices=like_indices(indices, latents),
            loss=(self.kl_weight * kl).float(),
            # No distance is taken, so the first two terms of other quantizers are 0.
            terms=detached(codebook=0.0, commitment=0.0, kl=kl, **scheduled),
        )

    def assign(self, latents: Tensor) -> Tensor:
        """Indices (B, *spatial) or (N,) of the most probable codes."""
        check_latents(latents, self.codebook)
        return like_indices(self._logits(to_tokens(latents)).argmax(dim=1), latents)

    def embed(self, indices: Tensor) -> Tensor:
        """Codes (B, D, *spatial) or (N, D) of the indices."""
        return look_up(self.codebook, indices)

    def _logits(self, tokens: Tensor) -> Tensor:
        """Unnormalised log π (N, K) of tokens (N, D)."""
        with float32_island(tokens) as exact:
            weight, bias = exact(self.to_logits.weight), exact(self.to_logits.bias)
            return F.linear(exact(tokens), weight, bias)

    def _decoded(self, soft: Tensor, indices: Tensor, codebook: Tensor) -> Tensor:
        """What the decoder gets (N, D), from relaxed draws (N, K) and indices (N,)."""
        if self.estimator == "soft":
            return soft @ codebook
        # Exactly the code going forward: the second summand is 0. Going back, the
        # codes get the gradient of the draw, the logits that of its relaxation.
        return F.embedding(indices, codebook) + (soft - soft.detach()) @ codebook


def gumbel_noise(like: Tensor) -> Tensor:
    """Standard Gumbel draws in the shape and dtype of a tensor: −log of Exp(1)."""
    return -torch.empty_like(like).exponential_().log()


def kl_to_uniform_prior(logits: Tensor) -> Tensor:
    """KL(softmax(logits) ‖ uniform) in nats, (N,) of (N, K): log K less the entropy.

    Written as Σ p (log p + log K) − p + 1/K, whose summands are all at least 0, so
    that rounding never makes it negative.
    """
    relative = logits.log_softmax(dim=1) + math.log(logits.shape[1])
    excess: Tensor = relative * relative.exp() - torch.special.expm1(relative)
    return excess.mean(dim=1).clamp(min=0)
