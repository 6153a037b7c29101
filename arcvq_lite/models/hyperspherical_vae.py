"""HypersphericalVAE: the continuous cousin, a random direction at every place."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arcvq_lite.layout import (
    NonFiniteLatentsError,
    float32_island,
    like_indices,
    like_latents,
    to_tokens,
)
from arcvq_lite.models.convolutional import (
    Widths,
    convolutional_decoder,
    convolutional_encoder,
)
from arcvq_lite.models.vqvae import check_images
from arcvq_lite.quantizers.quantized import check_weight, detached
from arcvq_lite.von_mises_fisher import draw, kl_to_uniform


class HypersphericalReconstruction(NamedTuple):
    """What a hyperspherical VAE returns.

    Attributes:
        reconstruction: (B, C, H, W), not clamped.
        latents: (B, D, H/4, W/4) unit vectors that were decoded: drawn in training,
            the mean directions in evaluation.
        concentration: κ (B, H/4, W/4).
        loss: float32 scalar, the KL divergence's part of the objective.
        terms: `kl` in nats a place and `concentration`, detached means.
    """

    reconstruction: Tensor
    latents: Tensor
    concentration: Tensor
    loss: Tensor
    terms: dict[str, Tensor]


class HypersphericalVAE(nn.Module):
    """A VAE whose latents lie on the unit sphere, with `VQVAE`'s two halves.

        (B, C, H, W) → encoder → mean direction μ and concentration κ at each of
        H/4 · W/4 places → z ~ vMF(μ, κ) → decoder → (B, C, H, W)
        loss = kl_weight · Σ_places KL(vMF(μ, κ) ‖ uniform) / values of the images

    With a Gaussian decoder of variance σ², the sum mse / 2σ² + loss is the negative
    evidence lower bound over the number of image values, up to a constant; beside
    mse / σ², give `kl_weight=2`. There is no codebook: what a code chooses among K
    vectors, κ says by how far the direction may stray. As in the authors' code,
    κ = 1 + softplus(·), so that no place becomes wholly random.

    Args:
        in_channels: C of the images.
        dim: D, channels of a latent, at least 2.
        hidden: channels inside, even.
        residual_layers: residual blocks at the end of the encoder and at the
            beginning of the decoder.
        residual_hidden: channels inside a residual block.
        kl_weight: of the divergence; 1 is the paper's.

    Raises:
        ValueError: if an option is out of its range.

    Source: Davidson et al. (2018), section 3; there one latent stands for an image,
        and the gradient through the rejections is another (see `draw`).

    Example:
        >>> import torch
        >>> model = HypersphericalVAE(3, dim=8, hidden=16)
        >>> out = model(torch.randn(2, 3, 32, 32))
        >>> out.reconstruction.shape, out.latents.shape, out.concentration.shape
        (torch.Size([2, 3, 32, 32]), torch.Size([2, 8, 8, 8]), torch.Size([2, 8, 8]))
    """

    def __init__(
        self,
        in_channels: int,
        dim: int,
        *,
        hidden: int = 128,
        residual_layers: int = 2,
        residual_hidden: int = 32,
        kl_weight: float = 1.0,
    ) -> None:
        super().__init__()
        check_weight("kl_weight", kl_weight)
        if in_channels < 1:
            raise ValueError(f"in_channels={in_channels} must be at least 1")
        if dim < 2:
            raise ValueError(f"dim={dim} must be at least 2, for a sphere")
        widths = Widths(hidden, residual_layers, residual_hidden, relu_skip=False)
        self.in_channels = in_channels
        self.dim = dim
        self.kl_weight = kl_weight
        self.encoder = convolutional_encoder(in_channels, dim + 1, widths)
        self.decoder = convolutional_decoder(dim, in_channels, widths)

    def forward(
        self, images: Tensor, step: int | None = None
    ) -> HypersphericalReconstruction:
        """Encode, draw and decode images (B, C, H, W); the step plays no part.

        Raises:
            TypeError: if the images are not floating point.
            ValueError: if their shape is refused.
            NonFiniteLatentsError: if the encoder gives a NaN or an infinity.
        """
        mean, concentration = self.posterior(images)  # (B, D, h, w), (B, h, w)
        kl = kl_to_uniform(concentration, self.dim)
        latents = self._drawn(mean, concentration) if self.training else mean
        reconstruction: Tensor = self.decoder(latents)
        loss = self.kl_weight * kl.sum() / images.numel()
        return HypersphericalReconstruction(
            reconstruction=reconstruction,
            latents=latents,
            concentration=concentration,
            loss=loss.float(),
            terms=detached(kl=kl.mean(), concentration=concentration.mean()),
        )

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """μ (B, D, H/4, W/4), unit vectors, and κ (B, H/4, W/4), at least 1.

        Raises:
            TypeError: if the images are not floating point.
            ValueError: if their shape is refused.
            NonFiniteLatentsError: if the encoder gives a NaN or an infinity.
        """
        check_images(images, self.in_channels, multiple=4)
        encoded: Tensor = self.encoder(images)
        if not torch.isfinite(encoded).all():
            raise NonFiniteLatentsError(
                "latents contain NaN or infinity; look at the images, and at the loss "
                "of the step before"
            )
        with float32_island(encoded) as exact:
            tokens = exact(to_tokens(encoded))  # (N, D + 1)
            mean = _directions(tokens[:, : self.dim])
            concentration = 1 + F.softplus(tokens[:, self.dim])
        return like_latents(mean, encoded), like_indices(concentration, encoded)

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Mean directions (B, D, H/4, W/4) of images (B, C, H, W)."""
        return self.posterior(images)[0]

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Images (B, C, H, W) of unit vectors (B, D, H/4, W/4).

        Raises:
            ValueError: if the latents are not (B, D, H/4, W/4).
        """
        if latents.dim() != 4 or latents.shape[1] != self.dim:
            raise ValueError(
                f"latents must be (B, {self.dim}, H/4, W/4), got {tuple(latents.shape)}"
            )
        images: Tensor = self.decoder(latents)
        return images

    def _drawn(self, mean: Tensor, concentration: Tensor) -> Tensor:
        """One direction a place, in the layout of the mean."""
        return like_latents(draw(to_tokens(mean), concentration.flatten()), mean)


def _directions(vectors: Tensor) -> Tensor:
    """Rows (N, D) on the unit sphere; the zero vector goes to the first axis."""
    largest = vectors.detach().abs().amax(dim=1, keepdim=True)
    first = F.one_hot(torch.tensor(0), vectors.shape[1]).to(vectors)
    # Of the length of its largest entry, no vector is too short to be normalised.
    scaled = vectors / torch.where(largest > 0, largest, 1.0)
    return F.normalize(torch.where(largest > 0, scaled, first), dim=1)
