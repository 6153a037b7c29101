"""A library under a textbook: angular margins, spherical codebooks, ArcVQ-VAE.

Every name is imported when it is first used, so that `arcvq --help` need not wait
for torch, nor a script for what only chapters and metrics need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arcvq_lite.data import (
        DownloadError,
        ImageSet,
        SignalSet,
        load_images,
        load_signals,
    )
    from arcvq_lite.evaluation import evaluate_images, evaluate_signals
    from arcvq_lite.geometry import (
        CodebookGeometry,
        codebook_geometry,
        project_to_ball,
        project_to_ball_,
        uniform_sphere,
    )
    from arcvq_lite.heads import ArcFaceHead, CosFaceHead, SoftmaxHead, SphereFaceHead
    from arcvq_lite.losses import ArcMarginLoss, arc_margin_loss
    from arcvq_lite.margins import add_angular_margin
    from arcvq_lite.metrics import CodebookUsage
    from arcvq_lite.models import (
        VQGAN,
        VQVAE,
        HypersphericalReconstruction,
        HypersphericalVAE,
        PatchCritic,
        Reconstruction,
        load_official,
        load_official_critic,
        official_state_dict,
        save_official,
    )
    from arcvq_lite.objective import VQGANObjective
    from arcvq_lite.perceptual import PerceptualDistance
    from arcvq_lite.prior import TokenPrior
    from arcvq_lite.quantizers import (
        CVQ,
        EMAVQ,
        FSQ,
        SQVQ,
        VQ,
        ArcVQ,
        FactorizedVQ,
        GroupedVQ,
        GumbelVQ,
        Quantized,
        Quantizer,
        ResidualVQ,
        WassersteinVQ,
    )
    from arcvq_lite.schedules import (
        Constant,
        ConstantRadius,
        ExponentialDecay,
        ExponentialRadius,
        PiecewiseSchedule,
        ShrinkingRadius,
    )
    from arcvq_lite.training import (
        DivergenceError,
        History,
        evaluate_vqvae,
        train_vqvae,
    )
    from arcvq_lite.updates import fast_update, official_update

__version__ = "0.1.0"

__all__ = [
    "CVQ",
    "EMAVQ",
    "FSQ",
    "SQVQ",
    "VQ",
    "VQGAN",
    "VQVAE",
    "ArcFaceHead",
    "ArcMarginLoss",
    "ArcVQ",
    "CodebookGeometry",
    "CodebookUsage",
    "Constant",
    "ConstantRadius",
    "CosFaceHead",
    "DivergenceError",
    "DownloadError",
    "ExponentialDecay",
    "ExponentialRadius",
    "FactorizedVQ",
    "GroupedVQ",
    "GumbelVQ",
    "History",
    "HypersphericalReconstruction",
    "HypersphericalVAE",
    "ImageSet",
    "PatchCritic",
    "PerceptualDistance",
    "PiecewiseSchedule",
    "Quantized",
    "Quantizer",
    "Reconstruction",
    "ResidualVQ",
    "ShrinkingRadius",
    "SignalSet",
    "SoftmaxHead",
    "SphereFaceHead",
    "TokenPrior",
    "VQGANObjective",
    "WassersteinVQ",
    "add_angular_margin",
    "arc_margin_loss",
    "codebook_geometry",
    "evaluate_images",
    "evaluate_signals",
    "evaluate_vqvae",
    "fast_update",
    "load_images",
    "load_official",
    "load_official_critic",
    "load_signals",
    "official_state_dict",
    "official_update",
    "project_to_ball",
    "project_to_ball_",
    "save_official",
    "train_vqvae",
    "uniform_sphere",
]

# The module of each name: what the imports above say to a type checker.
_NAMES = {
    "data": "DownloadError ImageSet SignalSet load_images load_signals",
    "evaluation": "evaluate_images evaluate_signals",
    "geometry": "CodebookGeometry codebook_geometry project_to_ball project_to_ball_ "
    "uniform_sphere",
    "heads": "ArcFaceHead CosFaceHead SoftmaxHead SphereFaceHead",
    "losses": "ArcMarginLoss arc_margin_loss",
    "margins": "add_angular_margin",
    "metrics": "CodebookUsage",
    "models": "VQGAN VQVAE HypersphericalReconstruction HypersphericalVAE PatchCritic "
    "Reconstruction load_official load_official_critic official_state_dict "
    "save_official",
    "objective": "VQGANObjective",
    "perceptual": "PerceptualDistance",
    "prior": "TokenPrior",
    "quantizers": "CVQ EMAVQ FSQ SQVQ VQ ArcVQ FactorizedVQ GroupedVQ GumbelVQ "
    "Quantized Quantizer ResidualVQ WassersteinVQ",
    "schedules": "Constant ConstantRadius ExponentialDecay ExponentialRadius "
    "PiecewiseSchedule ShrinkingRadius",
    "training": "DivergenceError History evaluate_vqvae train_vqvae",
    "updates": "fast_update official_update",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
