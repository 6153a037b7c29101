"""One training step of autoencoder and critic: the official way, and a fast one.

Both take and return the same, so a trainer holds one of them. Both modules may be
wrapped in `DistributedDataParallel`, each gets its gradients from one `backward`,
and the critic never collects a gradient of the autoencoder's loss. Call them under
autocast or not: what goes back runs in the dtypes that going forward chose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from arcvq_lite.adversarial import balance, hinge_generator_loss
from arcvq_lite.models import Reconstruction
from arcvq_lite.objective import Losses, VQGANObjective, without_critic

Step = Callable[[], None]


def official_update(
    autoencoder: nn.Module,
    critic: nn.Module,
    objective: VQGANObjective,
    images: Tensor,
    step: int,
    *,
    last_layer: Tensor,
    step_autoencoder: Step,
    step_critic: Step,
) -> dict[str, Tensor]:
    """Train on a batch in the official code's order of operations.

    The autoencoder runs, takes its gradient and its step; then it runs once more,
    as it now is, for the critic's gradient and step. The second run counts as a
    training run for the quantizer: the ball is applied again, and averages of an
    `EMAVQ` move a second time. The critic runs before `critic_start` too, with a
    factor of 0.

    λ is taken at the last layer, from each process's own batch.

    Args:
        autoencoder: a `VQGAN`, wrapped or not, in training mode.
        critic: a `PatchCritic`, wrapped or not, in training mode.
        objective: the losses.
        images: (B, C, H, W) in [−1, 1].
        step: the number of the batch.
        last_layer: the `VQGAN`'s `last_layer`.
        step_autoencoder: moves the autoencoder's weights by their gradients and
            empties these; does nothing while gradients are being accumulated.
        step_critic: the same for the critic.

    Returns:
        The terms of both losses, detached scalars by name.

    Source: taming-transformers' training step; the official ArcVQ-VAE code.
    """
    output: Reconstruction = autoencoder(images, step=step)
    with _constant(critic):
        scores = unwrapped(critic)(output.reconstruction)
        generator = objective.generator_losses(
            images, output, scores, step, last_layer=last_layer
        )
        _walk_back([generator.total])
    _take(step_autoencoder)

    with torch.no_grad():
        again: Reconstruction = autoencoder(images, step=step)
    judged = _update_critic(
        critic, objective, images, again.reconstruction, step, step_critic
    )
    return {**generator.terms, **judged.terms}


def fast_update(
    autoencoder: nn.Module,
    critic: nn.Module,
    objective: VQGANObjective,
    images: Tensor,
    step: int,
    *,
    last_layer: Tensor,
    step_autoencoder: Step,
    step_critic: Step,
) -> dict[str, Tensor]:
    """Train on a batch with one run of the autoencoder and one walk back each.

    The gradients of both terms are taken at the reconstruction, where their norms
    give λ, and their weighted sum walks back through the autoencoder once. The
    critic is trained on the same reconstruction. Three things differ from
    `official_update`.

    λ is the ratio of the norms at the image instead of the last layer, over the
    batches of all processes instead of one's own. Everything else being equal, all
    gradients of the autoencoder are equal where λ is.

    The critic sees reconstructions of the weights before the step, not after it,
    and the quantizer's training state moves once a step, not twice.

    Before `critic_start` the critic rests: it has no terms, its `step_critic` is
    not called, and its batch norms have seen nothing when it begins.

    Args:
        autoencoder: a `VQGAN`, wrapped or not, in training mode.
        critic: a `PatchCritic`, wrapped or not, in training mode.
        objective: the losses.
        images: (B, C, H, W) in [−1, 1].
        step: the number of the batch.
        last_layer: not needed here; the same call serves both updates.
        step_autoencoder: moves the autoencoder's weights by their gradients and
            empties these; does nothing while gradients are being accumulated.
        step_critic: the same for the critic.

    Returns:
        The terms of both losses, detached scalars by name.
    """
    output: Reconstruction = autoencoder(images, step=step)
    judging = step >= objective.critic_start
    # A leaf: what is derived here ends at the image.
    image = output.reconstruction.detach().float().requires_grad_()
    reconstruction = objective.reconstruction_losses(images, image)
    pull = _gradient(reconstruction.total, image)
    losses = without_critic(reconstruction, output.quantized)
    if judging:
        gan = hinge_generator_loss(unwrapped(critic)(image))
        gan_pull = _gradient(gan, image)
        weight = balance(_pull_per_pixel(pull), _pull_per_pixel(gan_pull))
        losses = objective.combined(reconstruction, output.quantized, gan, weight, step)
        pull = pull + objective.critic_weight * weight * gan_pull
    _walk_back(
        [output.reconstruction, output.quantized.loss],
        [pull.to(output.reconstruction.dtype), None],
    )
    _take(step_autoencoder)
    if not judging:
        return losses.terms

    judged = _update_critic(
        critic, objective, images, image.detach(), step, step_critic
    )
    return {**losses.terms, **judged.terms}


def unwrapped(module: nn.Module) -> nn.Module:
    """The module inside a `DistributedDataParallel`, or the module itself."""
    inner: nn.Module = (
        module.module if isinstance(module, DistributedDataParallel) else module
    )
    return inner


def _update_critic(
    critic: nn.Module,
    objective: VQGANObjective,
    images: Tensor,
    reconstruction: Tensor,
    step: int,
    step_critic: Step,
) -> Losses:
    # The wrapper counts on one run a backward, and shares the batch norms'
    # statistics in it; the second run is the wrapped critic's own.
    real = critic(images)
    fake = unwrapped(critic)(reconstruction)
    losses = objective.critic_losses(real, fake, step)
    _walk_back([losses.total])
    _take(step_critic)
    return losses


@contextmanager
def _constant(module: nn.Module) -> Iterator[None]:
    """Let gradients pass through a module and leave none in it."""
    trained = [weight for weight in module.parameters() if weight.requires_grad]
    for weight in trained:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in trained:
            weight.requires_grad_(True)


def _pull_per_pixel(gradient: Tensor) -> Tensor:
    """The norm of a gradient at a mean, times √(its entries), over all processes.

    Each entry of such a gradient shrinks with their number. Times its root the norm
    depends neither on the batch's size nor on the image's, and stays far above the
    epsilon of λ: it is 1 for the absolute error alone.
    """
    square = gradient.square().sum() * gradient.numel()
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(square)
        square = square / distributed.get_world_size()
    return square.sqrt()


def _gradient(term: Tensor, at: Tensor) -> Tensor:
    with torch.autocast(at.device.type, enabled=False):
        return torch.autograd.grad(term, at)[0]


def _walk_back(
    tensors: Sequence[Tensor], gradients: Sequence[Tensor | None] | None = None
) -> None:
    with torch.autocast(tensors[0].device.type, enabled=False):
        torch.autograd.backward(tensors, gradients)


def _take(step: Step) -> None:
    """Take a step; autocast must not run on with its copies of the old weights."""
    step()
    torch.clear_autocast_cache()
