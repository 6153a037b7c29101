"""The game between autoencoder and critic: hinge losses and the adaptive weight."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.layout import float32_island

_EPSILON = 1e-4
_LARGEST = 1e4


def hinge_generator_loss(fake: Tensor) -> Tensor:
    """−mean(fake): the autoencoder wants its reconstructions to score high.

    Args:
        fake: the critic's scores of reconstructions, of any shape.

    Returns:
        A float32 scalar.

    Source: Lim & Ye (2017); VQGAN (Esser et al., 2021), taming-transformers.
    """
    with float32_island(fake) as exact:
        return -exact(fake).mean()


def hinge_critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """½ (mean max(0, 1 − real) + mean max(0, 1 + fake)).

    Scores of images above 1 and of reconstructions below −1 are good enough and
    have no gradient.

    Args:
        real: the critic's scores of images, of any shape.
        fake: its scores of reconstructions.

    Returns:
        A float32 scalar.

    Source: Lim & Ye (2017); VQGAN (Esser et al., 2021), taming-transformers.
    """
    with float32_island(real) as exact:
        return (F.relu(1 - exact(real)).mean() + F.relu(1 + exact(fake)).mean()) / 2


def adaptive_weight(reconstruction: Tensor, gan: Tensor, at: Tensor) -> Tensor:
    """How strongly the GAN term must pull to pull as hard as the reconstruction.

    λ = ‖∂ reconstruction / ∂ at‖ / (‖∂ gan / ∂ at‖ + 10⁻⁴), within 0 … 10⁴

    The graphs of both terms are kept. The gradients are this process's own, under
    `DistributedDataParallel` too, as in the official code.

    Args:
        reconstruction: the scalar reconstruction term.
        gan: the scalar term of the critic.
        at: where the two pulls are compared; officially the last layer's weight.

    Returns:
        A detached scalar.

    Source: VQGAN (Esser et al., 2021), equation 7; epsilon and bound of
        taming-transformers.
    """
    with torch.autocast(at.device.type, enabled=False):
        pulls = [
            torch.autograd.grad(term, at, retain_graph=True)[0]
            for term in (reconstruction, gan)
        ]
    return balance(*(pull.float().norm() for pull in pulls))


def balance(reconstruction_norm: Tensor, gan_norm: Tensor) -> Tensor:
    """λ of two gradients' norms, scalars: their ratio, within 0 … 10⁴."""
    ratio = reconstruction_norm / (gan_norm + _EPSILON)
    return ratio.clamp(0.0, _LARGEST).detach()
