"""evaluate_signals: every score of an autoencoder over a whole set of signals."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from arcvq_lite.evaluation.eval_mode import evaluating
from arcvq_lite.models import VQVAE
from arcvq_lite.usage import codebook_sizes, codebook_use, count_codes

# Of a clip that comes back exactly; it must not make the mean of a set infinite.
MOST_DECIBELS = 100.0

_WINDOW = 128  # samples, 16 ms at 8 kHz
_HOP = 32  # samples
_FLOOR = 1e-6  # of a clip's strongest power, 60 dB below it


@torch.no_grad()
def evaluate_signals(model: VQVAE, batches: Iterable[Tensor]) -> dict[str, float]:
    """Reconstruct a set of signals and score the reconstructions.

        SNR = 10 log₁₀(Σ x² / Σ (x − x̂)²)  (dB), at most 100

    Reconstructions are clamped to [−1, 1] first.

    Args:
        model: a `VQVAE` with dimensions=1; put into eval mode meanwhile.
        batches: signals (B, C, T) in [−1, 1].

    Returns:
        By name: `snr` (dB), the mean of the signals' own; `snr_of_whole_set` (dB),
        with both sums over all of them; `l1`, the mean absolute error of values in
        [−1, 1]; `log_spectral_distance` (dB), the mean of the signals' own; `usage`,
        `perplexity` and `entropy` (nats) of the codes over the whole set.

    Raises:
        ValueError: if there is no signal, one is silent or shorter than 128 samples,
            or a reconstruction is not finite.

    Example:
        >>> from arcvq_lite import VQ, VQVAE
        >>> model = VQVAE(1, VQ(num_codes=8, dim=4), hidden=4, dimensions=1)
        >>> found = evaluate_signals(model, [torch.ones(2, 1, 256)])
        >>> sorted(found)[:4]
        ['entropy', 'l1', 'log_spectral_distance', 'perplexity']
    """
    sizes = codebook_sizes(model.quantizer.num_codes)
    counts = torch.zeros(sum(sizes), dtype=torch.int64)
    parts: list[Tensor] = []
    with evaluating(model):
        for signals in batches:
            reconstruction, quantized = model(signals)
            _check(signals, reconstruction)
            counts += count_codes(quantized.indices, model.quantizer.num_codes).cpu()
            parts.append(_scores(signals, reconstruction.clamp(-1, 1)))
    if not parts:
        raise ValueError("batches hold no signal; give at least one")
    energy, error, absolute, distance = torch.cat(parts, dim=1)
    used = codebook_use(counts, len(sizes))
    return {
        "snr": _decibels(energy, error).mean().item(),
        "snr_of_whole_set": _decibels(energy.sum(), error.sum()).item(),
        "l1": absolute.mean().item(),
        "log_spectral_distance": distance.mean().item(),
        **{name: float(use) for name, use in used.items()},
    }


def log_spectral_distance(signals: Tensor, others: Tensor) -> Tensor:
    """How far apart two spectra are in dB, root mean square over the frequencies.

        d = mean over frames of √(mean over f of (10 log₁₀ P(f) − 10 log₁₀ P̂(f))²)

    P is the power in frames of 128 samples under a Hann window, every 32 samples,
    and not less than 60 dB below the strongest power of the signal: below it nothing
    is heard, and silence has no logarithm.

    Args:
        signals: (B, C, T) with T ≥ 128.
        others: (B, C, T), held against them.

    Returns:
        (B,) float64, in dB.

    Source: Gray & Markel (1976), the root mean square log spectral distance.
    """
    power = _power(signals)  # (B, frames, frequencies)
    floor = _FLOOR * power.amax(dim=(1, 2), keepdim=True)
    levels, theirs = (
        10 * torch.maximum(side, floor).log10() for side in (power, _power(others))
    )
    return (levels - theirs).square().mean(dim=2).sqrt().mean(dim=1)


def _power(signals: Tensor) -> Tensor:
    """(B, C · frames, frequencies) float64."""
    frames = signals.double().unfold(-1, _WINDOW, _HOP)  # (B, C, frames, window)
    window = torch.hann_window(_WINDOW, dtype=torch.float64, device=signals.device)
    spectrum: Tensor = torch.fft.rfft(frames * window)
    return spectrum.abs().square().flatten(1, 2)


def _scores(signals: Tensor, others: Tensor) -> Tensor:
    """Energy, that of the error, mean absolute error and distance: (4, b) float64."""
    exact, error = signals.double(), signals.double() - others.double()
    rows = (
        exact.square().sum(dim=(1, 2)),
        error.square().sum(dim=(1, 2)),
        error.abs().mean(dim=(1, 2)),
        log_spectral_distance(signals, others),
    )
    return torch.stack(rows).cpu()


def _decibels(energy: Tensor, error: Tensor) -> Tensor:
    return (10 * (energy / error).log10()).clamp(max=MOST_DECIBELS)


def _check(signals: Tensor, reconstruction: Tensor) -> None:
    if signals.shape[-1] < _WINDOW:
        raise ValueError(
            f"signals must have at least {_WINDOW} samples for the window of the "
            f"log-spectral distance, got {tuple(signals.shape)}"
        )
    if not signals.flatten(1).any(dim=1).all():
        raise ValueError(
            "signals hold a silent one, which has no signal-to-noise ratio"
        )
    if not torch.isfinite(reconstruction).all():
        raise ValueError(
            "model gives NaN or infinity for a signal; look at its weights"
        )
