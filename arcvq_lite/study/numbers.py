"""How a measure is written: its name in words, its unit, and its digits."""

from __future__ import annotations

from collections.abc import Container

# Name in words and digits after the point; a measure not listed has three.
_WRITTEN = {
    "psnr": ("PSNR (dB)", 2),
    "psnr_of_mean_error": ("PSNR of the mean error (dB)", 2),
    "snr": ("SNR (dB)", 2),
    "snr_of_whole_set": ("SNR of the whole set (dB)", 2),
    "log_spectral_distance": ("log-spectral distance (dB)", 2),
    "ssim": ("SSIM", 4),
    "l1": ("L1", 4),
    "lpips": ("LPIPS", 4),
    "rfid": ("rFID", 2),
    "usage": ("usage (share)", 3),
    "perplexity": ("perplexity (codes)", 1),
    "entropy": ("entropy (nats)", 3),
    "code_angle": ("nearest code (degrees)", 2),
    "latent_angle": ("nearest latent (degrees)", 2),
    "angle_to_code": ("latent to its code (degrees)", 2),
    "norm_mean": ("mean norm of the codes", 3),
    "norm_max": ("largest norm of a code", 3),
    "ball_binding": ("share of steps the ball binds", 3),
    "ball_codes": ("share of codes rescaled a step", 3),
}


def fidelity(measures: Container[str]) -> str:
    """How near reconstructions come, in dB: SNR of signals, PSNR of images."""
    return "snr" if "snr" in measures else "psnr"


def in_words(measure: str) -> str:
    """What a page calls a measure, with its unit."""
    return _WRITTEN.get(measure, (measure.replace("_", " "), 3))[0]


def shown(value: float | None, measure: str) -> str:
    """A value with the measure's digits; a dash where there is none."""
    return "–" if value is None else f"{value:.{_digits(measure)}f}"


def shown_change(value: float | None, measure: str) -> str:
    """A difference with its sign and the measure's digits."""
    return "–" if value is None else f"{value:+.{_digits(measure)}f}"


def _digits(measure: str) -> int:
    return _WRITTEN.get(measure, ("", 3))[1]


def named(name: str) -> str:
    """A key of the configuration as words."""
    return name.replace("_", " ")
