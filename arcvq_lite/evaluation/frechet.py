"""rFID: the Fréchet distance between features of images and of reconstructions."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from arcvq_lite.evaluation.fingerprint import digest_file, digest_tensors
from arcvq_lite.evaluation.protocol import Facts
from arcvq_lite.evaluation.reduction import summed
from arcvq_lite.models.official_checkpoint import read_plain

_FEATURES = 2048  # of Inception's last pooling
_PUBLISHED = "6726825d"  # how the SHA-256 of its file begins, as the name says
_RANDOM_FEATURES = 32


@dataclass(frozen=True, eq=False)
class FeatureExtractor:
    """A network whose features are compared, and what the distance may be called.

    Attributes:
        network: levels (B, 3, H, W) uint8 to features (B, F).
        num_features: F.
        term: "rfid", or another name where it is not that.
        facts: what the network is, for the result.
    """

    network: nn.Module
    num_features: int
    term: str
    facts: Facts


def load_inception(path: str | os.PathLike[str]) -> FeatureExtractor:
    """The Inception network of FID, from torch-fidelity's file of its weights.

    It resizes to 299×299 bilinearly, as TensorFlow 1 did, without antialiasing. Other
    weights of the same shapes, untrained ones perhaps, give a distance too, but not
    under the name rFID: only the published file does.

    Args:
        path: `weights-inception-2015-12-05-6726825d.pth` of torch-fidelity's
            releases; a plain state dict, which is read without executing it.

    Returns:
        The extractor; its `term` is "rfid", or "unpublished_frechet" where the file
        is not the published one, byte for byte.

    Raises:
        ModuleNotFoundError: if the `torch-fidelity` package is missing.
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, or not that network's.

    Source: FID (Heusel et al., 2017).
    """
    weights = read_plain(Path(path), argument="fid weights")
    try:
        network = _Inception(weights)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ValueError(
            f"fid weights={str(path)!r} are not those of torch-fidelity's Inception; "
            "pass its weights-inception-2015-12-05-6726825d.pth"
        ) from error
    digest = digest_file(Path(path))
    published = digest.startswith(_PUBLISHED)
    facts: Facts = {
        "extractor": "Inception v3 of torch-fidelity, "
        + ("2015-12-05" if published else "not with the published weights"),
        "features": _FEATURES,
        "sha256": digest,
        "resize": "299x299, bilinear as in TensorFlow 1, antialias=False",
    }
    term = "rfid" if published else "unpublished_frechet"
    return FeatureExtractor(network, _FEATURES, term, facts)


def random_extractor() -> FeatureExtractor:
    """An untrained extractor, the same one everywhere.

    Its distance measures nothing and is never called rFID; it serves tests, and to
    see that an evaluation runs.
    """
    network = _RandomFeatures()
    facts: Facts = {
        "extractor": "untrained convolutions",
        "features": _RANDOM_FEATURES,
        "sha256": digest_tensors(network.state_dict()),
        "resize": "none",
    }
    return FeatureExtractor(network, _RANDOM_FEATURES, "random_frechet", facts)


class FrechetTally:
    """Sums of features over a set, and the distance between its two sides.

    Args:
        extractor: of the features.
        device: where the network computes; the sums are taken on the CPU.

    Attributes:
        term: what the distance may be called.
    """

    def __init__(self, extractor: FeatureExtractor, device: torch.device) -> None:
        from torchmetrics.image.fid import FrechetInceptionDistance  # takes seconds

        self.term = extractor.term
        self._metric = FrechetInceptionDistance(
            feature=_OnDevice(extractor, device), sync_on_compute=False
        )

    def add(self, images: Tensor, reconstructions: Tensor) -> None:
        """Take in two batches of levels (B, 3, H, W) uint8."""
        self._metric.update(images, real=True)
        self._metric.update(reconstructions, real=False)

    def distance(self) -> float:
        """Of everything that all processes took in, at least two images."""
        nothing = torch.empty((0, 3, 1, 1), dtype=torch.uint8)
        self.add(nothing, nothing)  # the metric must have seen a batch to compute
        metric: Any = self._metric
        for side in ("real", "fake"):
            for sum_ in ("features_sum", "features_cov_sum", "features_num_samples"):
                name = f"{side}_{sum_}"
                setattr(metric, name, summed(getattr(metric, name)))
        return float(metric.compute())


class _OnDevice(nn.Module):
    """An extractor on its device, its features in float64 on the CPU."""

    def __init__(self, extractor: FeatureExtractor, device: torch.device) -> None:
        super().__init__()
        self.network = extractor.network.to(device)
        self.num_features = extractor.num_features
        self.device = device

    def forward(self, levels: Tensor) -> Tensor:
        if len(levels) == 0:
            return torch.empty((0, self.num_features), dtype=torch.float64)
        features: Tensor = self.network(levels.to(self.device))
        return features.cpu().double()


class _Inception(nn.Module):
    """torch-fidelity's network with the given weights."""

    def __init__(self, weights: Any) -> None:
        super().__init__()
        from torch_fidelity.feature_extractor_inceptionv3 import (
            FeatureExtractorInceptionV3,
        )

        # It unpickles the file that it is given, so it is given one written here, of
        # what was read as plain data.
        harmless = io.BytesIO()
        torch.save(weights, harmless)
        harmless.seek(0)
        self.network = FeatureExtractorInceptionV3(
            "inception-v3-compat", [str(_FEATURES)], harmless
        )

    def forward(self, levels: Tensor) -> Tensor:
        features: Tensor = self.network(levels)[0]
        return features


class _RandomFeatures(nn.Module):
    """Two strided convolutions with weights from a seed of their own."""

    near: Tensor
    far: Tensor

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        near = torch.randn(16, 3, 5, 5, generator=generator) / 75**0.5
        far = torch.randn(_RANDOM_FEATURES, 16, 3, 3, generator=generator) / 12
        self.register_buffer("near", near)
        self.register_buffer("far", far)

    def forward(self, levels: Tensor) -> Tensor:
        x = levels.float() / 127.5 - 1
        for weight in (self.near, self.far):
            x = nn.functional.conv2d(x, weight, stride=2, padding=2).relu()
        return x.mean(dim=(2, 3))
