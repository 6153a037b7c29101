"""What the recipes of one network minimise: a function of a part of a batch each."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.models import HypersphericalReconstruction, Reconstruction
from arcvq_lite.objective import Losses
from arcvq_lite.prior import token_loss
from arcvq_lite.training.one_network_recipe import Forward


def vqvae_loss(
    forward: Forward, images: Tensor, step: int, *, variance: float
) -> Losses:
    """mse(reconstruction, images) / variance + the quantizer's loss.

    Args:
        forward: of a VQ-VAE.
        images: (b, C, H, W) in [−1, 1], or signals (b, C, T).
        step: of the run.
        variance: of the training images.

    Source: VQ-VAE (van den Oord et al., 2017); the official ArcVQ-VAE code.
    """
    output: Reconstruction = forward(images, step=step)
    reconstruction = F.mse_loss(output.reconstruction.float(), images) / variance
    total = reconstruction + output.quantized.loss
    terms = {"reconstruction": reconstruction.detach(), **output.quantized.terms}
    return Losses(total, terms)


def hyperspherical_loss(
    forward: Forward, images: Tensor, step: int, *, variance: float
) -> Losses:
    """mse(reconstruction, images) / 2σ² + the weighted divergence of the directions.

        divergence = kl_weight · Σ_places KL(vMF(μ, κ) ‖ uniform) / values of the images

    With a weight of 1 it is the negative evidence lower bound of a Gaussian decoder,
    in nats over the number of image values B · C · H · W, without the constant
    ½ ln 2πσ². One direction is drawn for each place, from torch's random state, which
    the checkpoint holds for every rank.

    Args:
        forward: of a `HypersphericalVAE`, whose directions, draws and divergence are
            in float32 or above.
        images: (b, C, H, W) in [−1, 1].
        step: of the run, which changes nothing here.
        variance: σ² of the decoder.

    Source: hyperspherical VAE (Davidson et al., 2018), section 3, whose decoder of
        binary images is a Bernoulli's.
    """
    output: HypersphericalReconstruction = forward(images)
    squared_error = F.mse_loss(output.reconstruction.float(), images)
    reconstruction = squared_error / (2 * variance)
    terms = {"reconstruction": reconstruction.detach(), **output.terms}
    return Losses(reconstruction + output.loss, terms)


def prior_loss(forward: Forward, sequences: Tensor, step: int) -> Losses:
    """Mean over tokens of −ln p(k_t | class, k_1 … k_(t−1)), in nats.

    Args:
        forward: of a prior with classes.
        sequences: int64 (b, 1 + L), a class and its tokens.
        step: of the run, which changes nothing here.

    Source: VQGAN (Esser et al., 2021), section 3.2.
    """
    indices = sequences[:, 1:]  # (b, L)
    logits = forward(indices, sequences[:, 0])  # (b, L, K)
    return Losses(token_loss(logits, indices), {})


def unconditional_prior_loss(forward: Forward, sequences: Tensor, step: int) -> Losses:
    """`prior_loss` of a prior without classes, to which none are shown."""
    indices = sequences[:, 1:]  # (b, L)
    return Losses(token_loss(forward(indices, None), indices), {})
