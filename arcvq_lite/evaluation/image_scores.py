"""What is said of one image and its reconstruction: PSNR, SSIM and L1."""

from __future__ import annotations

from torch import Tensor

# The PSNR of equal images is infinite, and one such image must not make the mean of
# a set infinite. One value of a 256×256 image off by one level gives 101 dB.
MOST_DECIBELS = 100.0

_WINDOW = 11  # pixels
_BORDER = _WINDOW // 2


def squared_error(images: Tensor, others: Tensor) -> Tensor:
    """Mean squared error (B,) float64 of images (B, C, H, W) in [0, 1]."""
    return _exact(images - others).square().mean(dim=(1, 2, 3))


def absolute_error(images: Tensor, others: Tensor) -> Tensor:
    """Mean absolute error (B,) float64 of images (B, C, H, W) in [0, 1]."""
    return _exact(images - others).abs().mean(dim=(1, 2, 3))


def decibels(error: Tensor) -> Tensor:
    """PSNR, −10 log₁₀(mean squared error), of values in [0, 1], at most 100 dB."""
    return (-10 * error.log10()).clamp(max=MOST_DECIBELS)


def gaussian_similarity(images: Tensor, others: Tensor) -> Tensor:
    """SSIM (B,) float64 of images (B, C, H, W) in [0, 1], Gaussian window, σ = 1.5.

    The window is 11×11, and only whole windows count, none that reaches over the
    border; channels are averaged.

    Raises:
        ValueError: if a side is below 11 pixels.

    Source: Wang et al. (2004), section III.
    """
    return _similarity(images, others, gaussian_kernel=True)


def uniform_similarity(images: Tensor, others: Tensor) -> Tensor:
    """The same with a window of 11×11 equal weights.

    scikit-image's defaults, which the official code takes, differ by one factor: they
    multiply variances and covariance by 121/120.

    Raises:
        ValueError: if a side is below 11 pixels.
    """
    return _similarity(images, others, gaussian_kernel=False)


def _similarity(images: Tensor, others: Tensor, *, gaussian_kernel: bool) -> Tensor:
    if min(images.shape[-2:]) < _WINDOW:
        raise ValueError(
            f"images must be at least {_WINDOW}×{_WINDOW} for SSIM's window, got "
            f"{tuple(images.shape)}"
        )
    # Loading it takes seconds that `arcvq encode` need not wait.
    from torchmetrics.functional.image import structural_similarity_index_measure

    _, everywhere = structural_similarity_index_measure(
        others.float(),
        images.float(),
        gaussian_kernel=gaussian_kernel,
        kernel_size=_WINDOW,
        data_range=1.0,
        reduction="none",
        return_full_image=True,
    )
    # Beyond these the images were continued by reflection.
    whole = everywhere[..., _BORDER:-_BORDER, _BORDER:-_BORDER]
    return _exact(whole).mean(dim=(1, 2, 3))


def _exact(values: Tensor) -> Tensor:
    """In float64, on the CPU where they are on Apple's GPUs, which have none."""
    return (values.cpu() if values.device.type == "mps" else values).double()
