"""evaluate_images: every score of an autoencoder over a whole set of images."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

import torch
from torch import Tensor, nn

from arcvq_lite import __version__
from arcvq_lite.evaluation.eval_mode import evaluating
from arcvq_lite.evaluation.fingerprint import digest_codebook, digest_tensors
from arcvq_lite.evaluation.framing import device_of
from arcvq_lite.evaluation.frechet import FeatureExtractor
from arcvq_lite.evaluation.image_scores import MOST_DECIBELS
from arcvq_lite.evaluation.protocol import Facts, Protocol, find_protocol
from arcvq_lite.evaluation.reduction import process_count
from arcvq_lite.evaluation.result import Evaluation
from arcvq_lite.evaluation.tally import Tally, Totals
from arcvq_lite.models import Autoencoder, HypersphericalVAE
from arcvq_lite.perceptual import PerceptualDistance

# The score that each network would give, and the option that brings its weights.
_NETWORKS = {"lpips": "--lpips_weights PATH", "rfid": "--fid_weights PATH"}


@torch.no_grad()
def evaluate_images(
    model: Autoencoder,
    batches: Iterable[Tensor],
    *,
    lpips: PerceptualDistance | None = None,
    fid: FeatureExtractor | None = None,
    protocol: Protocol | str = "clean",
    data: str = "unnamed images",
) -> Evaluation:
    """Reconstruct a set of images and score the reconstructions.

    Under torch.distributed every process calls this with its own part of the set;
    sums and counts are added up in float64, and every process gets the result. Each
    image must be in one part only, as `one_pass` of `arcvq_lite.data.batches` deals
    them; a part may be empty.

    Of a model without codes the mean directions are decoded. They say more than the
    `kl` nats of a draw, so the score is no point of a rate and a distortion.

    Args:
        model: on the device to compute on; put into eval mode meanwhile.
        batches: images (b, C, H, W) in [−1, 1], all of one shape.
        lpips: measured where given; moved to the model's device.
        fid: the extractor for rFID, measured where given; moved likewise.
        protocol: "clean", "paper", or a `Protocol` such as
            `paper_protocol(quality=90)`.
        data: what the images are, for the result.

    Returns:
        The scores, what is missing, and everything that was done.

    Raises:
        ValueError: if there is no image, shapes differ, an image or a
            reconstruction is not finite, or the protocol has no such name.

    Example:
        >>> import torch
        >>> from arcvq_lite import VQ, VQVAE
        >>> model = VQVAE(3, VQ(num_codes=8, dim=4), hidden=4, residual_hidden=2)
        >>> found = evaluate_images(model, [torch.zeros(2, 3, 16, 16)])
        >>> found.images, found.tokens, sorted(found.not_computed)
        (2, 32, ['lpips', 'rfid'])
    """
    chosen = find_protocol(protocol)
    networks: list[nn.Module] = [model]
    if lpips is not None:
        networks.append(lpips.to(device_of(model)))
    if fid is not None:
        networks.append(fid.network)
    with evaluating(*networks):
        tally = Tally(model, lpips, fid, chosen)
        for images in batches:
            tally.add(images)
    totals = tally.totals()
    return Evaluation(
        scores=totals.scores,
        not_computed=_missing(totals, fid),
        data=data,
        images=totals.images,
        image_shape=totals.image_shape,
        tokens=totals.tokens,
        num_codes=_codes_of(model),
        processes=process_count(),
        protocol={
            "name": chosen.name,
            "psnr": f"values in [0, 1]; an image counts at most {MOST_DECIBELS:g} dB",
            **chosen.facts,
        },
        measures={
            **_perceptual_facts(lpips),
            **_frechet_facts(fid, data, totals.images),
        },
        model=_described(model),
        versions=_versions(lpips, fid),
    )


def _missing(totals: Totals, fid: FeatureExtractor | None) -> dict[str, str]:
    missing = {
        name: f"needs weights: {option}"
        for name, option in _NETWORKS.items()
        if name not in totals.scores
    }
    if fid is not None and fid.term not in totals.scores:
        missing[fid.term] = f"needs at least 2 images, got {totals.images}"
    return missing


def _perceptual_facts(lpips: PerceptualDistance | None) -> dict[str, Facts]:
    if lpips is None:
        return {}
    digest = digest_tensors(lpips.network.state_dict())
    return {lpips.term: {"network": "LPIPS with VGG-16", "sha256_of_tensors": digest}}


def _frechet_facts(
    fid: FeatureExtractor | None, data: str, images: int
) -> dict[str, Facts]:
    if fid is None:
        return {}
    reference = f"these {images} images of {data}, prepared as the reconstructions"
    return {fid.term: {**fid.facts, "reference": reference, "samples": images}}


def _codes_of(model: Autoencoder) -> int | tuple[int, ...] | None:
    return None if isinstance(model, HypersphericalVAE) else model.quantizer.num_codes


def _described(model: Autoencoder) -> dict[str, str]:
    if isinstance(model, HypersphericalVAE):
        return {
            "kind": type(model).__name__,
            "sha256_of_tensors": digest_tensors(model.state_dict()),
        }
    return {
        "kind": type(model).__name__,
        "quantizer": type(model.quantizer).__name__,
        "sha256_of_tensors": digest_tensors(model.state_dict()),
        "codebook_sha256": digest_codebook(model.quantizer.codebook),
    }


def _versions(
    lpips: PerceptualDistance | None, fid: FeatureExtractor | None
) -> dict[str, str]:
    packages = ["torchmetrics", "pillow"]
    packages += [] if lpips is None else ["lpips"]
    packages += [] if fid is None else ["torch-fidelity"]
    return {
        "arcvq-lite": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        **{package: _version(package) for package in packages},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
