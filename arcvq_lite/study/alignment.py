"""Whether the margin's gradient works against the commitment's, token by token."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.layout import to_tokens
from arcvq_lite.models import VQVAE
from arcvq_lite.quantizers.quantized import mean_squared_error, straight_through


def gradient_alignment(model: VQVAE, images: Tensor) -> dict[str, float]:
    """Cosines between the gradients that three terms have at the same latents.

    The margin's gradient is set beside that of the commitment loss and beside the
    reconstruction's, which reaches the latents straight through the quantizer.
    Weights of the terms are left out, since they change no angle. Nothing of the
    model changes, and no parameter collects a gradient.

    Args:
        model: in eval mode.
        images: a fixed batch (B, C, H, W), or of signals (B, C, T), in [−1, 1].

    Returns:
        For the pairs `margin_commitment` and `margin_reconstruction`: the mean
        cosine over all tokens under `…_cosine`, and under `…_opposed` the share of
        tokens at which it is negative. Nothing where the codebook has no margin.
    """
    quantizer = model.quantizer
    margin = getattr(quantizer, "margin", None)
    if margin is None:
        return {}
    with torch.no_grad():
        start = model.latents(images)  # (B, D, h, w)
        codes = quantizer.embed(quantizer.assign(start))
    latents = start.detach().requires_grad_()

    with torch.enable_grad():
        reconstruction = model.decoder(straight_through(latents, codes))
        losses = {
            "margin": margin(latents, quantizer.codebook),
            "commitment": mean_squared_error(codes, latents),
            "reconstruction": F.mse_loss(reconstruction, images),
        }
        gradients = {
            name: to_tokens(torch.autograd.grad(loss, latents)[0])  # (N, D)
            for name, loss in losses.items()
        }
    row = {}
    for other in ("commitment", "reconstruction"):
        cosine = _cosines(gradients["margin"], gradients[other])
        row[f"margin_{other}_cosine"] = cosine.mean().item()
        row[f"margin_{other}_opposed"] = (cosine < 0).double().mean().item()
    return row


def _cosines(one: Tensor, other: Tensor) -> Tensor:
    """Cosine (n,) of each pair of rows; a row without a direction is left out."""
    one, other = one.double(), other.double()
    has_direction = (one != 0).any(dim=1) & (other != 0).any(dim=1)
    one, other = one[has_direction], other[has_direction]
    # Divided first by the largest entry: gradients of a mean over many tokens are so
    # small that their squares need the room.
    one = one / one.abs().amax(dim=1, keepdim=True)
    other = other / other.abs().amax(dim=1, keepdim=True)
    return F.cosine_similarity(one, other, dim=1)
