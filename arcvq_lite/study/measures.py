"""What is measured of a run at every logged step, on data never trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.data.subset import spread_indices
from arcvq_lite.evaluation.evaluate import evaluate_images
from arcvq_lite.evaluation.frechet import (
    FeatureExtractor,
    load_inception,
    random_extractor,
)
from arcvq_lite.evaluation.signals import evaluate_signals
from arcvq_lite.geometry import codebook_geometry
from arcvq_lite.layout import to_tokens
from arcvq_lite.models import VQVAE
from arcvq_lite.perceptual import PerceptualDistance
from arcvq_lite.study.alignment import gradient_alignment
from arcvq_lite.study.options import ScoreOptions

_BATCH = 64  # images or signals a forward pass; changes nothing but memory
_FIXED = 16  # of the batch on which latents and gradients are looked at
_QUANTILES = {
    "norm_min": 0.0,
    "norm_p05": 0.05,
    "norm_p25": 0.25,
    "norm_median": 0.5,
    "norm_p75": 0.75,
    "norm_p95": 0.95,
    "norm_max": 1.0,
}


@dataclass(frozen=True, eq=False)
class Instruments:
    """What a run is measured with.

    Args:
        held_out: images (M, C, H, W), or signals (M, C, T), in [−1, 1], never trained
            on, on the run's device.
        lpips: measured where given.
        fid: measured where given.

    Raises:
        ValueError: if signals come with a network that sees images.
    """

    held_out: Tensor
    lpips: PerceptualDistance | None = None
    fid: FeatureExtractor | None = None

    def __post_init__(self) -> None:
        seeing = self.lpips is not None or self.fid is not None
        if seeing and self.held_out.dim() != 4:
            raise ValueError(
                "scores.lpips_weights and scores.fid_weights are of networks that see "
                f"images, and the data are signals {tuple(self.held_out.shape)}; "
                "leave both out"
            )

    @classmethod
    def of(cls, held_out: Tensor, scores: ScoreOptions) -> Instruments:
        """With the networks whose weights are given."""
        lpips, fid = scores.lpips_weights, scores.fid_weights
        extractor = None
        if fid is not None:
            extractor = random_extractor() if fid == "random" else load_inception(fid)
        return cls(
            held_out,
            None if lpips is None else PerceptualDistance(lpips),
            extractor,
        )

    def measure(self, model: VQVAE) -> dict[str, float]:
        """Measure a model as it is; it is left in eval mode.

        Returns:
            By name, over the whole held-out set: of images `psnr` and
            `psnr_of_mean_error` (dB), `ssim`, `l1` (of values in [0, 1]), and `lpips`
            and `rfid` where they can be; of signals what `evaluate_signals` returns;
            of both `usage`, `perplexity` and `entropy`. Of the codebook:
            `code_angle` (mean angle to the nearest other code, degrees),
            `code_uniformity`, and quantiles and mean of the norms. On a fixed part of
            the held-out set: `latent_angle`, `latent_uniformity`, `angle_to_code`
            (degrees), and what `gradient_alignment` returns.
        """
        model.eval()
        fixed = self._fixed()
        return {
            **self._scores(model),
            **_codebook_row(model.quantizer.codebook),
            **_latent_row(model, fixed),
            **gradient_alignment(model, fixed),
        }

    def _scores(self, model: VQVAE) -> dict[str, float]:
        batches = self.held_out.split(_BATCH)
        if model.dimensions == 1:
            return evaluate_signals(model, batches)
        found = evaluate_images(model, batches, lpips=self.lpips, fid=self.fid)
        return found.scores

    def _fixed(self) -> Tensor:
        """Evenly spread, the same ones at every step of every arm and seed."""
        alike = torch.zeros(len(self.held_out), dtype=torch.int64)
        return self.held_out[spread_indices(alike, _FIXED)]


def _codebook_row(codebook: Tensor) -> dict[str, float]:
    geometry = codebook_geometry(codebook)
    norms = geometry.norms.double().cpu()
    return {
        "code_angle": geometry.mean_nearest_angle,
        "code_uniformity": geometry.uniformity,
        "norm_mean": norms.mean().item(),
        **{name: norms.quantile(q).item() for name, q in _QUANTILES.items()},
    }


@torch.no_grad()
def _latent_row(model: VQVAE, images: Tensor) -> dict[str, float]:
    latents = model.latents(images)  # (B, D, h, w)
    tokens = to_tokens(latents).double()  # (N, D)
    codes = model.quantizer.embed(model.quantizer.assign(latents))
    cosine = F.cosine_similarity(tokens, to_tokens(codes).double(), dim=1)
    geometry = codebook_geometry(tokens)
    return {
        "latent_angle": geometry.mean_nearest_angle,
        "latent_uniformity": geometry.uniformity,
        "angle_to_code": math.degrees(cosine.clamp(-1, 1).acos().mean().item()),
    }
